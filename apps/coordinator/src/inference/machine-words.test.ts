import { toBase64 } from "@darkbloom/protocol/bytes";
import type { JobId, ProviderId } from "@darkbloom/protocol/ids";
import { nodeCrypto } from "@darkbloom/protocol/node";
import { signCannotOpen } from "@darkbloom/protocol/sealing";
import { expect, it } from "vitest";
import { memorySigner } from "../../../../packages/testkit/src/memory-signer.ts";
import { idle } from "../machines/members.samples.ts";
import { CannotOpen, MachineRefusal, saidOfSealed, type SaidError } from "./machine-words.ts";

const signer = memorySigner();
const machine = { ...idle, providerId: "prov_1" as ProviderId, identityKey: toBase64(signer.publicKey) };
const about = { machine, jobId: "job_1" as JobId, requestSha256: "a".repeat(64) };
const said = {
  v: 1,
  job_id: "job_1",
  request_sha256: "a".repeat(64),
  provider_id: "prov_1",
  identity_key: machine.identityKey,
  at: "2026-01-01T00:00:00.000Z",
} as const;
const { statement, signature } = await signCannotOpen(signer, said);
const other = await signCannotOpen(signer, { ...said, request_sha256: "b".repeat(64) });
const strangers = await signCannotOpen(memorySigner(), said);
const error = (more: Partial<SaidError>): SaidError => ({
  type: "inference_error",
  job_id: "job_1",
  code: "cannot_open",
  ...more,
});

/** Goal: a machine is excused only by what it has signed about this very request, or by a word for its caller. Method: one row for each way in which it is not so. */
it.each<[what: string, said: Partial<SaidError>, kind: typeof CannotOpen | typeof MachineRefusal | undefined]>([
  ["signed", { statement, statement_signature: signature }, CannotOpen],
  ["not signed", {}, undefined],
  ["signed by another", { statement, statement_signature: strangers.signature }, undefined],
  ["signed of another request", { statement: other.statement, statement_signature: other.signature }, undefined],
  ["signed in another spelling", { statement: `${statement} `, statement_signature: signature }, undefined],
  ["no statement", { statement: "{}", statement_signature: signature }, undefined],
  ["a refusal in a frame", { code: "refused", sealed: "QUJD" }, MachineRefusal],
  ["a refusal without one", { code: "refused" }, undefined],
  ["a refusal that is no base64", { code: "refused", sealed: "?" }, undefined],
])("what a machine says of a sealed request, %s", async (_, more, kind) => {
  const failed = await saidOfSealed(nodeCrypto, error(more), about);
  if (!kind) return expect(failed).toBeUndefined();
  expect(failed).toBeInstanceOf(kind);
});
