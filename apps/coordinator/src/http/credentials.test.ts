import { expect, it } from "vitest";
import { isFromOwnPage } from "./credentials.ts";

/** Goal: a browser's cookie counts for pages of this coordinator alone. Method: what a browser says of a page, and hosts that are none. */
it.each<[headers: Record<string, string>, isOwn: boolean]>([
  [{ host: "127.0.0.1:8080", origin: "http://127.0.0.1:8080" }, true],
  [{ host: "localhost:80", origin: "http://localhost", "sec-fetch-site": "same-origin" }, true],
  [{ host: "127.0.0.1:8080", origin: "http://127.0.0.1:8080", "sec-fetch-site": "same-site" }, false],
  [{ host: "127.0.0.1:8080", origin: "http://127.0.0.1:8081" }, false],
  [{ host: "127.0.0.1:8080", origin: "null" }, false],
  [{ host: "127.0.0.1:8080" }, false],
  [{ host: "[" }, false],
  [{ host: "a b" }, false],
])("%j is a page of its own: %s", (headers, isOwn) => {
  expect(isFromOwnPage({ method: "POST", headers }, false)).toBe(isOwn);
});
