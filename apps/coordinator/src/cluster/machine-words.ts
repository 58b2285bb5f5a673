import { readShownBlob, type ShownBlob } from "../machines/trust/shown.ts";
import { evidenceFrom, publishedEvidence, type Evidence } from "@darkbloom/protocol/evidence";
import type { Crypto } from "@darkbloom/protocol/ports";
import type { MachineView, OfferedModel, PublishedMachine } from "../machines/ports.ts";
import type { DescribedWords, Left, LoadWords, RestWords } from "./words.ts";

/** A machine as its home tells of it, and as it is understood elsewhere: times on one monotonic clock become what is left, and times on the other. */

const leftOf = (untilMs: number, nowMs: number): Left => {
  if (untilMs === Number.POSITIVE_INFINITY) return "always";
  return untilMs === Number.NEGATIVE_INFINITY ? "never" : untilMs - nowMs;
};
const timeOf = (left: Left, nowMs: number): number => {
  if (left === "always") return Number.POSITIVE_INFINITY;
  return left === "never" ? Number.NEGATIVE_INFINITY : nowMs + left;
};

type Load = Pick<MachineView, "models" | "draining" | "slots" | "running" | "pace" | "conduct">;
export type Described = Omit<MachineView, keyof Load | "providerId" | "far">;

const modelWords = ({ build, weightsSha256, contextTokens, tokenBytesMax, tasks }: OfferedModel) => ({
  build,
  weightsSha256,
  contextTokens,
  ...(tokenBytesMax !== undefined && { tokenBytesMax }),
  ...(tasks && { tasks: [...tasks] }),
});

export const loadWords = ({ models, draining, slots, running, pace, conduct }: Load, nowMs: number): LoadWords => ({
  models: models.map(modelWords),
  draining,
  slots,
  running,
  pace: {
    ...(pace.firstContentMs !== undefined && { firstContentMs: pace.firstContentMs }),
    ...(pace.promptMsPerByte !== undefined && { promptMsPerByte: pace.promptMsPerByte }),
    ...(pace.decodeTokensPerSec !== undefined && { decodeTokensPerSec: pace.decodeTokensPerSec }),
    measuredAtMs: leftOf(pace.measuredAtMs, nowMs),
  },
  conduct: {
    faultsAtMs: conduct.faultsAtMs.map((atMs) => leftOf(atMs, nowMs)),
    ejectedUntilMs: leftOf(conduct.ejectedUntilMs, nowMs),
    isProbed: conduct.isProbed,
  },
});

export const loadFrom = ({ pace, conduct, ...rest }: LoadWords, nowMs: number): Load => ({
  ...rest,
  pace: {
    firstContentMs: pace.firstContentMs,
    promptMsPerByte: pace.promptMsPerByte,
    decodeTokensPerSec: pace.decodeTokensPerSec,
    measuredAtMs: timeOf(pace.measuredAtMs, nowMs),
  },
  conduct: {
    faultsAtMs: conduct.faultsAtMs.map((left) => timeOf(left, nowMs)),
    ejectedUntilMs: timeOf(conduct.ejectedUntilMs, nowMs),
    isProbed: conduct.isProbed,
  },
});

const describedWords = (view: MachineView, nowMs: number): DescribedWords => ({
  machineId: view.machineId,
  identityKey: view.identityKey,
  serial: view.serial,
  ...(view.toldSerial !== undefined && { toldSerial: view.toldSerial }),
  pins: [...view.pins],
  chipName: view.chipName,
  hardwareModel: view.hardwareModel,
  engine: view.engine,
  platform: view.platform,
  evidenceSha256: view.evidenceSha256,
  openers: view.openers.map((opener) => ({ ...opener, untilMs: leftOf(opener.untilMs, nowMs) })),
  verdict: { level: view.verdict.level, checks: [...view.verdict.checks], at: view.verdict.at },
  failing: view.failing,
  attestedUntilMs: leftOf(view.attestedUntilMs, nowMs),
  distrustedUntilMs: leftOf(view.distrustedUntilMs, nowMs),
  approval: view.approval,
  ...(view.owner !== undefined && { owner: view.owner }),
  ownerOnly: view.ownerOnly,
});

export const describedFrom = (words: DescribedWords, nowMs: number): Described => ({
  ...words,
  toldSerial: words.toldSerial,
  owner: words.owner,
  openers: words.openers.map((opener) => ({ ...opener, untilMs: timeOf(opener.untilMs, nowMs) })),
  attestedUntilMs: timeOf(words.attestedUntilMs, nowMs),
  distrustedUntilMs: timeOf(words.distrustedUntilMs, nowMs),
});

export const restWords = (
  view: MachineView,
  { machine, evidence }: PublishedMachine,
  { generation, sharedMs }: Pick<RestWords, "generation" | "sharedMs">,
  nowMs: number,
): RestWords => ({
  described: describedWords(view, nowMs),
  generation,
  sharedMs,
  evidence: publishedEvidence(evidence, view.platform),
  offered: machine.models.map(modelWords),
});

/** @returns undefined where the evidence is none */
export function evidenceOf(crypto: Crypto, rest: RestWords): { evidence: Evidence; shown: ShownBlob } | undefined {
  const shown = readShownBlob(crypto, rest.evidence);
  return shown && shown.sha256 === rest.described.evidenceSha256
    ? { evidence: evidenceFrom(rest.evidence), shown }
    : undefined;
}
