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
