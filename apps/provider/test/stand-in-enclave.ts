/**
 * Speaks the protocol of the Secure Enclave's helper, with a software key: for tests, on machines without an
 * enclave. `node stand-in-enclave.ts FOLDER [BEHAVIOUR [REQUEST]]`: as BEHAVIOUR says it misbehaves at REQUEST
 * (`sign` unless said), and is good in all else. FOLDER keeps count of how often it was started.
 */
import { createPrivateKey, createPublicKey, generateKeyPairSync, hash, sign, type KeyObject } from "node:crypto";
import { appendFileSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";

export const behaviours = [
  "good",
  "no_enclave",
  "old_protocol",
  "silent",
  "crash",
  "crash_once",
  "junk",
  "array",
  "wrong_id",
  "text_id",
  "no_id",
  "both",
  "wrong_shape",
  "unknown_error",
  "failed",
  "bad_key",
  "two_answers",
  "unasked",
  "oversize",
  "endless",
  "hashed_twice",
  "another_key",
  "short_key",
  "stays",
] as const;
export type Behaviour = (typeof behaviours)[number];

interface Request {
  readonly id: number;
  readonly do: string;
  readonly key?: string;
  readonly message?: string;
}

if (import.meta.main) {
  const [, , folder = ".", behaviour = "good", at = "sign"] = process.argv;
  appendFileSync(join(folder, "starts"), "x");
  const starts = readFileSync(join(folder, "starts"), "utf8").length;
  if (behaviour === "stays") setInterval(() => {}, 60_000);
  if (behaviour === "unasked") say({ id: 0, ok: {} });
  let held: KeyObject | undefined;
  createInterface({ input: process.stdin }).on("line", (line) => {
    const request = JSON.parse(line) as Request;
    const ok = goodAnswer(request);
    if (request.do === at || behaviour === "no_enclave") misbehave(request, ok);
    else say({ id: request.id, ok });
  });

  const goodAnswer = (request: Request): Record<string, unknown> => {
    switch (request.do) {
      case "hello":
        return { protocol: 1, enclave: true };
      case "create":
        held = generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;
        return { key: held.export({ type: "pkcs8", format: "der" }).toString("base64"), public_key: pointOf(held) };
      case "load":
        held = createPrivateKey({ key: Buffer.from(request.key ?? "", "base64"), format: "der", type: "pkcs8" });
        return { public_key: pointOf(held) };
      default:
        return held && request.message !== undefined ? signed(Buffer.from(request.message, "base64"), held) : {};
    }
  };

  const misbehave = (request: Request, ok: Record<string, unknown>): void => {
    const { id } = request;
    switch (behaviour as Behaviour) {
      case "no_enclave":
        return say({ id, ok: { protocol: 1, enclave: false } });
      case "old_protocol":
        return say({ id, ok: { protocol: 0, enclave: true } });
      case "silent":
        return;
      case "crash":
        return process.abort();
      case "crash_once":
        return starts > 1 ? say({ id, ok }) : process.abort();
      case "junk":
        return void process.stdout.write("dyld: Library not loaded\n");
      case "array":
        return say([id, ok]);
      case "wrong_id":
        return say({ id: id + 1, ok });
      case "text_id":
        return say({ id: String(id), ok });
      case "no_id":
        return say({ ok });
      case "both":
        return say({ id, ok, error: "failed" });
      case "wrong_shape":
        return say({ id, ok: { signature: 7 } });
      case "unknown_error":
        return say({ id, error: "the key is 0x1234" });
      case "failed":
      case "bad_key":
        return say({ id, error: behaviour });
      case "two_answers":
        return void process.stdout.write(`${JSON.stringify({ id, ok })}\n`.repeat(2));
      case "oversize":
        return say({ id, ok: { ...ok, more: "x".repeat(128 * 1024) } });
      case "endless":
        return void process.stdout.write("x".repeat(512 * 1024));
      case "hashed_twice":
        return say({
          id,
          ok: held ? signed(hash("sha256", Buffer.from(request.message ?? "", "base64"), "buffer"), held) : {},
        });
      case "another_key":
        return say({
          id,
          ok: { ...ok, public_key: pointOf(generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey) },
        });
      case "short_key":
        return say({ id, ok: { ...ok, public_key: Buffer.alloc(33, 2).toString("base64") } });
      case "good":
      case "unasked":
      case "stays":
        return say({ id, ok });
    }
  };
}

function say(answer: unknown): void {
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}

function signed(message: Buffer, key: KeyObject): Record<string, unknown> {
  return { signature: sign("sha256", message, key).toString("base64") };
}

function pointOf(key: KeyObject): string {
  return createPublicKey(key).export({ type: "spki", format: "der" }).subarray(-65).toString("base64");
}
