import { expect, it } from "vitest";
import { bytesOf } from "./bytes-of.ts";

/** Goal: no more is read than may be. Method: pieces of two bytes, of which one after the other is asked for. */
it.each([
  [0, 4, 0, 1],
  [1, 4, 2, 2],
  [2, 4, 4, 3],
  [3, 4, undefined, 3],
  [9, 5, undefined, 3],
])("of %i pieces of two bytes, where %i may come, reads %s", async (pieces, bytesMax, length, asked) => {
  let pulls = 0;
  let left = false;
  const body = new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        if (pulls++ === pieces) controller.close();
        else controller.enqueue(Uint8Array.of(1, 2));
      },
      cancel: () => void (left = true),
    },
    { highWaterMark: 0 },
  );
  expect((await bytesOf(body, bytesMax))?.length).toBe(length);
  expect([pulls, left]).toEqual([asked, length === undefined]);
});

it("reads nothing where there is nothing", async () => {
  expect(await bytesOf(null, 1)).toEqual(new Uint8Array(0));
});
