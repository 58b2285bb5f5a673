import { expect, it } from "vitest";
import { settings } from "./settings.ts";

/** Goal: the base URL that SDKs are given names the coordinator too. Method: a table, also of URLs with a path before it. */
it.each([
  ["http://127.0.0.1:8080", "http://127.0.0.1:8080/"],
  ["http://127.0.0.1:8080/v1", "http://127.0.0.1:8080/"],
  ["http://127.0.0.1:8080/v1/", "http://127.0.0.1:8080/"],
  ["https://example.com/net/v1", "https://example.com/net"],
  ["https://example.com/net//", "https://example.com/net"],
  ["https://example.com/netv1", "https://example.com/netv1"],
  ["http://127.0.0.1:8080/v1?x=1", undefined],
])("the coordinator %s is %s", (given, href) => {
  expect(settings.coordinator.read(given)?.href).toBe(href);
});

/** Goal: what help says a number must be is what is taken. Method: read the range out of the sentence; both ends, and one beyond each. */
const ranges = Object.entries(settings).flatMap(([name, { mustBe, read }]) => {
  const [, least, most] = /^a whole number from (\d+) to (\d+)$/.exec(mustBe) ?? [];
  return least === undefined ? [] : [{ name, least: Number(least), most: Number(most), read }];
});
it.each(ranges)("$name is from $least to $most", ({ least, most, read }) => {
  expect(ranges).toHaveLength(11);
  expect([least - 1, least, most, most + 1].map((number) => read(String(number)))).toEqual([
    undefined,
    least,
    most,
    undefined,
  ]);
});

/** Goal: no text is longer than what it becomes can be. Method: the longest, and one character more. */
it.each([
  ["account", 128],
  ["build", 128],
  ["key", 128],
  ["name", 128],
  ["joinToken", 256],
  ["token", 256],
] as const)("%s has at most %d characters", (name, most) => {
  expect(settings[name].read("a".repeat(most))).toBe("a".repeat(most));
  expect(settings[name].read("a".repeat(most + 1))).toBeUndefined();
});
