import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { changedBytes } from "../../test/changed.ts";
import { fromHex } from "../bytes.ts";
import {
  bitNumbersOf,
  booleanOf,
  DerReader,
  integerOf,
  oidOf,
  readDer,
  smallIntegerOf,
  TAG,
  textOf,
  timeOf,
  wholeBitStringOf,
} from "./der.ts";

const one = (hex: string) => readDer(fromHex(hex), (reader) => reader.next());
const ascii = (text: string) => new TextEncoder().encode(text);
const time = (tag: number, text: string) =>
  readDer(Uint8Array.of(tag, text.length, ...ascii(text)), (reader) => timeOf(reader.next()));

describe("an element", () => {
  /** Goal: one spelling for each element. Method: X.690 §10.1's rules for lengths, each broken once. */
  it.each<[what: string, hex: string]>([
    ["nothing", ""],
    ["a tag alone", "04"],
    ["a content cut off", "0402aa"],
    ["a byte too many", "0401aabb"],
    ["an indefinite length", "3080050000 00".replace(" ", "")],
    ["a long length where a short one fits", "048101aa"],
    ["a length with a zero in front", `04820080${"aa".repeat(128)}`],
    ["a length of four bytes", "048400000001aa"],
    ["a tag of several bytes", "1f8101 00".replace(" ", "")],
  ])("is refused with %s", (_, hex) => {
    expect(one(hex)).toBeUndefined();
  });

  it("keeps what it read", () => {
    expect(one("0402aabb")).toEqual({ tag: 4, content: fromHex("aabb"), whole: fromHex("0402aabb") });
    expect(one(`048180${"aa".repeat(128)}`)?.content).toHaveLength(128);
    expect(one(`04820100${"aa".repeat(256)}`)?.content).toHaveLength(256);
    expect(one(`0483010000${"aa".repeat(65_536)}`)?.content).toHaveLength(65_536);
  });

  /** Goal: a reader always ends, and takes nothing twice. Method: random bytes; what was read, put together, is what was there. */
  it("is read once", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        const parts = readDer(bytes, (reader) => reader.each((each) => each.next().whole));
        if (parts) expect(parts.flatMap((part) => [...part])).toEqual([...bytes]);
      }),
    );
  });
});

const value = <T>(read: (content: Uint8Array) => T, hex: string): T | undefined =>
  readDer(new Uint8Array(0), () => read(fromHex(hex)));

/** Goal: values have one spelling too. Method: good ones, and what they could be mistaken for. */
describe("a value", () => {
  it.each<[hex: string, oid: string | undefined]>([
    ["551d13", "2.5.29.19"],
    ["2a864886f763640801", "1.2.840.113635.100.8.1"],
    ["883703", "2.999.3"],
    ["00", "0.0"],
    ["27", "0.39"],
    ["", undefined],
    ["2a86", undefined],
    ["2a8003", undefined],
    ["2affffffffffffffffff7f", undefined],
  ])("object identifier %s is %s", (hex, oid) => {
    expect(value(oidOf, hex)).toBe(oid);
  });

  it.each<[hex: string, number: number | undefined]>([
    ["00", 0],
    ["7f", 127],
    ["0080", 128],
    ["7fffffff", 2_147_483_647],
    ["", undefined],
    ["ff", undefined],
    ["007f", undefined],
    ["0080000000", undefined],
  ])("integer %s is %s", (hex, number) => {
    expect(value(smallIntegerOf, hex)).toBe(number);
  });

  it.each<[hex: string, good: boolean]>([
    ["ff", true],
    ["ff7f", true],
    ["ff80", false],
    ["0001", false],
  ])("integer %s is well formed: %s", (hex, good) => {
    expect(value(integerOf, hex) !== undefined).toBe(good);
  });

  it.each<[hex: string, truth: boolean | undefined]>([
    ["ff", true],
    ["00", false],
    ["01", undefined],
    ["ffff", undefined],
    ["", undefined],
  ])("boolean %s is %s", (hex, truth) => {
    expect(value(booleanOf, hex)).toBe(truth);
  });

  it.each<[hex: string, numbers: number[] | undefined]>([
    ["0204", [5]],
    ["0780", [0]],
    ["070080", [8]],
    ["00", []],
    ["0205", undefined],
    ["0880", undefined],
    ["01", undefined],
    ["", undefined],
  ])("bits %s are %s", (hex, numbers) => {
    const bits = value(bitNumbersOf, hex);
    expect(bits && [...bits]).toEqual(numbers);
  });

  it("bit string of bytes has whole bytes", () => {
    expect(value(wholeBitStringOf, "00aabb")).toEqual(fromHex("aabb"));
    expect(value(wholeBitStringOf, "01aabb")).toBeUndefined();
  });

  it("text is UTF-8", () => {
    expect(value(textOf, "c3bc")).toBe("ü");
    expect(value(textOf, "fc")).toBeUndefined();
  });

  it.each<[tag: number, text: string, iso: string | undefined]>([
    [TAG.utcTime, "260102030405Z", "2026-01-02T03:04:05.000Z"],
    [TAG.utcTime, "490101000000Z", "2049-01-01T00:00:00.000Z"],
    [TAG.utcTime, "500101000000Z", "1950-01-01T00:00:00.000Z"],
    [TAG.generalizedTime, "99991231235959Z", "9999-12-31T23:59:59.000Z"],
    [TAG.generalizedTime, "20260229000000Z", undefined],
    [TAG.utcTime, "260102030460Z", undefined],
    [TAG.utcTime, "2601020304Z", undefined],
    [TAG.utcTime, "260102030405+0100", undefined],
    [TAG.utcTime, "20260102030405Z", undefined],
    [TAG.generalizedTime, "260102030405Z", undefined],
    [TAG.generalizedTime, "20260102030405.5Z", undefined],
    [TAG.ia5String, "260102030405Z", undefined],
  ])("time %i %s is %s", (tag, text, iso) => {
    const ms = time(tag, text);
    expect(ms === undefined ? undefined : new Date(ms).toISOString()).toBe(iso);
  });
});

/** Goal: no content throws anything but `DerFault`, and what is read has one spelling. Method: any bytes, and good values with some changed. */
it("reads a value or none", () => {
  const readers = [oidOf, integerOf, smallIntegerOf, booleanOf, wholeBitStringOf, bitNumbersOf, textOf];
  const good = ["2a864886f763640801", "0080", "7fffffff", "ff", "070080", "c3bc"].map(fromHex);
  const times = [TAG.utcTime, TAG.generalizedTime];
  const contents = fc.oneof(
    fc.uint8Array({ maxLength: 20 }),
    fc.constantFrom(...good, ascii("260102030405Z"), ascii("20260102030405Z")).chain(changedBytes),
  );
  fc.assert(
    fc.property(contents, (content) => {
      for (const read of readers) {
        const found = readDer(new Uint8Array(0), () => read(content));
        if (typeof found === "number") expect(Number.isSafeInteger(found) && found >= 0).toBe(true);
        if (read === textOf && typeof found === "string") expect(ascii(found)).toEqual(Uint8Array.from(content));
      }
      for (const tag of times) {
        const ms = readDer(new Uint8Array(0), () => timeOf({ tag, content, whole: content }));
        if (ms !== undefined) expect(new Date(ms).toISOString()).toContain("T");
      }
    }),
    { numRuns: 1000 },
  );
});

/** Goal: a mistake of ours is not taken for bad input. Method: a reading that fails for another reason. */
it("lets other errors through", () => {
  const ours = () => readDer(new Uint8Array(0), () => DerReader.prototype.next.call(undefined));
  expect(ours).toThrow(TypeError);
});
