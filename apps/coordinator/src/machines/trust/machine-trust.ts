import { failuresOf, fatalFailuresOf, type Verdict } from "@darkbloom/protocol/evidence";
import type { ProviderId } from "@darkbloom/protocol/ids";
import { CHALLENGE_AGE_MAX_MS } from "@darkbloom/protocol/limits";
import type { Crypto } from "@darkbloom/protocol/ports";
import type { Offer } from "@darkbloom/protocol/wire";
import type { MachineOwners } from "../../accounts/machine-owners.ts";
import type { OwnedMachine } from "../../accounts/owned-machines.ts";
import type { Events } from "../../events/events.ts";
import type { MachineView, Opener, PublishedMachine } from "../ports.ts";
import { newRecord, type MachineRecord, type MachineRecords } from "../records/records.ts";
import { afterChallenge, TIMEOUTS_UNTIL_STALE, type Standing } from "../records/standing.ts";
import type { Approvals } from "./approvals.ts";
import { CallerNonces } from "./caller-nonces.ts";
import { MachineClock } from "./machine-clock.ts";
import type { Challenge, EvidenceNet, MachineEvidence } from "./machine-evidence.ts";
import { Offering } from "./offering.ts";
import { renewedOpeners } from "./openers.ts";
import type { Shown } from "./shown.ts";
import { trustStatusOf } from "./trust-status.ts";
import type { Floor } from "./serving.ts";

/** What judging one connection's machine needs from outside. */
export interface TrustNet extends EvidenceNet {
  readonly crypto: Crypto;
  readonly records: MachineRecords;
  readonly approvals: Pick<Approvals, "of">;
  readonly owners: MachineOwners;
  readonly floor: Floor;
  readonly events: Pick<Events, "verdictChanged">;
  /** Told of the keys of a machine that passed a challenge, each time that it did. */
  readonly keysShown?: (shown: Shown) => void;
}

/** A machine as it has registered. */
export interface Joining {
  readonly providerId: ProviderId;
  readonly evidence: MachineEvidence;
  readonly shown: Shown;
  readonly verdict: Verdict;
  /** Whose token opened the connection, as far as one did. It owns nothing before it has shown its key. */
  readonly linked?: OwnedMachine | undefined;
}

/** Of its connection: who is told when something follows. */
interface Consequences {
  /** Its first challenge is passed: whose connection this is, is known from now on. */
  recognised(): void;
  /** What it shows, or what is thought of it, has changed. */
  judged(): void;
}

type TrustField =
  | "evidenceSha256"
  | "openers"
  | "verdict"
  | "failing"
  | "attestedUntilMs"
  | "distrustedUntilMs"
  | "approval"
  | "owner"
  | "ownerOnly";

/** What one connection's machine shows of itself, and what follows from that, from what it did and from its operator's word. */
export class MachineTrust {
  readonly evidence: MachineEvidence;
  readonly clock: MachineClock;
  /** Nonces of callers, for the next challenge. */
  readonly nonces: CallerNonces;
  readonly offering: Offering;
  readonly #net: TrustNet;
  readonly #providerId: ProviderId;
  readonly #then: Consequences;
  readonly #linked: OwnedMachine | undefined;
  #shown: Shown;
  #openers: readonly Opener[];
  #challenge: Challenge | undefined;
  #verdict: Verdict;
  /** Its own until a passed challenge has shown whose connection this is; from then on the machine's. */
  #record: MachineRecord = newRecord();
  /** The last challenge, on the monotonic clock. */
  #passedAtMs = Number.NEGATIVE_INFINITY;

  constructor(net: TrustNet, { providerId, evidence, shown, verdict, linked }: Joining, then: Consequences) {
    this.#net = net;
    this.#providerId = providerId;
    this.#then = then;
    this.evidence = evidence;
    this.clock = new MachineClock(net.clock);
    this.nonces = new CallerNonces(net.crypto);
    this.offering = new Offering(shown);
    this.#shown = shown;
    this.#linked = linked;
    this.#openers = renewedOpeners([], shown, net.clock);
    this.#verdict = verdict;
  }

