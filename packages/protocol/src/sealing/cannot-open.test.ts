import { expect, it } from "vitest";
import { testSigner } from "../../test/keys.ts";
import { startMs, timeAt } from "../../test/samples.ts";
import { canonicalJson } from "../canonical.ts";
import { toBase64, utf8 } from "../bytes.ts";
import { nodeCrypto } from "../node/index.ts";
import { tags } from "../wire/registration.ts";
import { saysCannotOpen, signCannotOpen, type CannotOpen } from "./cannot-open.ts";

const signer = testSigner("identity");
const other = testSigner("another identity");
const about = {
  job_id: "job_1",
  request_sha256: "1".repeat(64),
  provider_id: "prov_0",
  identity_key: toBase64(signer.publicKey),
};
const said: CannotOpen = { v: 1, at: timeAt(startMs), ...about };

/** Whatever is said, under this machine's true signature. */
const signed = async (statement: string, tag: Parameters<typeof signer.signTagged>[0] = tags.cannotOpen) => ({
  statement,
  signature: toBase64(await signer.signTagged(tag, utf8(statement))),
});

it("is believed of its machine, of this request", async () => {
  expect(await saysCannotOpen(nodeCrypto, await signCannotOpen(signer, said), about)).toBe(true);
});

/** Goal: nothing else is believed. Method: one thing that is not so each, all else in order and truly signed. */
it.each<[what: string, statement: string]>([
  ["another job", canonicalJson({ ...said, job_id: "job_2" })],
  ["another request", canonicalJson({ ...said, request_sha256: "2".repeat(64) })],
  ["another machine", canonicalJson({ ...said, provider_id: "prov_1" })],
  ["another key", canonicalJson({ ...said, identity_key: toBase64(other.publicKey) })],
  ["another version", canonicalJson({ ...said, v: 2 })],
  ["no time", canonicalJson({ ...said, at: "today" })],
  ["more than it may", canonicalJson({ ...said, more: true })],
  ["it in another spelling", `${canonicalJson(said)} `],
  ["nothing in JSON", "{"],
])("is not believed where it says %s", async (_, statement) => {
  expect(await saysCannotOpen(nodeCrypto, await signed(statement), about)).toBe(false);
});

it("is not believed under another key, another tag or no signature", async () => {
  const statement = canonicalJson(said);
  const wrong = [
    (await signCannotOpen(other, said)).signature,
    (await signed(statement, tags.receipt)).signature,
    "",
    "no base64",
  ];
  for (const signature of wrong) expect(await saysCannotOpen(nodeCrypto, { statement, signature }, about)).toBe(false);
});
