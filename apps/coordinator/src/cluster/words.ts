import { modelTasks } from "@darkbloom/protocol/dialects";
import { attestationSchema, checkSchema, trustLevels } from "@darkbloom/protocol/evidence";
import type { AccountId, JobId, MachineId, PersonId, ProviderId, Serial, Sha256Hex } from "@darkbloom/protocol/ids";
import { fromProvider } from "@darkbloom/protocol/wire";
import * as z from "zod";
import { changeKinds } from "../events/changes.ts";
import { noticeKinds, type Notice } from "../events/notices.ts";
import { decided } from "../machines/trust/approvals.ts";

/** Machines that one message names; a fleet is told in as many messages as it needs. */
export const MACHINES_TOLD_MAX = 64;
/** Of what one coordinator says that it hosts; of more, none of it is taken. */
export const FAR_MACHINES_MAX = 10_000;
/** Lines that one coordinator may have open at another, and waits that it tells it of. */
export const FAR_LINES_MAX = 4_096;
/** Kinds of what pages ask for again, and of whom, that one message names. */
export const CHANGES_TOLD_MAX = 512;
const FAR_TEXT_CHARS_MAX = 1_024;
const FAR_LIST_MAX = 256;

const text = z.string().max(FAR_TEXT_CHARS_MAX);
/** Names that one of us made or looked up: none but coordinators of this network can speak here. */
const id = z.string().min(1).max(128);
const jobId = id.transform((name) => name as JobId);
const providerId = id.transform((name) => name as ProviderId);
const machineId = id.transform((name) => name as MachineId);
const account = id.transform((name) => name as AccountId);
const whom = id.transform((name) => name as AccountId | PersonId);
const noticed = id.transform((name) => name as Notice["of"]);
const serial = text.transform((name) => name as Serial);
const sha256 = text.transform((hex) => hex as Sha256Hex);
const count = z.int().nonnegative();
/**
 * A time on the sender's monotonic clock, as what was left until it when this was said, in ms; negative where it has passed. JSON has no
 * infinities.
 */
const left = z.union([z.number(), z.enum(["never", "always"])]);

const model = z.object({
  build: text,
  weightsSha256: text,
  contextTokens: count,
  tokenBytesMax: count.exactOptional(),
  tasks: z.array(z.enum(modelTasks)).exactOptional(),
});

/** What changes with each request. */
const load = z.object({
  models: z.array(model).max(FAR_LIST_MAX),
  draining: z.boolean(),
  slots: count,
  running: count,
  pace: z.object({
    firstContentMs: z.number().exactOptional(),
    promptMsPerByte: z.number().exactOptional(),
    decodeTokensPerSec: z.number().exactOptional(),
    measuredAtMs: left,
  }),
  conduct: z.object({ faultsAtMs: z.array(left).max(FAR_LIST_MAX), ejectedUntilMs: left, isProbed: z.boolean() }),
});

/** What it is, and what is thought of it. */
const described = z.object({
  machineId,
  identityKey: text,
  serial,
  toldSerial: serial.exactOptional(),
  pins: z.array(serial).max(FAR_LIST_MAX),
  chipName: text,
  hardwareModel: text,
  engine: z.object({ name: text, version: text }),
  platform: z.enum(["macos", "linux", "other"]),
  evidenceSha256: sha256,
  openers: z.array(z.object({ evidenceSha256: sha256, keyId: text, untilMs: left })).max(FAR_LIST_MAX),
  verdict: z.object({
    level: z.enum(trustLevels),
    checks: z.array(checkSchema).max(FAR_LIST_MAX),
    at: text,
  }),
  failing: z.boolean(),
  attestedUntilMs: left,
  distrustedUntilMs: left,
  approval: z.enum(["given", "awaited", "refused"]),
  owner: account.exactOptional(),
  ownerOnly: z.boolean(),
});

const rest = z.object({
  described,
  /** How often its identity key has come to another home; 0 of a connection that has not shown that it has the key. */
  generation: count,
  /** Since 1970, in the time that this machine shares with its home. */
  sharedMs: z.number(),
  evidence: attestationSchema.shape.evidence,
  offered: z.array(model).max(FAR_LIST_MAX),
});
/** All that there is to tell of one. */
const whole = z.object({ providerId, load, rest });
/** Without `rest` where that is as it was when it was last told. */
const machine = whole.extend({ rest: rest.exactOptional() });
export type MachineWords = z.infer<typeof machine>;
export type WholeMachineWords = z.infer<typeof whole>;
export type LoadWords = z.infer<typeof load>;
export type DescribedWords = z.infer<typeof described>;
export type RestWords = z.infer<typeof rest>;
export type Left = z.infer<typeof left>;

