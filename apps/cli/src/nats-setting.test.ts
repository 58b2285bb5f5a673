import { expect, it } from "vitest";
import { plainNatsWarning } from "./nats-setting.ts";

/** Goal: who lets strangers read along is told so, without the password. Method: addresses of this machine and of others, with TLS and without. */
it.each([
  ["nats://me:secret@127.0.0.1", false],
  ["nats://me:secret@[::1]:5222", false],
  ["tls://me:secret@nats.example.com", false],
  ["nats://me:secret@nats.example.com", true],
  ["nats://secret@192.0.2.1", true],
])("warns of %s: %s", (url, isWarned) => {
  const said = plainNatsWarning(url) ?? "";
  expect(said !== "").toBe(isWarned);
  expect(said).not.toContain("secret");
});
