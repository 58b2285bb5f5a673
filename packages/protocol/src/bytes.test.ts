import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  concatBytes,
  equalBytes,
  fromBase64,
  fromBase64ByTable,
  fromBase64OrNothing,
  fromBase64Url,
  fromHex,
  fromUtf8,
  toBase64,
  toBase64ByTable,
  toBase64Url,
  toHex,
  toHexByTable,
  u32be,
  utf8,
} from "./bytes.ts";

const bytes = fc.uint8Array({ maxLength: 400 }).map((array) => new Uint8Array(array));

describe("base64", () => {
  /** Goal: all ways of coding agree with another implementation. Method: any bytes, against Node's own Buffer. */
  it("agrees with Buffer", () => {
    fc.assert(
      fc.property(bytes, (plain) => {
        const expected = Buffer.from(plain).toString("base64");
        for (const text of [toBase64(plain), toBase64ByTable(plain)]) expect(text).toBe(expected);
        for (const back of [fromBase64(expected), fromBase64ByTable(expected)]) expect(back).toEqual(plain);
        const word = toBase64Url(plain);
        expect(word).toBe(Buffer.from(plain).toString("base64url"));
        expect(fromBase64Url(word)).toEqual(plain);
      }),
    );
  });

  /** Goal: bytes have one spelling. Method: other spellings, in the native and in the table form. */
  it.each([
    "QQ",
    "QQ=",
    "QR==",
    "QUJ=",
    "Q===",
    "====",
    "QQ==QQ==",
    "Q Q=",
    "QUI=\n",
    "Q\nQ=    ",
    "QQ==    ",
    "-_-_",
    "é===",
  ])("refuses %j", (text) => {
    expect(() => fromBase64(text)).toThrow(RangeError);
    expect(() => fromBase64ByTable(text)).toThrow(RangeError);
    expect(fromBase64OrNothing(text)).toEqual(new Uint8Array(0));
  });

  /** Goal: the same for the form without padding. Method: padded, foreign letters, impossible lengths, stray bits. */
  it.each(["QQ==", "+/+/", "Q", "QR", "QUJ", "Q Q"])("refuses %j as base64url", (text) => {
    expect(() => fromBase64Url(text)).toThrow(RangeError);
  });
});

describe("hex", () => {
  /** Goal: there and back. Method: any bytes, against Buffer. */
  it("agrees with Buffer", () => {
    fc.assert(
      fc.property(bytes, (plain) => {
        for (const text of [toHex(plain), toHexByTable(plain)]) expect(text).toBe(Buffer.from(plain).toString("hex"));
        expect(fromHex(toHex(plain))).toEqual(plain);
      }),
    );
  });

  /** Goal: one spelling. Method: upper case, half a byte, foreign letters. */
  it.each(["AB", "a", "0x", "g0", "ab "])("refuses %j", (text) => expect(() => fromHex(text)).toThrow(RangeError));
});

describe("text and numbers", () => {
  /** Goal: what is decoded can be encoded to the same bytes. Method: any text, also with a byte order mark; then bytes that are no text. */
  it("keeps UTF-8 as it is", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme" }), (text) => {
        expect(fromUtf8(utf8(text))).toBe(text);
      }),
    );
    expect(utf8(fromUtf8(Uint8Array.of(0xef, 0xbb, 0xbf, 0x61)))).toEqual(Uint8Array.of(0xef, 0xbb, 0xbf, 0x61));
    expect(() => fromUtf8(Uint8Array.of(0xc0, 0x80))).toThrow(TypeError);
  });

  /** Goal: lengths are written as they are or not at all. Method: the ends of the range and beyond. */
  it("writes 32 bits", () => {
    expect(u32be(0x01020304)).toEqual(Uint8Array.of(1, 2, 3, 4));
    expect(u32be(0xffff_ffff)).toEqual(Uint8Array.of(255, 255, 255, 255));
    for (const wrong of [-1, 2 ** 32, 0.5, Number.NaN]) expect(() => u32be(wrong)).toThrow(RangeError);
  });

  /** Goal: parts are joined and compared. Method: one example each way. */
  it("joins and compares", () => {
    expect(concatBytes(utf8("ab"), utf8(""), utf8("c"))).toEqual(utf8("abc"));
    expect(equalBytes(utf8("abc"), utf8("abc"))).toBe(true);
    expect(equalBytes(utf8("abc"), utf8("abd"))).toBe(false);
    expect(equalBytes(utf8("abc"), utf8("ab"))).toBe(false);
  });
});
