import { toBase64Url } from "@darkbloom/protocol/bytes";
import type { MachineId, PersonId, Sha256Hex } from "@darkbloom/protocol/ids";
import type { Clock, Crypto, Random } from "@darkbloom/protocol/ports";
import { hashOfKey } from "./keys.ts";

/** For somebody to find a browser, sign in and compare a code. */
export const DEVICE_CODE_LIFE_MS = 10 * 60_000;
/** Who asks again is still told that it was too late, and not that nobody knows the code. */
const DEVICE_CODE_KEPT_MS = 2 * DEVICE_CODE_LIFE_MS;
/** Of one address: of more, its own oldest goes. And of all together: of more, the oldest goes. */
export const DEVICE_CODES_PER_ADDRESS_MAX = 10;
export const DEVICE_CODES_MAX = 10_000;
/** How often a program asks; each time that it asks sooner, it has to wait so much longer (RFC 8628 §3.5). */
export const DEVICE_POLL_EVERY_MS = 5_000;
const DEVICE_CODE_BYTES = 32;
/** Consonants alone, as RFC 8628 §6.1 has it: no word is spelled, and nothing looks like anything else. Nine of them are 38.9 bits. */
const LETTERS = "BCDFGHJKLMNPQRSTVWXZ";
const USER_CODE_LETTERS = 9;

/** What a program that asks to be let in says of itself, and where it asks from. */
export interface DeviceAsking {
  readonly clientId: string;
  readonly client: string;
  readonly address: string;
  readonly at: number;
  /** Of a machine that asks to be somebody's, and not of a program. */
  readonly machine?: AskingMachine;
}

/** What a machine claims of itself: that it has this key, it shows when it connects. Its serial is kept nowhere. */
export interface AskingMachine {
  readonly machineId: MachineId;
  readonly identitySha256: string;
  readonly serial: string | undefined;
}

interface Grant extends DeviceAsking {
  readonly userCode: string;
  readonly untilMs: number;
  /** Not before this; the next time so much later. */
  nextPollMs: number;
  intervalMs: number;
  decision: { readonly by: PersonId } | "denied" | undefined;
}

/** What a program is told: RFC 8628 §3.5 and RFC 6749 §5.2 have the words. */
export type Polled =
  | { readonly error: "authorization_pending" | "slow_down" | "access_denied" | "expired_token" | "invalid_grant" }
  | { readonly personId: PersonId; readonly client: string; readonly machine: AskingMachine | undefined };

interface Tools {
  readonly clock: Clock;
  readonly random: Random;
  readonly crypto: Crypto;
}

/** The device authorization grant (RFC 8628): programs that ask to be let in, and people who let them. In this process alone. */
export class DeviceGrants {
  readonly #tools: Tools;
  /** By the hash of the device code, the oldest first. */
  readonly #grants = new Map<Sha256Hex, Grant>();

  constructor(tools: Tools) {
    this.#tools = tools;
  }

  open(asking: DeviceAsking): { readonly deviceCode: string; readonly userCode: string } {
    const nowMs = this.#tools.clock.monotonicMs();
    this.#makeRoom(nowMs, asking.address);
    const deviceCode = toBase64Url(this.#tools.random.bytes(DEVICE_CODE_BYTES));
    const userCode = this.#newUserCode();
    this.#grants.set(this.#hashOf(deviceCode), {
      ...asking,
      userCode,
      untilMs: nowMs + DEVICE_CODE_LIFE_MS,
      nextPollMs: nowMs,
      intervalMs: DEVICE_POLL_EVERY_MS,
      decision: undefined,
    });
    return { deviceCode, userCode };
  }

  /** Who asks under a code that nobody has decided on yet. */
  asking(userCode: string): (DeviceAsking & { readonly userCode: string }) | undefined {
    return this.#undecided(userCode);
  }

  /** @returns whether there was something to decide: each code is decided on once */
  decide(userCode: string, decision: NonNullable<Grant["decision"]>): boolean {
    const grant = this.#undecided(userCode);
    if (grant) grant.decision = decision;
    return grant !== undefined;
  }

  /** One poll. A code is redeemed once: whoever shows it again shows one that nobody knows. */
  poll(deviceCode: string, clientId: string): Polled {
    const hash = this.#hashOf(deviceCode);
    const grant = this.#grants.get(hash);
    if (grant?.clientId !== clientId) return { error: "invalid_grant" };
    const nowMs = this.#tools.clock.monotonicMs();
    if (nowMs >= grant.untilMs) return { error: "expired_token" };
    const isTooSoon = nowMs < grant.nextPollMs;
    if (isTooSoon) grant.intervalMs += DEVICE_POLL_EVERY_MS;
    grant.nextPollMs = nowMs + grant.intervalMs;
    if (isTooSoon) return { error: "slow_down" };
    if (grant.decision === undefined) return { error: "authorization_pending" };
    this.#grants.delete(hash);
    return grant.decision === "denied"
      ? { error: "access_denied" }
      : { personId: grant.decision.by, client: grant.client, machine: grant.machine };
  }

  /** Whatever somebody has let in, and has not come yet, is not let in. */
  forget(personId: PersonId): void {
    for (const grant of this.#grants.values())
      if (typeof grant.decision === "object" && grant.decision.by === personId) grant.decision = "denied";
  }

  #undecided(userCode: string): Grant | undefined {
    const letters = lettersOf(userCode);
    const nowMs = this.#tools.clock.monotonicMs();
    return this.#grants
      .values()
      .find((grant) => grant.userCode === letters && grant.decision === undefined && nowMs < grant.untilMs);
  }

  #makeRoom(nowMs: number, address: string): void {
    const drop = (hash: Sha256Hex): void => void this.#grants.delete(hash);
    for (const [hash, { untilMs }] of this.#grants)
      if (nowMs >= untilMs - DEVICE_CODE_LIFE_MS + DEVICE_CODE_KEPT_MS) drop(hash);
    const own = [...this.#grants].filter(([, grant]) => grant.address === address).map(([hash]) => hash);
    for (const hash of own.slice(0, Math.max(0, own.length + 1 - DEVICE_CODES_PER_ADDRESS_MAX))) drop(hash);
    for (const oldest of this.#grants.keys()) if (this.#grants.size >= DEVICE_CODES_MAX) drop(oldest);
  }

  /** Bytes from 240 on would make some letters likelier than others. */
  #newUserCode(): string {
    for (let letters = ""; ;) {
      const fair = this.#tools.random.bytes(2 * USER_CODE_LETTERS).filter((byte) => byte < 240);
      letters += Array.from(fair, (byte) => LETTERS[byte % LETTERS.length]).join("");
      if (letters.length >= USER_CODE_LETTERS) return letters.slice(0, USER_CODE_LETTERS);
    }
  }

  #hashOf(deviceCode: string): Sha256Hex {
    return hashOfKey(this.#tools.crypto, deviceCode);
  }
}

/** As it is shown, e.g. `WDJ-BMJ-HTP`. */
export const shownCode = (letters: string): string => letters.match(/.{3}/g)?.join("-") ?? "";

const codeShape = new RegExp(`^[${LETTERS}]{${USER_CODE_LETTERS}}$`);

/** What a link says, as a code is shown; empty for what cannot be one, which might be somebody's words. */
export function asCode(said: string): string {
  const letters = lettersOf(said);
  return codeShape.test(letters) ? shownCode(letters) : "";
}

/** However a person writes it. */
const lettersOf = (userCode: string): string => userCode.toUpperCase().replaceAll(/[^A-Z]/g, "");
