import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { tmpdir } from "node:os";
import { describe, expect, it } from "vitest";
import { addressOf, connectionOf, nameOf, readPostgresUrl } from "./postgres-address.ts";

describe("the URL of a PostgreSQL database", () => {
  /** Goal: what it says is taken as libpq takes it. Method: each part, plain and encoded, and where it stands behind the `?`. */
  it.each([
    ["postgres://h/d", { host: "h", database: "d", port: undefined, user: undefined, password: undefined }],
    ["postgresql://u:p%40ss@h:65535/d%20b", { host: "h", port: 65_535, user: "u", password: "p@ss", database: "d b" }],
    ["postgres://u@[::1]:1/d", { host: "::1", port: 1 }],
    ["postgres:///d?host=/run/postgresql&port=6543&user=me", { host: "/run/postgresql", port: 6543, user: "me" }],
    ["postgres:///d?host=/run/postgresql&sslmode=require", { tls: undefined }],
    ["postgres://h/d?sslmode=disable", { tls: undefined }],
    ["postgres://h/d?sslmode=verify-full", { tls: { mode: "verify-full", rootCert: undefined } }],
    ["postgres://h/d?sslmode=verify-ca&sslrootcert=/r", { tls: { mode: "verify-ca", rootCert: "/r" } }],
    ["postgres://h/d?sslmode=require&sslcert=/c&sslkey=/k", { tls: { mode: "require", cert: "/c", key: "/k" } }],
  ])("is read: %s", (url, expected) => {
    expect(readPostgresUrl(url)).toMatchObject(expected);
  });

  /** Goal: what is wrong, contradicts itself or would set a bound of ours is refused. Method: one of each. */
  it.each([
    "",
    "h/d",
    "mysql://h/d",
    "postgres://h",
    "postgres://h/",
    "postgres:///d",
    "postgres://h:0/d",
    "postgres://h/d?port=65536",
    "postgres://h/d?port=x",
    "postgres://h/d#more",
    "postgres://h/d%00",
    "postgres://h/d%zz",
    "postgres://h/d?max=1000",
    "postgres://h/d?statement_timeout=0",
    "postgres://h/d?sslmode=prefer",
    "postgres://h/d?sslmode=disable&sslmode=require",
    "postgres://h/d?sslrootcert=/r",
    "postgres://h/d?sslmode=verify-ca",
    "postgres://h/d?sslmode=verify-ca&sslrootcert=system",
    "postgres://h/d?sslmode=require&sslcert=/c",
  ])("is refused: %s", (url) => {
    expect(readPostgresUrl(url)).toBeUndefined();
    expect(() => addressOf(url)).toThrow(RangeError);
  });

  it("is named without who asks", () => {
    expect(nameOf("postgres://me:secret@h/d")).toBe("d at h");
    expect(nameOf("postgres:///d?host=/run/postgresql")).toBe("d at this machine");
  });

  /** Goal: each word of `sslmode` checks what it does for libpq. Method: what Node's TLS is given. */
  it("asks for TLS as it says", () => {
    const root = join(tmpdir(), `root-${process.pid}.pem`);
    writeFileSync(root, "a root");
    const sslOf = (said: string) => connectionOf(`postgres://h/d${said}`).ssl;
    expect(sslOf("")).toBe(false);
    expect(sslOf("?sslmode=require")).toEqual({ rejectUnauthorized: false });
    const anyHost = { ca: "a root", rejectUnauthorized: true, checkServerIdentity: expect.any(Function) as unknown };
    expect(sslOf(`?sslmode=require&sslrootcert=${root}`)).toEqual(anyHost);
    expect(sslOf(`?sslmode=verify-ca&sslrootcert=${root}`)).toEqual(anyHost);
    expect(sslOf(`?sslmode=verify-full&sslrootcert=${root}`)).toEqual({ ca: "a root", rejectUnauthorized: true });
    expect(sslOf("?sslmode=verify-full&sslrootcert=system")).toEqual({ rejectUnauthorized: true });
    expect(() => sslOf("?sslmode=verify-full&sslrootcert=/nowhere")).toThrow(/The file \/nowhere, which/);
  });
});
