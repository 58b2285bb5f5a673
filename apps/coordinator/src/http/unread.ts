import type { ServerResponse } from "node:http";
import type { Share } from "../limits/budget.ts";

/** Leaving the scope gives room back once the response has left this program: what its caller has not read is still here. */
export function untilWritten(response: ServerResponse, room: Share): Disposable {
  return {
    [Symbol.dispose]: () => {
      if (response.writableEnded && !response.writableFinished && !response.destroyed)
        response.once("close", () => room[Symbol.dispose]());
      else room[Symbol.dispose]();
    },
  };
}
