import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Failure, NetworkError } from "../failures.ts";
import { ourWords, type Serial } from "../ids.ts";
import { PINNED_SERIALS_MAX, STOP_STRING_CHARS_MAX } from "../limits.ts";
import {
  CONTENT_PARTS_MAX,
  fieldOf,
  invalid,
  listOf,
  MODEL_CHARS_MAX,
  modelField,
  pinsOf,
  refuseLong,
  refuseManyParts,
  SERIAL_CHARS_MAX,
  serialsField,
  stopStringField,
  temperatureField,
  tokensField,
  unsupported,
} from "./fields.ts";

function failureOf(act: () => unknown): Failure | undefined {
  try {
    act();
    return undefined;
  } catch (error) {
    if (error instanceof NetworkError) return error.failure;
    throw error;
  }
}

/** Goal: each bound is where its name says. Method: a value on it and one beyond it. */
describe("a field that dialects share", () => {
  const long = (length: number) => "a".repeat(length);
  const serials = (length: number) => Array.from({ length }, (_, at) => `S${at}`);
  const cases = [
    ["model", modelField, [long(MODEL_CHARS_MAX), "a/b"], ["", long(MODEL_CHARS_MAX + 1), null, 5]],
    ["tokens", tokensField, [1, null, undefined, 1e9, 1e18, 1e300], [0, -1, 1.5, "1", NaN, Infinity]],
    ["a stop string", stopStringField, [" ", long(STOP_STRING_CHARS_MAX)], ["", long(STOP_STRING_CHARS_MAX + 1)]],
    ["temperature", temperatureField(2), [0, 2, null, undefined], [-0.1, 2.1, "1", NaN, Infinity]],
    [
      "serials",
      serialsField,
      ["a", long(SERIAL_CHARS_MAX), serials(PINNED_SERIALS_MAX), null],
      ["", " ", "é", "a\nb", long(SERIAL_CHARS_MAX + 1), [], [""], serials(PINNED_SERIALS_MAX + 1), {}],
    ],
  ] as const;
  for (const [name, field, taken, refused] of cases)
    it(name, () => {
      for (const value of taken) expect([value, field.safeParse(value).success]).toEqual([value, true]);
      for (const value of refused) expect([value, field.safeParse(value).success]).toEqual([value, false]);
    });
});

describe("pins", () => {
  const pins = (provider_serial: unknown, provider_serials: unknown) =>
    pinsOf({ provider_serial, provider_serials } as Parameters<typeof pinsOf>[0]);

  it.each<[unknown, unknown, string[]]>([
    [undefined, undefined, []],
    [null, null, []],
    ["a", null, ["a"]],
    [undefined, "a", ["a"]],
    [
      ["a", "b"],
      ["b", "c"],
      ["a", "b", "c"],
    ],
    ["a", ["a"], ["a"]],
  ])("%j and %j", (one, several, expected) => expect(pins(one, several)).toEqual(expected as Serial[]));

  it("are at most so many in both fields together, told apart", () => {
    const full = Array.from({ length: PINNED_SERIALS_MAX }, (_, at) => `S${at}`);
    expect(pins(full, full)).toHaveLength(PINNED_SERIALS_MAX);
    expect(failureOf(() => pins(full, "more"))).toMatchObject({ code: "body_invalid", param: "provider_serials" });
  });
});

describe("counting before reading", () => {
  it("refuses the first list that is too long, by its name, and nothing that is no list", () => {
    const lists = [
      ["a", 1, ourWords`one`],
      ["b", 2, ourWords`two`],
    ] as const;
    const refused = (body: unknown) => failureOf(() => refuseLong(body, lists));
    for (const fine of [{ a: [1], b: [1, 2] }, { a: "long text" }, { a: { length: 9 } }, {}, null, "a", 5, [1, 2, 3]])
      expect(refused(fine)).toBeUndefined();
    expect(refused({ a: [1, 2], b: [1, 2, 3] })).toEqual({ code: "body_invalid", param: "a", expected: "one" });
    expect(refused({ b: [1, 2, 3] })).toEqual({ code: "body_invalid", param: "b", expected: "two" });
  });

  it("counts the parts of all messages together", () => {
    const parts = (length: number) => ({ content: Array.from({ length }, () => "a") });
    const half = CONTENT_PARTS_MAX / 2;
    const refused = (messages: unknown) => failureOf(() => refuseManyParts(messages, "messages"));
    for (const fine of [[parts(half), parts(half)], [{ content: "text" }, null, 5], "messages", undefined])
      expect(refused(fine)).toBeUndefined();
    expect(refused([parts(half), 5, parts(half + 1)])).toMatchObject({ code: "body_invalid", param: "messages" });
  });
});

/** Goal: any value can be asked for a field. Method: arbitrary values; only objects have any. */
it("reads a field of anything", () => {
  fc.assert(
    fc.property(fc.anything(), (value) => {
      const expected: unknown = typeof value === "object" && value !== null ? Reflect.get(value, "a") : undefined;
      expect(fieldOf(value, "a")).toBe(expected);
    }),
  );
  expect(fieldOf({ a: 1 }, "a")).toBe(1);
  expect(fieldOf("text", "length")).toBeUndefined();
});

it("makes a list of one, of many and of nothing", () => {
  expect([listOf(undefined), listOf(null), listOf("a"), listOf(["a", "b"]), listOf("")]).toEqual([
    [],
    [],
    ["a"],
    ["a", "b"],
    [""],
  ]);
});

it("names the field and our own words in a refusal", () => {
  expect(invalid("a.0", ourWords`expected a string`).failure).toEqual({
    code: "body_invalid",
    param: "a.0",
    expected: "expected a string",
  });
  expect(unsupported("a", ourWords`not served`).failure).toEqual({
    code: "unsupported",
    param: "a",
    reason: "not served",
  });
});
