import { Writable } from "node:stream";
import { setImmediate as turn } from "node:timers/promises";
import { expect, it } from "vitest";
import { oneWrite } from "./one-write.ts";

/** Goal: what is sent together is one write. Method: a stream that counts its writes, over two steps. */
it("gathers what is written in one step", async () => {
  const writes: string[] = [];
  const socket = new Writable({
    decodeStrings: false,
    writev: (chunks, done) => {
      writes.push(chunks.map(({ chunk }) => String(chunk)).join(" "));
      done();
    },
    write: (chunk, _, done) => {
      writes.push(String(chunk));
      done();
    },
  });
  const gather = oneWrite(socket);
  for (const one of ["a", "b", "c"]) {
    gather();
    socket.write(one);
  }
  expect(writes).toEqual([]);
  await turn();
  gather();
  socket.write("d");
  await turn();
  expect(writes).toEqual(["a b c", "d"]);
  expect(socket.writableCorked).toBe(0);
});
