import type { Socket } from "node:net";

export class LineTooLongError extends Error {
  override readonly name = "LineTooLongError";
}

/**
 * The lines that come over a socket, without their line feeds; an unfinished last one is dropped.
 *
 * @throws LineTooLongError once a line is longer than `charsMax`, before more of it is kept
 */
export async function* linesOf(socket: Socket, charsMax: number): AsyncGenerator<string> {
  socket.setEncoding("utf8");
  // Whoever reads may still have an answer to send after the last line it wants, so the socket stays open.
  const chunks: AsyncIterable<string> = socket.iterator({ destroyOnReturn: false });
  let rest = "";
  for await (const chunk of chunks) {
    const lines = (rest + chunk).split("\n");
    rest = lines.pop() ?? "";
    if (rest.length > charsMax || lines.some((line) => line.length > charsMax)) throw new LineTooLongError();
    yield* lines;
  }
}
