import { expect, it } from "vitest";
import { readNatsUrl } from "./nats-address.ts";

/** Goal: a URL is read as it is meant, or not at all. Method: each form, and what is wrong with others. */
it.each<[url: string, read: object | undefined]>([
  ["nats://127.0.0.1", { host: "127.0.0.1", port: 4222, tls: undefined, user: undefined, token: undefined }],
  ["nats://[::1]:5222/", { host: "::1", port: 5222 }],
  ["nats://me:se%40cret@bus.example.com", { user: "me", password: "se@cret", token: undefined }],
  ["nats://word@bus.example.com", { user: undefined, password: undefined, token: "word" }],
  ["tls://bus.example.com", { tls: {} }],
  ["tls://bus.example.com?sslrootcert=/a&sslcert=/b&sslkey=/c", { tls: { rootCert: "/a", cert: "/b", key: "/c" } }],
  ["tls://bus.example.com?creds=/d", { credentialsFile: "/d", user: undefined }],
  ["tls://bus.example.com?sslcert=/b", undefined],
  ["nats://bus.example.com?sslrootcert=/a", undefined],
  ["nats://me:x@bus.example.com?creds=/d", undefined],
  ["nats://:x@bus.example.com", undefined],
  ["nats://%ff:x@bus.example.com", undefined],
  ["nats://bus.example.com/somewhere", undefined],
  ["nats://bus.example.com?creds=/d&creds=/e", undefined],
  ["nats://bus.example.com?creds=", undefined],
  ["nats://bus.example.com?timeout=1", undefined],
  ["nats://bus.example.com#there", undefined],
  ["http://bus.example.com", undefined],
  ["bus.example.com", undefined],
])("reads %s", (url, read) => {
  if (read) expect(readNatsUrl(url)).toMatchObject(read);
  else expect(readNatsUrl(url)).toBeUndefined();
});