  get shown(): Shown {
    return this.#shown;
  }
  get verdict(): Verdict {
    return this.#verdict;
  }
  get record(): MachineRecord {
    return this.#record;
  }
  get standing(): Standing {
    return this.#record.standing;
  }

  /** As routing sees it. */
  get view(): Pick<MachineView, TrustField> {
    return {
      evidenceSha256: this.#shown.sha256,
      openers: this.#openers,
      verdict: this.#verdict,
      failing: fatalFailuresOf(this.#verdict.checks, this.#shown.blob.platform).length > 0,
      attestedUntilMs: this.#attestedUntilMs,
      distrustedUntilMs: this.standing.distrust?.untilMs ?? Number.NEGATIVE_INFINITY,
      approval: this.#net.approvals.of(this.#shown.machineId),
      ...this.#ownership,
    };
  }

  /** Hidden at once where its owner wants that; owned once it has shown its key. */
  get #ownership(): Pick<MachineView, "owner" | "ownerOnly"> {
    const { owners } = this.#net;
    const owned = owners.of(this.#shown.machineId);
    const linked = this.#linked && owners.byToken(this.#linked.tokenHash);
    const isHidden = owned?.privateOnly === true || linked?.privateOnly === true;
    return { owner: this.isRecognised ? owned?.account : undefined, ownerOnly: isHidden };
  }

  /** As anyone may check it. */
  published(view: MachineView): PublishedMachine {
    // What it only withdraws for now is still in the offer that its evidence shows.
    const machine = { ...view, models: this.offering.models };
    return { machine, evidence: this.evidence.published(this.#shown, this.#challenge) };
  }

  /** As its owner is told. */
  status(view: MachineView): ReturnType<typeof trustStatusOf> {
    return trustStatusOf(this.#net, view, this.#verdict, this.standing, this.clock);
  }

  /** It offers something else from its next challenge on. */
  announce(offer: Offer): void {
    this.offering.announce(offer);
  }

  /** Takes over newly checked evidence of the same machine, or a challenge that renews what is in force. */
  attest(shown: Shown, challenge: Challenge, verdict: Verdict): void {
    this.offering.count(shown);
    this.#openers = renewedOpeners(this.#openers, shown, this.#net.clock);
    this.#shown = shown;
    this.#challenge = challenge;
    if (!this.isRecognised) {
      // Before this, whoever names a machine's public key could end its connection and spoil its record.
      this.#record = this.#net.records.open(shown.machineId);
      this.#then.recognised();
    }
    this.#passedAtMs = this.#net.clock.monotonicMs();
    this.judge(verdict, afterChallenge(this.standing, "pass", this.#passedAtMs));
    this.#net.keysShown?.(shown);
  }

  judge(verdict: Verdict, standing: Standing): void {
    const from = this.#verdict.level;
    this.#verdict = verdict;
    this.#record.standing = standing;
    if (this.isRecognised) this.#net.records.judged(this.#shown.machineId, standing);
    if (from !== verdict.level) {
      const failedChecks = failuresOf(verdict.checks, this.#shown.blob.platform).length;
      this.#net.events.verdictChanged({ providerId: this.#providerId, from, to: verdict.level, failedChecks });
    }
    this.#then.judged();
  }

  /** It has passed a challenge over this connection: whose it is, is known. */
  get isRecognised(): boolean {
    return this.#passedAtMs !== Number.NEGATIVE_INFINITY;
  }

  /** On the monotonic clock. */
  get #attestedUntilMs(): number {
    const { hardFailures, timeouts } = this.standing;
    return !this.clock.isOff && hardFailures === 0 && timeouts < TIMEOUTS_UNTIL_STALE
      ? this.#passedAtMs + CHALLENGE_AGE_MAX_MS
      : Number.NEGATIVE_INFINITY;
  }
}
