import { fromBase64, toHex, utf8, concatBytes } from "@darkbloom/protocol/bytes";
import type { MachineId, Serial } from "@darkbloom/protocol/ids";
import type { Crypto } from "@darkbloom/protocol/ports";
import type { Approval } from "../ports.ts";

/** Decisions that are kept; at it, a machine that has none is given none. */
export const DECISIONS_MAX = 10_000;

export const machineIdShape = /^mach_[0-9a-f]{32}$/;

const MACHINE_ID_TAG = "darkbloom:machine:v1\0";

/** @param identityKey base64, as in a registration blob */
export function machineIdOf(crypto: Pick<Crypto, "sha256">, identityKey: string): MachineId {
  const digest = crypto.sha256(concatBytes(utf8(MACHINE_ID_TAG), fromBase64(identityKey)));
  return `mach_${toHex(digest).slice(0, 32)}` as MachineId;
}

export const decided = ["approved", "refused"] as const;
export type Decided = (typeof decided)[number];

/** What an operator has decided on one machine. */
export interface Decision {
  readonly machineId: MachineId;
  /** What the machine was called then, as in the books; null where it was not connected. */
  readonly serial: Serial | null;
  readonly state: Decided;
  /** Milliseconds since 1970. */
  readonly decidedAt: number;
}

/** Where decisions are kept: durable when `put` has returned, one for each machine. */
export interface Decisions {
  /** Oldest first. */
  list(): Promise<Decision[]>;
  put(decision: Decision): Promise<void>;
}

/**
 * What was decided on each machine, for routing to ask at once. A refusal always holds; that nothing was decided
 * matters where the operator asks for approval. Nothing but a decision counts as one: what machines earned before there
 * was a journal stands in the books under serials, and whoever makes a new key must not inherit that.
 */
export class Approvals {
  readonly #isNeeded: boolean;
  readonly #states = new Map<MachineId, Decided>();

  constructor(isNeeded: boolean, decisions: Iterable<Decision> = []) {
    this.#isNeeded = isNeeded;
    for (const { machineId, state } of decisions) this.#states.set(machineId, state);
  }

  of(machineId: MachineId): Approval {
    const state = this.#states.get(machineId);
    if (state === "refused") return "refused";
    return state === "approved" || !this.#isNeeded ? "given" : "awaited";
  }

  /** @returns whether it is news */
  decided({ machineId, state }: Pick<Decision, "machineId" | "state">): boolean {
    const isNews = this.#states.get(machineId) !== state;
    this.#states.set(machineId, state);
    return isNews;
  }
}
