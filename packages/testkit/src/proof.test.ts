import { endpoints, type Endpoint } from "@darkbloom/protocol/dialects";
import type { Script } from "@darkbloom/provider/testing";
import { createHash, createPublicKey, verify } from "node:crypto";
import { expect, it } from "vitest";
import { HttpNetwork, questionFor } from "./http-network.ts";
import { entry } from "./network.ts";

/** What a caller can check without any code of ours: `node:crypto`, and the bytes as they came. */
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

const lengthAnd = (part: Buffer): Buffer[] => {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(part.length);
  return [length, part];
};

interface Document {
  readonly receipt: Record<string, unknown> & { readonly identity_key: string; readonly job_id: string };
  readonly provider_signature: string;
  readonly coordinator_signature: string;
  readonly coordinator_key_id: string;
  readonly countersigned_at: string;
}

const mark = ": darkbloom-receipt ";
const said: Script = {
  pieces: ["<think>", "hm \u2028", "</think>", " Ra", "in é", " is\u0085 w\u{1F4A7}ter", "."],
  tokenMs: 5,
};
const properEnds: Partial<Record<Endpoint, RegExp>> = {
  "/v1/chat/completions": /\n\ndata: \[DONE\]\n\n$/,
  "/v1/responses": /\n\nevent: response\.completed\ndata: \{.*\}\n\n$/,
  "/v1/completions": /\n\ndata: \[DONE\]\n\n$/,
  "/v1/messages": /\n\nevent: message_stop\ndata: \{"type":"message_stop"\}\n\n$/,
};

const plainOnly: readonly Endpoint[] = ["/v1/messages/count_tokens", "/v1/embeddings", "/v1/responses/compact"];
const rows = endpoints.flatMap((endpoint): [Endpoint, boolean][] =>
  plainOnly.includes(endpoint) ? [[endpoint, false]] : [true, false].map((stream) => [endpoint, stream]),
);

/**
 * Goal: in every dialect, streaming or not, the hash is of the bytes as they came, both signatures are good and
 * the receipt that is fetched later is the one that came along. Method: one question each over HTTP, an answer
 * with thoughts and with line ends that only some readers know, checked without any code of ours.
 */
it.each(rows)("%s proves itself, stream %s", async (endpoint, stream) => {
  await using made = await HttpNetwork.open();
  await made.credit();
  made.provider(() => said);
  await made.clock.advance(1_000);

  const body = ` ${JSON.stringify(questionFor(endpoint, { unknown: 1.5, ...(stream && { stream }) }))}\n`;
  const answered = await made.during(made.send(endpoint, { body, headers: { "x-darkbloom-nonce": "n 1" } }));
  expect(answered.status).toBe(200);
  const whole = answered.body.toString();
  const at = stream ? whole.indexOf(mark) : whole.length;
  const hashed = whole.slice(0, at);
  if (stream) {
    expect(answered.headers["content-type"]).toBe("text/event-stream; charset=utf-8");
    expect(whole.slice(at)).toMatch(/^: darkbloom-receipt [\w-]+\n\n$/);
    expect(hashed).toMatch(properEnds[endpoint] ?? "no end is known");
    expect(Object.keys(answered.trailers)).toEqual(["x-response-hash", "x-se-signature"]);
    expect(answered.headers["x-response-hash"]).toBeUndefined();
  } else {
    expect(answered.headers["content-type"]).toBe("application/json; charset=utf-8");
    expect(answered.trailers).toEqual({});
    JSON.parse(hashed);
  }
  const told = stream ? answered.trailers : answered.headers;
  expect(told["x-response-hash"]).toBe(sha256(hashed));

  const word = stream ? whole.slice(at + mark.length).trim() : String(answered.headers["x-darkbloom-receipt"]);
  const document = JSON.parse(Buffer.from(word, "base64url").toString()) as Document;
  const { receipt } = document;
  expect(receipt).toMatchObject({
    endpoint,
    model: entry.id,
    nonce: "n 1",
    job_id: answered.headers["x-inference-job-id"],
    request_id: answered.headers["request-id"],
    request_sha256: sha256(body),
    response_sha256: sha256(hashed),
  });
  const machine = p256(receipt.identity_key);
  const signature = Buffer.from(String(told["x-se-signature"]), "base64");
  expect(verify("sha256", Buffer.from(sha256(hashed)), machine, signature)).toBe(true);
  expect(verify("sha256", Buffer.from(sha256(`${hashed} `)), machine, signature)).toBe(false);

  const jcs = Buffer.from(canonical(receipt));
  const providerSignature = Buffer.from(document.provider_signature, "base64");
  const signed = Buffer.concat([Buffer.from("darkbloom:receipt:v1\0"), jcs]);
  expect(verify("sha256", signed, machine, providerSignature)).toBe(true);
  const x = Buffer.from(made.net.countersigner.publicKey).toString("base64url");
  const coordinator = createPublicKey({ key: { kty: "OKP", crv: "Ed25519", x }, format: "jwk" });
  const countersigned = Buffer.concat([
    Buffer.from("darkbloom:countersignature:v1\0"),
    ...lengthAnd(jcs),
    ...lengthAnd(providerSignature),
    ...lengthAnd(Buffer.from(document.coordinator_key_id)),
    ...lengthAnd(Buffer.from(document.countersigned_at)),
  ]);
  expect(verify(null, countersigned, coordinator, Buffer.from(document.coordinator_signature, "base64"))).toBe(true);

  const kept = await made.during(made.send(`/v1/receipts/${receipt.job_id}`, { method: "GET" }));
  expect(kept.status).toBe(200);
  expect(JSON.parse(kept.body.toString())).toEqual(document);
  expect(made.bugs).toEqual([]);
});
