import { checks, type Check } from "@darkbloom/protocol/evidence";
import type { NoteKey } from "@darkbloom/protocol/log";
import { verifyReceipt, type KnownOfAnswer, type ReceiptDocument } from "@darkbloom/protocol/receipts";
import type { Evidence } from "./evidence.ts";
import type { Ports } from "./ports.ts";
import type { Published } from "./keys.ts";
import { isAllowed, type Machine } from "./machine.ts";
import type { Rules } from "./policy.ts";
import { stepOf } from "./steps.ts";
import type { Step } from "./types.ts";

/** What a receipt is held against. */
export interface Checking {
  readonly ports: Pick<Ports, "crypto" | "hpke">;
  readonly rules: Rules;
  readonly evidence: Evidence;
  readonly published: Published;
}

/** What is known of an answer without its receipt; of one that was left, less. */
export interface Known extends Omit<KnownOfAnswer, "coordinatorKeys" | "identityKey" | "logKey"> {
  readonly jobId: string | undefined;
  readonly endpoint?: string;
  /** As asked for. */
  readonly model?: string;
  readonly build?: string;
  /** The machine whose key opened the answer. */
  readonly candidate?: Machine;
}

export interface Checked {
  readonly steps: readonly Step[];
  /** The machine that answered, where its evidence is known. */
  readonly machine: Machine | undefined;
}

const DISTRUST = "Do not trust this answer; tell the operator its job id.";

/** Everything that a receipt can show of an answer, step by step. Asks nobody, but for a machine or a key that joined since. */
export async function checkReceipt(net: Checking, document: ReceiptDocument, known: Known): Promise<Checked> {
  const { receipt } = document;
  const { rules } = net;
  const keys = rules.coordinatorKeys ?? (await net.published.keys(document.coordinator_key_id));
  const machine = known.candidate
    ? named(known.candidate, receipt)
    : await net.evidence.all.named(receipt.evidence_sha256);
  const found = await verifyReceipt(net.ports.crypto, document, {
    ...known,
    coordinatorKeys: keys,
    identityKey: machine?.attestation.se_public_key,
    logKey: document.log && (await logKeyOf(net)),
  });
  return {
    machine,
    steps: [
      // The policy's mode is demanded of every receipt, below.
      ...found.filter(({ id }) => id !== "receipt.privacy").map((check) => stepOf(check)),
      ...fieldChecks(document, known, rules).map((check) => stepOf(check)),
      stepOf(machineCheck(machine)),
      ...(machine ? [stepOf(weightsCheck(receipt, machine))] : []),
      keyStep(document, keys, rules),
      ...(machine?.logged ? loggedChecks(machine.logged).map((check) => stepOf(check)) : []),
      stepOf(checks.unknown("receipt.words", "the machine's own word, under its signature")),
      ...(machine ? machine.verdict.checks.map((check) => stepOf(check)) : []),
    ],
  };
}

const named = (candidate: Machine, receipt: ReceiptDocument["receipt"]): Machine | undefined =>
  candidate.attestation.evidence_sha256 === receipt.evidence_sha256 ? candidate : undefined;

async function logKeyOf({ rules, published }: Checking): Promise<NoteKey | undefined> {
  return rules.log?.key ?? (await published.logKey());
}

function fieldChecks({ receipt }: ReceiptDocument, known: Known, rules: Rules): Check[] {
  const same = (id: string, wanted: string | undefined, signed: string): Check[] =>
    wanted === undefined ? [] : [checks.either(id, wanted === signed, "the one", `it names ${signed}`, DISTRUST)];
  return [
    ...same("receipt.job", known.jobId, receipt.job_id),
    ...same("receipt.endpoint", known.endpoint, receipt.endpoint),
    ...same("receipt.privacy", rules.mode, receipt.privacy),
    // An operator may have other names for a model; the receipt has the model's own.
    ...(known.model === undefined
      ? []
      : [
          known.model === receipt.model
            ? checks.pass("receipt.model", "the one")
            : checks.unknown(
                "receipt.model",
                `it names ${receipt.model}`,
                "Another name of it, says the coordinator: see its models.",
              ),
        ]),
    ...(rules.builds || known.build !== undefined
      ? [
          checks.either(
            "receipt.build",
            isAllowed(rules.builds, receipt) && (known.build ?? receipt.build) === receipt.build,
            receipt.build,
            `${receipt.build} (${receipt.weights_sha256})`,
            DISTRUST,
          ),
        ]
      : []),
  ];
}

function machineCheck(machine: Machine | undefined): Check {
  const found = machine?.refusal ?? (machine ? undefined : "not known");
  return checks.either("machine.accepted", found === undefined, "it is", `it is not: ${found ?? ""}`, DISTRUST);
}

/** An answer by other weights than the machine offered under its signature. */
const weightsCheck = (receipt: ReceiptDocument["receipt"], { models }: Machine): Check =>
  checks.either(
    "receipt.weights",
    models.some(({ build, weights_sha256 }) => build === receipt.build && weights_sha256 === receipt.weights_sha256),
    `${receipt.build} is in the signed offer`,
    `${receipt.build} with these weights is not in the signed offer`,
    DISTRUST,
  );

/** Whose word the key stands on that countersigned. */
function keyStep(
  { coordinator_key_id: id }: ReceiptDocument,
  keys: ReadonlyMap<string, Uint8Array>,
  { coordinatorKeys }: Rules,
): Step {
  const check = checks.either("coordinator.key", keys.has(id), `key ${id}`, `key ${id} is none of its`, DISTRUST);
  return stepOf(check, coordinatorKeys ? "verifier" : "coordinator");
}

const loggedChecks = ({ index, size, origin, witnessedBy }: NonNullable<Machine["logged"]>): Check[] => [
  checks.pass("log.keys", `entry ${index} of ${size} in ${origin}`),
  ...(witnessedBy.length > 0 ? [checks.pass("log.witnesses", witnessedBy.join(", "))] : []),
];
