import type { Verification } from "@darkbloom/client";
import { mkdirSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { sampleReceipt } from "../../../../packages/protocol/test/samples.ts";
import { temporaryFolder } from "../../test/binary.ts";
import { ANSWERS_KEPT_MAX, ANSWERS_TOLD_MAX } from "./limits.ts";
import { Records } from "./records.ts";

const receipt: Verification["receipt"] = {
  receipt: sampleReceipt(),
  provider_signature: "QUJD",
  coordinator_signature: "REVG",
  coordinator_key_id: "key-1",
  countersigned_at: "2026-01-01T00:00:00.000Z",
};
const answer = (jobId: string): Verification => ({
  v: 1,
  at: "2026-01-01T00:00:00.000Z",
  mode: "sealed",
  endpoint: "/v1/responses",
  status: 200,
  outcome: "verified",
  jobId,
  receipt,
  steps: [],
});

function madeFolder() {
  const folder = temporaryFolder();
  onTestFinished(() => folder[Symbol.dispose]());
  return { path: folder.path, answers: join(folder.path, "answers") };
}

/** Goal: a proxy that runs for months tells of the newest, and counts all. Method: one answer more than are told. */
it("tells of the newest answers, and counts them all", async () => {
  const { path, answers } = madeFolder();
  const records = new Records(path, () => 1);
  for (let n = 0; n <= ANSWERS_TOLD_MAX; n++) {
    const { receipt: _, ...without } = answer(`job_${n}`);
    records.add(without);
  }
  expect([records.recent.length, records.counted.verified]).toEqual([ANSWERS_TOLD_MAX, ANSWERS_TOLD_MAX + 1]);
  expect([records.recent[0]?.jobId, records.recent.at(-1)?.jobId]).toEqual([`job_${ANSWERS_TOLD_MAX}`, "job_1"]);
  await records.written();
  expect(readdirSync(answers)).toEqual([]);
});

/** Goal: receipts fill no disk, and nobody else reads them. Method: a folder that is full but for one, of an earlier life; two more. */
it("keeps so many receipts, and the oldest goes", async () => {
  const { path, answers } = madeFolder();
  mkdirSync(answers, { mode: 0o700 });
  const nameOf = (n: number) => `${String(n).padStart(15, "0")}-job_${n}.json`;
  for (let n = 0; n < ANSWERS_KEPT_MAX - 1; n++) writeFileSync(join(answers, nameOf(n)), "");
  writeFileSync(join(answers, "notes.txt"), "not the proxy's");
  writeFileSync(join(answers, `.${nameOf(1)}.draft`), "half of a rec");
  const records = new Records(path, () => ANSWERS_KEPT_MAX);
  records.add(answer("job_a"));
  records.add(answer("job_b"));
  await records.written();
  const kept = readdirSync(answers).toSorted();
  expect(kept.length).toBe(ANSWERS_KEPT_MAX + 1);
  expect([kept.includes(nameOf(0)), kept.includes(nameOf(1)), kept.includes("notes.txt")]).toEqual([false, true, true]);
  const last = kept.find((name) => name.endsWith("-job_b.json")) ?? expect.fail("the newest is not there");
  expect(statSync(join(answers, last)).mode & 0o777).toBe(0o600);
});
