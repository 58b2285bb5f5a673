import type { IncomingHttpHeaders } from "node:http";
import { expect, it } from "vitest";
import { isForeignHost, peerOf } from "./peer.ts";

const of = (remoteAddress: string, headers: IncomingHttpHeaders, trustProxy = false) =>
  peerOf({ socket: { remoteAddress } as Parameters<typeof peerOf>[0]["socket"], headers }, trustProxy);

/** Goal: only who is here is taken for local. Method: one header or one address that says otherwise, at a time. */
it.each<[address: string, headers: IncomingHttpHeaders, isLocal: boolean]>([
  ["127.0.0.1", { host: "127.0.0.1:8080" }, true],
  ["::1", { host: "[::1]:8080" }, true],
  ["::ffff:127.0.0.1", { host: "localhost" }, true],
  ["::ffff:7f00:1", { host: "localhost" }, false],
  ["::ffff:203.0.113.7", { host: "localhost" }, false],
  ["127.8.9.10", { host: "127.8.9.10:8080" }, true],
  ["203.0.113.7", { host: "127.0.0.1:8080" }, false],
  ["127.0.0.1", { host: "localhost, network.example" }, false],
  ["127.0.0.1", { host: "LOCALHOST." }, true],
  ["127.0.0.1", { host: "localhost", "x-forwarded-for": "127.0.0.1" }, false],
  ["127.0.0.1", {}, false],
  ["127.0.0.1", { host: "network.example" }, false],
  ["127.0.0.1", { host: "127.0.0.1.evil.example" }, false],
  ["127.0.0.1", { host: "localhost@evil.example" }, false],
  ...[
    "forwarded",
    "via",
    "x-real-ip",
    "x-forwarded-for",
    "x-forwarded-proto",
    "cf-connecting-ip",
    "true-client-ip",
    "x-forwarded-anything",
  ].map((name): [string, IncomingHttpHeaders, boolean] => ["127.0.0.1", { host: "localhost", [name]: "" }, false]),
])("%s with %j is local: %s", (address, headers, isLocal) => expect(of(address, headers).isLocal).toBe(isLocal));

it.each<[headers: IncomingHttpHeaders, bucket: string]>([
  [{ "x-forwarded-for": "198.51.100.9, 203.0.113.7" }, "203.0.113.7"],
  [{ "x-forwarded-for": "2001:db8:1:2::9" }, "2001:db8:1:2::/64"],
  [{ "x-forwarded-for": "127.0.0.1" }, "127.0.0.1"],
  [{ "x-forwarded-for": "198.51.100.9,203.0.113.7:49152 " }, "203.0.113.7"],
  [{ "x-forwarded-for": "rubbish" }, "unknown"],
  [{}, "127.0.0.1"],
])("behind a trusted proxy %j counts as %s and is never local", (headers, bucket) =>
  expect(of("127.0.0.1", { host: "localhost", ...headers }, true)).toEqual({ isLocal: false, bucket }),
);

it("does not believe forwarded addresses without a trusted proxy", () =>
  expect(of("203.0.113.7", { "x-forwarded-for": "198.51.100.9" }).bucket).toBe("203.0.113.7"));

it.each<[host: string | undefined, foreign: boolean]>([
  ["127.0.0.1:8080", false],
  ["192.168.1.5:8080", false],
  ["[::1]:8080", false],
  ["localhost:8080", false],
  ["LOCALHOST", false],
  ["app.localhost", false],
  ["host.docker.internal:8080", false],
  ["evil.example:8080", true],
  ["localhost.evil.example", true],
  ["evil.example#localhost", true],
  ["a@localhost", true],
  [undefined, true],
  ["", true],
])("a page of another site could call with the Host %s: %s", (host, foreign) =>
  expect(isForeignHost(host)).toBe(foreign),
);