const machines = z.array(machine).max(MACHINES_TOLD_MAX);
/** Lines, each with the number of the last that was said on it. */
const lines = z.array(z.tuple([jobId, count])).max(FAR_LINES_MAX);
/** By its maker's count of them. */
const decision = z.object({ number: count, machineId, what: z.enum([...decided, "forgiven"]) });
export type DecisionWords = z.infer<typeof decision>;

const ofLine = { job: jobId, number: count };

/** What coordinators say to each other. What is about a line has its number there: the next one, or something was lost. */
export const words = z.discriminatedUnion("type", [
  // To all.
  z.object({ type: z.literal("beat"), fleet: count, decisions: z.array(decision).max(FAR_LIST_MAX) }),
  z.object({ type: z.literal("changed"), fleet: count, machines, left: z.array(providerId).max(FAR_MACHINES_MAX) }),
  z.object({ type: z.literal("bye") }),
  // What was remembered of it holds no longer; answered once that is forgotten.
  z.object({ type: z.literal("noticed"), number: count, kind: z.enum(noticeKinds), of: noticed }),
  z.object({
    type: z.literal("pages"),
    changes: z.array(z.object({ kind: z.enum(changeKinds), of: whom.exactOptional() })).max(CHANGES_TOLD_MAX),
  }),
  // To all or one: tell me of your fleet.
  z.object({ type: z.literal("ask") }),
  z.object({ type: z.literal("state"), fleet: count, at: count, total: count.max(FAR_MACHINES_MAX), machines }),
  z.object({ type: z.literal("forgotten"), number: count }),
  // To one, with every beat.
  z.object({
    type: z.literal("link"),
    atMs: z.number(),
    echo: z.object({ atMs: z.number(), heldMs: z.number() }).exactOptional(),
    /** That this one has asked for, and that it has lent. */
    asked: lines,
    lent: lines,
    /** For which machines of the other somebody waits here, and for how long. */
    waiting: z.array(z.tuple([providerId, z.number()])).max(FAR_LINES_MAX),
    distrusted: z.array(providerId).max(FAR_LIST_MAX),
  }),
  // Of the edge.
  z.object({ type: z.literal("reserve"), job: jobId, providerId }),
  z.object({ type: z.literal("credit"), ...ofLine, bytes: count }),
  z.object({ type: z.literal("cancel"), ...ofLine }),
  z.object({ type: z.literal("release"), job: jobId }),
  z.object({ type: z.literal("began"), job: jobId, firstContentMs: z.number(), promptBytes: count }),
  z.object({
    type: z.literal("measured"),
    job: jobId,
    answer: z.object({ decodeMs: z.number(), relayedBytes: count, isStream: z.boolean() }).exactOptional(),
  }),
  z.object({ type: z.literal("learnt"), job: jobId, what: z.enum(["faulted", "wasBusy", "distrust"]) }),
  z.object({ type: z.literal("declined"), job: jobId, account }),
  z.object({ type: z.literal("prove"), id: count, providerId, nonce: z.base64().max(128) }),
  // Of the home.
  z.object({ type: z.literal("granted"), job: jobId }),
  z.object({ type: z.literal("full"), job: jobId }),
  z.object({ type: z.literal("reading"), ...ofLine, readTokens: count }),
  z.object({ type: z.literal("closed"), ...ofLine, frame: fromProvider }),
  z.object({ type: z.literal("gone"), ...ofLine, silent: z.boolean() }),
  z.object({ type: z.literal("lost"), job: jobId }),
  z.object({
    type: z.literal("proved"),
    id: count,
    path: z
      .array(z.object({ side: z.enum(["left", "right"]), sha256: text }))
      .max(64)
      .exactOptional(),
    machine: whole.exactOptional(),
  }),
]);
export type Words = z.infer<typeof words>;
export type Of<Type extends Words["type"]> = Extract<Words, { type: Type }>;
