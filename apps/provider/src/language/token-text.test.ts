import fc from "fast-check";
import { expect, it } from "vitest";
import { TokenText } from "./token-text.ts";

/** Each token is some bytes, as in a byte-level tokenizer. */
const decode = (tokens: readonly Uint8Array[]) => Buffer.concat(tokens).toString();

function pieces(tokens: readonly Uint8Array[]): string[] {
  const text = new TokenText(decode, []);
  return [...tokens.map((token) => text.push(token)), text.end()];
}

/** Goal: no piece ends inside a character, and none is lost. Method: any text, its bytes cut into tokens anywhere. */
it("gives whole characters only", () => {
  const text = fc.string({ unit: fc.constantFrom("a", " ", "é", "€", "😀", "漢") });
  fc.assert(
    fc.property(text, fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1 }), (whole, lengths) => {
      const bytes = Buffer.from(whole);
      const tokens: Uint8Array[] = [];
      for (let at = 0, n = 0; at < bytes.length; n++) {
        const length = lengths[n % lengths.length] ?? 1;
        tokens.push(bytes.subarray(at, at + length));
        at += length;
      }
      const said = pieces(tokens);
      expect(said.join("")).toBe(whole);
      for (const piece of said) expect(piece).not.toContain("\uFFFD");
    }),
  );
});

it("holds nothing back that is whole", () => {
  expect(pieces([Buffer.from("a"), Buffer.from("é b")])).toEqual(["a", "é b", ""]);
});

it("lets out what will never be a character", () => {
  const broken = Uint8Array.of(0xf0, 0x9f);
  expect(pieces([broken])).toEqual(["", "\uFFFD"]);
  expect(pieces([broken, Buffer.from("ok")])).toEqual(["", "\uFFFDok", ""]);
  const noise = pieces(Array.from({ length: 8 }, () => Uint8Array.of(0x80)));
  expect(noise.join("")).toBe("\uFFFD".repeat(8));
  expect(noise.at(-1)).toHaveLength(3);
});

/** Goal: what is decoded again with each token is bounded. Method: bytes that never end a character; what is out after each. */
it("gives up on a character after thirty-two tokens", () => {
  const text = new TokenText(decode, []);
  let out = 0;
  const outAfter = Array.from({ length: 33 }, () => (out += text.push(Uint8Array.of(0x80)).length));
  expect(outAfter.slice(29)).toEqual([27, 28, 32, 32]);
});
