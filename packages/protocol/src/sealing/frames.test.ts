import { expect, it } from "vitest";
import { concatBytes, u32be } from "../bytes.ts";
import { AnswerTampered, FrameReader } from "./frames.ts";

const nonce = new Uint8Array(32).fill(7);
/** A frame that nobody needs a key to part: its ciphertext is any bytes. */
const frame = (counter: number, flags = 0): Uint8Array =>
  concatBytes(u32be(9 + 20), u32be(counter), Uint8Array.of(flags), u32be(0), new Uint8Array(20).fill(counter));
const first = concatBytes(nonce, frame(0));

/** Goal: what once was found changed stays so. Method: good bytes behind bad ones, and an end that came before them. */
it.each([
  ["a frame of another counter", [concatBytes(nonce, frame(1))], first],
  ["bytes behind its end", [first, frame(1, 1), Uint8Array.of(0)], new Uint8Array(0)],
  ["its end twice", [concatBytes(first, frame(1, 1)), frame(2, 1)], frame(2, 1)],
])("is refused for good with %s", (_, pushed, next) => {
  const reader = new FrameReader();
  for (const bytes of pushed.slice(0, -1)) reader.push(bytes);
  expect(() => reader.push(pushed.at(-1) ?? nonce)).toThrow(AnswerTampered);
  expect(reader.finished).toBe(false);
  expect(() => reader.push(next)).toThrow(AnswerTampered);
  expect(reader.finished).toBe(false);
});

it("has finished with its final frame alone", () => {
  const reader = new FrameReader();
  const finished = [first, frame(1), frame(2, 1)].map((bytes) => [reader.push(bytes).length, reader.finished]);
  expect(finished).toEqual([
    [1, false],
    [1, false],
    [1, true],
  ]);
});

/** Goal: what waits for the rest of its frame is its own. Method: the caller's buffer is written over meanwhile. */
it("keeps what is not whole yet, whatever becomes of the bytes that came", () => {
  const reader = new FrameReader();
  const half = first.slice(0, 50);
  expect(reader.push(half)).toEqual([]);
  half.fill(0xff);
  expect(reader.push(first.subarray(50)).map(({ bytes }) => bytes)).toEqual([first]);
});
