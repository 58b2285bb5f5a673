/** What one event of a stream adds. */
export interface Piece {
  readonly text?: string;
  readonly thought?: string;
  /** The stream tells of a failure, in the coordinator's words. */
  readonly error?: { readonly message: string; readonly code?: string };
}

/** One line of a stream of chat completions; undefined for what adds nothing. */
export function pieceOf(line: string): Piece | undefined {
  const data = /^data: ?(\{.*)$/.exec(line)?.[1];
  if (data === undefined) return undefined;
  const said = JSON.parse(data) as Chunk;
  if (said.error) return { error: said.error };
  const delta = said.choices?.[0]?.delta;
  const [text, thought] = [delta?.content ?? "", delta?.reasoning_content ?? ""];
  if (text === "" && thought === "") return undefined;
  return { ...(text !== "" && { text }), ...(thought !== "" && { thought }) };
}

/** What is read of an event; all else is left. */
interface Chunk {
  readonly choices?: readonly {
    readonly delta?: { readonly content?: string | null; readonly reasoning_content?: string | null };
  }[];
  readonly error?: { readonly message: string; readonly code?: string };
}

/** The lines of an answer, as they come. */
export async function* linesOf(body: ReadableStream<Uint8Array<ArrayBuffer>>): AsyncGenerator<string> {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    const lines = (rest + value).split(/\r?\n/);
    rest = lines.pop() ?? "";
    yield* lines;
  }
  if (rest !== "") yield rest;
}
