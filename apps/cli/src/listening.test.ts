import { expect, it } from "vitest";
import { isLoopback, listenFailure, reachableUrl } from "./listening.ts";

/** Goal: a warning where traffic leaves the machine, and only there. Method: a table of hosts. */
it.each([
  ["127.0.0.1", true],
  ["127.8.9.10", true],
  ["::1", true],
  ["localhost", true],
  ["0.0.0.0", false],
  ["::", false],
  ["192.168.1.5", false],
  ["example.com", false],
  ["::ffff:127.0.0.1", true],
])("knows whether %s is loopback", (host, expected) => {
  expect(isLoopback(host)).toBe(expected);
});

/** Goal: children dial an address that exists. Method: wildcards of both families, and a plain address. */
it.each([
  ["http://0.0.0.0:8080", "http://127.0.0.1:8080"],
  ["http://[::]:8080", "http://[::1]:8080"],
  ["http://192.168.1.5:80", "http://192.168.1.5"],
])("reaches %s at %s", (listens, dials) => {
  expect(reachableUrl(listens)).toBe(dials);
});

/** Goal: errors that are not about listening stay as they are. Method: one of each kind. */
it("words only what it understands", () => {
  const other = new Error("other");
  expect(listenFailure(other, "127.0.0.1", 1)).toBe(other);
  expect(listenFailure(Object.assign(new Error(), { code: "EACCES" }), "127.0.0.1", 80)).toMatchObject({
    message: "This user may not listen on port 80. Choose one above 1023 with --port.",
  });
});
