import { NetworkError } from "@darkbloom/protocol/failures";
import type { IncomingMessage, ServerResponse } from "node:http";

/**
 * A signal that aborts, with `caller_gone`, when the connection is lost before the response was finished.
 * The socket is watched too: in older Nodes (20 does so, 26 no longer) the response to a pipelined request
 * hears of no close before its turn has come.
 */
export function watchHangUp({ socket }: IncomingMessage, response: ServerResponse): AbortSignal {
  const hangUp = new AbortController();
  const closed = () => {
    socket.off("close", closed);
    if (response.writableFinished) return;
    const phase = response.headersSent ? "after_content" : "before_content";
    hangUp.abort(new NetworkError({ code: "caller_gone", phase }));
  };
  socket.once("close", closed);
  response.once("close", closed);
  // A write to a connection that was just lost; `close` follows.
  response.on("error", () => {});
  return hangUp.signal;
}
