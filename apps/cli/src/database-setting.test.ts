import { expect, it } from "vitest";
import { plainDatabaseWarning } from "./database-setting.ts";

/** Goal: who lets strangers read along is told so, without the password. Method: addresses of this machine and of others, with TLS and without. */
it.each([
  ["postgres://me:secret@127.0.0.1/db", false],
  ["postgres://me:secret@[::1]/db", false],
  ["postgres:///db?host=/run/postgresql", false],
  ["postgres://me:secret@db.example.com/db?sslmode=require", false],
  ["postgres://me:secret@db.example.com/db", true],
  ["postgres://me:secret@192.0.2.1/db?sslmode=disable", true],
])("warns of %s: %s", (url, isWarned) => {
  const said = plainDatabaseWarning(url) ?? "";
  expect(said !== "").toBe(isWarned);
  expect(said).not.toContain("secret");
});
