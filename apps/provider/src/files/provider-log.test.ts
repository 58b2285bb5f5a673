import { expect, it } from "vitest";
import { createProviderLog } from "./provider-log.ts";

/** Goal: a log says where our code failed and nothing of what it failed on. Method: an error whose stack is longer than is told. */
it("writes of an error its class and its first eight places", () => {
  const lines: string[] = [];
  const log = createProviderLog("info", { write: (line) => void lines.push(line) });
  const deep = new TypeError("SECRET");
  const places = Array.from({ length: 9 }, (_, n) => `at step${n} (file:///app.ts:${n + 1}:1)`);
  deep.stack = ["TypeError: SECRET", ...places.map((place) => `    ${place}`)].join("\n");
  log.bug({ where: "session" }, deep);
  const [told = "{}"] = lines;
  expect(JSON.parse(told)).toMatchObject({ event: "bug", error: "TypeError", at: places.slice(0, 8) });
  expect(told).not.toContain("SECRET");
});
