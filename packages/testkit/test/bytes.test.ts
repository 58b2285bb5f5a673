import { createHash, createPublicKey, verify } from "node:crypto";
import { connect } from "node:net";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Folder, get, post, Program, type Ready } from "./running.ts";

/** What a caller can check without any code of ours: `node:crypto`, and the bytes as they came. */
const folder = new Folder();
let program: Program;
let ready: Ready;
beforeAll(async () => {
  program = new Program(["up", "--port", "0", "--data", folder.path]);
  ready = await program.ready;
}, 60_000);
afterAll(async () => {
  await program[Symbol.asyncDispose]();
  folder[Symbol.dispose]();
});

const sha256 = (bytes: string | Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

/** RFC 5480: SubjectPublicKeyInfo of an uncompressed P-256 point. */
const p256 = (point: string) =>
  createPublicKey({
    key: Buffer.concat([
      Buffer.from("3059301306072a8648ce3d020106082a8648ce3d030107034200", "hex"),
      Buffer.from(point, "base64"),
    ]),
    format: "der",
    type: "spki",
  });

/** RFC 8785 for what a receipt holds: sorted keys, and numbers as JavaScript writes them. */
const canonical = (value: unknown): string =>
  typeof value === "object" && value !== null
    ? `{${Object.entries(value)
        .toSorted(([a], [b]) => (a < b ? -1 : 1))
        .map(([key, field]) => `${JSON.stringify(key)}:${canonical(field)}`)
        .join(",")}}`
    : JSON.stringify(value);

const u32 = (length: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(length);
  return bytes;
};

interface Document {
  receipt: Record<string, unknown> & { identity_key: string; job_id: string };
  provider_signature: string;
  coordinator_signature: string;
  coordinator_key_id: string;
  countersigned_at: string;
}

async function expectProven(
  document: Document,
  requestBody: string,
  responseBody: string,
  signature: string,
): Promise<void> {
  const { receipt } = document;
  expect(receipt["request_sha256"]).toBe(sha256(requestBody));
  expect(receipt["response_sha256"]).toBe(sha256(responseBody));
  const machine = p256(receipt.identity_key);
  expect(verify("sha256", Buffer.from(sha256(responseBody), "ascii"), machine, Buffer.from(signature, "base64"))).toBe(
    true,
  );
  const jcs = Buffer.from(canonical(receipt));
  const providerSignature = Buffer.from(document.provider_signature, "base64");
  const tagged = Buffer.concat([Buffer.from("darkbloom:receipt:v1\0"), jcs]);
  expect(verify("sha256", tagged, machine, providerSignature)).toBe(true);

  const known = (await get(ready, "/.well-known/darkbloom")) as {
    coordinator_keys: { id: string; public_key: string }[];
  };
  const key = known.coordinator_keys.find(({ id }) => id === document.coordinator_key_id);
  const coordinator = createPublicKey({
    key: { kty: "OKP", crv: "Ed25519", x: Buffer.from(key?.public_key ?? "", "base64").toString("base64url") },
    format: "jwk",
  });
  const parts = [
    jcs,
    providerSignature,
    Buffer.from(document.coordinator_key_id),
    Buffer.from(document.countersigned_at),
  ];
  const countersigned = Buffer.concat([
    Buffer.from("darkbloom:countersignature:v1\0"),
    ...parts.flatMap((part) => [u32(part.length), part]),
  ]);
  expect(verify(null, countersigned, coordinator, Buffer.from(document.coordinator_signature, "base64"))).toBe(true);
  // Its place in the log comes with it as soon as the log has grown.
  const { log: _log, ...kept } = await get(ready, `/v1/receipts/${receipt.job_id}`);
  expect(kept).toEqual(document);

  const { providers } = (await get(ready, "/v1/providers/attestation")) as {
    providers: { se_public_key: string; evidence: { blob: string; signature: string } }[];
  };
  const shown = providers.find(({ se_public_key }) => se_public_key === receipt.identity_key);
  const blob = Buffer.from(shown?.evidence.blob ?? "", "base64");
  expect(sha256(blob)).toBe(receipt["evidence_sha256"]);
  const registered = Buffer.concat([Buffer.from("darkbloom:registration:v1\0"), blob]);
  expect(verify("sha256", registered, machine, Buffer.from(shown?.evidence.signature ?? "", "base64"))).toBe(true);
}

const body = (stream: boolean): string =>
  `{ "model":"darkbloom-tiny",\n "stream":${stream}, "temperature": 0, "unknown": 1.50, "messages":[{"role":"user","content":"What is rain?"}]}`;

/** One request over a bare socket, and all that came back. */
async function raw(version: "1.0" | "1.1"): Promise<{ head: string; body: string; trailers: string }> {
  const { hostname, port } = new URL(ready.base_url);
  const socket = connect(Number(port), hostname);
  const sent = body(true);
  socket.write(
    `POST /v1/chat/completions HTTP/${version}\r\nHost: ${hostname}\r\nAuthorization: bearer ${ready.api_key}\r\nX-Darkbloom-Nonce: n-1\r\nContent-Length: ${sent.length}\r\nConnection: close\r\n\r\n${sent}`,
  );
  const whole = await text(socket);
  const at = whole.indexOf("\r\n\r\n");
  const head = whole.slice(0, at).toLowerCase();
  let rest = whole.slice(at + 4);
  if (!head.includes("transfer-encoding: chunked")) return { head, body: rest, trailers: "" };
  let unchunked = "";
  for (;;) {
    const size = Number.parseInt(rest, 16);
    rest = rest.slice(rest.indexOf("\r\n") + 2);
    if (size === 0) return { head, body: unchunked, trailers: rest };
    unchunked += rest.slice(0, size);
    rest = rest.slice(size + 2);
  }
}

const mark = ": darkbloom-receipt ";
const documentIn = (stream: string): Document =>
  JSON.parse(
    Buffer.from(stream.slice(stream.lastIndexOf(mark) + mark.length).trim(), "base64url").toString(),
  ) as Document;

describe("bytes on the wire", () => {
  /** Goal: the hash is over every byte before the receipt, which comes last, and the trailers say the same. Method: a bare socket. */
  it("a stream proves itself", async () => {
    const answer = await raw("1.1");
    expect(answer.head).toMatch(/^http\/1\.1 200 ok/);
    expect(answer.head).toContain("content-type: text/event-stream");
    expect(answer.head).toMatch(/trailer: x-response-hash, ?x-se-signature/);
    expect(answer.head).not.toContain("\nx-response-hash");
    const at = answer.body.lastIndexOf(mark);
    const hashed = answer.body.slice(0, at);
    expect(hashed).toMatch(/data: \[DONE\]\n\n$/);
    expect(answer.body.slice(at)).toMatch(/^: darkbloom-receipt [\w-]+\n\n$/);
    expect(answer.body.indexOf(mark)).toBe(at);
    const trailer = (name: string) => new RegExp(`^${name}: (.+)$`, "im").exec(answer.trailers)?.[1]?.trim() ?? "";
    expect(trailer("x-response-hash")).toBe(sha256(hashed));
    const document = documentIn(answer.body);
    expect(document.receipt["nonce"]).toBe("n-1");
    await expectProven(document, body(true), hashed, trailer("x-se-signature"));
  });

  it("an HTTP/1.0 caller gets the receipt without trailers", async () => {
    const answer = await raw("1.0");
    expect(answer.head).not.toContain("trailer");
    const hashed = answer.body.slice(0, answer.body.lastIndexOf(mark));
    expect(documentIn(answer.body).receipt["response_sha256"]).toBe(sha256(hashed));
  });

  it("a plain answer proves itself", async () => {
    const response = await post(ready, body(false));
    const received = await response.text();
    expect(response.headers.get("x-response-hash")).toBe(sha256(received));
    const word = response.headers.get("x-darkbloom-receipt") ?? "";
    const document = JSON.parse(Buffer.from(word, "base64url").toString()) as Document;
    await expectProven(document, body(false), received, response.headers.get("x-se-signature") ?? "");
    for (const name of [
      "x-provider-id",
      "x-inference-job-id",
      "x-darkbloom-timing",
      "x-request-id",
      "x-ratelimit-limit-requests",
    ])
      expect(response.headers.get(name)).not.toBeNull();
    expect(response.headers.get("x-darkbloom-privacy")).toBe("transparent");
  });
});
