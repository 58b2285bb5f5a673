import { IncomingMessage } from "node:http";
import { Socket } from "node:net";
import { expect, it, vi } from "vitest";
import { Budget } from "../limits/budget.ts";
import { readBody } from "./body.ts";

const MIB = 1024 * 1024;

/** Goal: who sends far too much is told so, and reads it, and is cut off where even that is no end. Method: a body of 1 MiB at most; so many that come. */
it("drops what comes behind a body that is too large, up to its bound", async () => {
  const request = new IncomingMessage(new Socket());
  const destroyed = vi.spyOn(request, "destroy");
  const read = readBody(request, MIB, new Budget(4 * MIB).share("account"));
  const piece = Buffer.alloc(MIB);
  const send = (pieces: number) => {
    for (let n = 0; n < pieces; n++) request.emit("data", piece);
  };
  send(2);
  await expect(read).rejects.toMatchObject({ failure: { code: "payload_too_large", maxBytes: MIB } });
  send(63);
  expect(destroyed).not.toHaveBeenCalled();
  request.emit("data", Buffer.alloc(1));
  expect(destroyed).toHaveBeenCalledOnce();
});
