import type { ModelTask } from "@darkbloom/protocol/dialects";
import { atLeast, type TrustLevel } from "@darkbloom/protocol/evidence";
import type { Gate } from "@darkbloom/protocol/failures";
import type { AccountId, ProviderId, Serial } from "@darkbloom/protocol/ids";
import { tasksOfOlderMachines, type CatalogEntry } from "../catalog/catalog.ts";
import type { MachineView } from "./ports.ts";

/** Who can open a sealed request, as it names them. */
export interface Candidate {
  readonly providerId: string;
  readonly keyId: string;
  readonly evidenceSha256: string;
}

/** What a request needs of a machine. */
export interface Want {
  readonly entry: CatalogEntry;
  /** Absent: whatever the model can be asked for. */
  readonly task?: ModelTask;
  readonly pins: readonly Serial[];
  /** The machines that it is sealed to, by key and evidence; absent: any can be sealed to. */
  readonly candidates?: readonly Candidate[] | undefined;
  readonly minTrust: TrustLevel;
  readonly maxTokens: number;
  readonly promptBytes: number;
  /** Who asks; undefined: anybody. */
  readonly account?: AccountId | undefined;
  /** `self`: no machine but the account's own. `prefer`: those first. */
  readonly route?: Route | undefined;
}

/** Which machines somebody wants, by whose they are. */
export const routes = ["self", "prefer"] as const;
export type Route = (typeof routes)[number];

export const isOwn = ({ account }: Pick<Want, "account">, { owner }: MachineView): boolean =>
  account !== undefined && owner === account;

/** Whether it passed its latest challenge, not too long ago. @param nowMs monotonic */
export const isAttested = ({ attestedUntilMs }: MachineView, nowMs: number): boolean => nowMs <= attestedUntilMs;

export interface Question {
  readonly want: Want;
  readonly machine: MachineView;
  /** Monotonic. */
  readonly nowMs: number;
  /** Machines that failed this request already. */
  readonly tried: ReadonlySet<ProviderId>;
}

/** A thousand machines are asked for one request: a loop, since what makes functions or lists for each would be most of the time. */
function modelFor({ want: { entry, task }, machine: { models } }: Question): MachineView["models"][number] | undefined {
  for (const model of models)
    if (model.build === entry.build && model.weightsSha256 === entry.weightsSha256)
      if (task === undefined || (model.tasks ?? tasksOfOlderMachines).includes(task)) return model;
  return undefined;
}

/** Of this very connection, and of a key that is not gone. */
const isOpenedBy = (candidate: Candidate, { providerId, openers }: MachineView, nowMs: number): boolean =>
  candidate.providerId === providerId &&
  openers.some(
    ({ evidenceSha256, keyId, untilMs }) =>
      evidenceSha256 === candidate.evidenceSha256 && keyId === candidate.keyId && nowMs <= untilMs,
  );

/**
 * Why a machine may not serve a request: the one place that decides. Routing, the list of models, the metrics
 * and what a machine's owner is told all ask here. Each gate may be asked alone; a machine that several of them
 * shut out is counted under the first.
 */
const gateRules: Readonly<Record<Gate, (question: Question) => boolean>> = {
  pinned_elsewhere: ({ want: { pins }, machine }) => pins.length > 0 && !machine.pins.some((pin) => pins.includes(pin)),
  not_a_candidate: ({ want: { candidates }, machine, nowMs }) =>
    candidates !== undefined && !candidates.some((candidate) => isOpenedBy(candidate, machine, nowMs)),
  not_own: ({ want, machine }) => want.route === "self" && !isOwn(want, machine),
  owner_only: ({ want, machine }) => machine.ownerOnly && !isOwn(want, machine),
  already_tried: ({ machine, tried }) => tried.has(machine.providerId),
  model_not_served: (question) => modelFor(question) === undefined,
  untrusted: ({ machine, nowMs }) => nowMs < machine.distrustedUntilMs,
  not_approved: ({ machine }) => machine.approval !== "given",
  evidence_failed: ({ machine }) => machine.failing,
  challenge_stale: ({ machine, nowMs }) => !isAttested(machine, nowMs),
  trust_below_minimum: ({ want, machine }) => !atLeast(machine.verdict.level, want.minTrust),
  draining: ({ machine }) => machine.draining,
  context_too_small: (question) => {
    const model = modelFor(question);
    return model !== undefined && model.contextTokens < question.want.entry.contextTokens;
  },
  ejected: ({ machine, nowMs }) => nowMs < machine.conduct.ejectedUntilMs,
};
const gatesInOrder = Object.entries(gateRules) as readonly [Gate, (question: Question) => boolean][];

const nobody: ReadonlySet<ProviderId> = new Set();

/** Whether this gate, whatever the others say, shuts a machine out. */
export const isShutBy = (gate: Gate, want: Want, machine: MachineView, nowMs: number): boolean =>
  gateRules[gate]({ want, machine, nowMs, tried: nobody });

/** The first gate that shuts a machine out, or undefined: it may serve, now or when it has a free slot. */
export function gateOf(want: Want, machine: MachineView, nowMs: number, tried = nobody): Gate | undefined {
  return firstShut({ want, machine, nowMs, tried });
}

function firstShut(question: Question): Gate | undefined {
  for (const [gate, isShut] of gatesInOrder) if (isShut(question)) return gate;
  return undefined;
}

/** Whether a machine is there at all for an account, or, where none is named, for everybody: in lists, in counts, in refusals. */
export const isSeen = (machine: MachineView, account?: AccountId): boolean =>
  !machine.ownerOnly || isOwn({ account }, machine);

export interface Eligible {
  readonly machines: readonly MachineView[];
  /** For each gate, how many of the others it shut out. */
  readonly refused: Partial<Record<Gate, number>>;
}

/**
 * Which of these machines may serve a request. Those that are shut out for their faults alone may where nobody else
 * may, full or not: a machine that fails now and then is better than none.
 */
export function eligibleFor(want: Want, candidates: Iterable<MachineView>, nowMs: number, tried = nobody): Eligible {
  const refused: Partial<Record<Gate, number>> = {};
  const machines: MachineView[] = [];
  const ejected: MachineView[] = [];
  for (const machine of candidates) {
    if (!isSeen(machine, want.account)) continue;
    const gate = firstShut({ want, machine, nowMs, tried });
    if (gate === undefined) machines.push(machine);
    else {
      refused[gate] = (refused[gate] ?? 0) + 1;
      if (gate === "ejected") ejected.push(machine);
    }
  }
  return { machines: machines.length > 0 ? machines : ejected, refused };
}

/** A request for this model that asks for nothing special. @param account who asks; undefined: anybody */
export const plainWant = (entry: CatalogEntry, minTrust: TrustLevel, account?: AccountId): Want => ({
  entry,
  account,
  pins: [],
  minTrust,
  maxTokens: entry.maxOutputTokens,
  promptBytes: 0,
});

export const hasFreeSlot = ({ running, slots }: MachineView): boolean => running < slots;
