import { toBase64 } from "@darkbloom/protocol/bytes";
import { canonicalJson } from "@darkbloom/protocol/canonical";
import {
  fatalFailuresOf,
  verify,
  spelledTpmCredential,
  readAnswer,
  type Policy,
  type TpmQuote,
  type Verdict,
} from "@darkbloom/protocol/evidence";
import { CHALLENGE_ANSWER_MS, CHALLENGE_EVERY_MS } from "@darkbloom/protocol/limits";
import type { ProviderId } from "@darkbloom/protocol/ids";
import type { Clock, Crypto, Random } from "@darkbloom/protocol/ports";
import type { FromCoordinator, Offer, RegistrationBlob } from "@darkbloom/protocol/wire";
import type { Events, LeaveReason } from "../../events/events.ts";
import { afterChallenge, distrustedFor, TIMEOUTS_UNTIL_CLOSED, type ChallengeOutcome } from "../records/standing.ts";
import { isOff } from "./machine-clock.ts";
import type { MachineTrust } from "./machine-trust.ts";
import { Replies, type ChallengeReply } from "./replies.ts";
import type { Shown, ShownBlob, ShownOffer } from "./shown.ts";

/** What challenging a machine needs from outside. */
export interface ChallengeNet {
  readonly clock: Clock;
  readonly crypto: Crypto;
  readonly random: Random;
  readonly events: Pick<Events, "clockOff">;
}

/** One machine's connection, as far as its challenges go. */
export interface Challenged {
  readonly providerId: ProviderId;
  /** What is in force of the machine, and what a challenge changes. */
  readonly trust: Pick<
    MachineTrust,
    "evidence" | "clock" | "nonces" | "shown" | "verdict" | "standing" | "attest" | "judge"
  >;
  readonly outbox: { control(message: FromCoordinator): void };
  readonly leaving: LeaveReason | undefined;
  announce(offer: Offer): void;
  leave(reason: LeaveReason): void;
}

/** New keys and callers' nonces bring the next challenge forward, to no less than this after the last one. */
export const CHALLENGE_PAUSE_MIN_MS = 5_000;
/** A blob or an offer is checked as it comes, so more of either than this are not asked for. Keys live a day. */
export const RENEWALS_EVERY_MS = 5_000;
/** After a challenge that was not passed the next one comes sooner. */
export const CHALLENGE_RETRY_MS = 15_000;

/**
 * True where nothing that registration checks speaks against the machine; the challenge is still to come. Judged by a
 * verdict at the time that the blob itself names: by how far that is from ours, the challenge finds out.
 */
export const mayBeChallenged = ({ checks }: Verdict, { blob }: Shown): boolean =>
  fatalFailuresOf(checks, blob.platform).length === 0;

const isSigned = ({ checks }: Verdict): boolean =>
  ["blob.signature", "offer.signature"].every((signature) =>
    checks.some(({ id, status }) => id === signature && status === "pass"),
  );

/** A protection is off on which a level rests. */
const hasFalsePosture = ({ checks }: Verdict, { blob }: Shown): boolean =>
  fatalFailuresOf(checks, blob.platform).some(({ id }) => id.startsWith("posture."));

/** Whether only the times that it names do not hold by our clock: that is no refuted proof. By its own time a blob holds that is challenged. */
const isByClockAlone = ({ checks }: Verdict, { blob }: Shown): boolean =>
  fatalFailuresOf(checks, blob.platform).every(({ id }) => id === "challenge.fresh" || id === "hpke.keys");

/**
 * Keys, posture and time may be new in a later blob; what the machine is may not. It may offer other builds than it did;
 * a build that it goes on offering has the weights that it had.
 */
const isSameMachine = (one: Shown, other: Shown): boolean =>
  canonicalJson(constantsOf(one.blob)) === canonicalJson(constantsOf(other.blob)) &&
  one.offer.models.every(({ build, weights_sha256: weights }) =>
    other.offer.models.every((model) => model.build !== build || model.weights_sha256 === weights),
  );

/** Either may be the newer one: both are on the way by themselves. */
function partsOf({ offer, offerBytes, offerSignature, offerSha256, ...blob }: Shown): {
  readonly blob: ShownBlob;
  readonly offer: ShownOffer;
} {
  return { blob, offer: { offer, offerBytes, offerSignature, offerSha256 } };
}

function constantsOf({ hpke_keys: _keys, posture: _posture, at: _at, ...constants }: RegistrationBlob) {
  return constants;
}

/**
 * Challenges one machine for as long as it stays: at once, then every five minutes, and at once again
 * when it shows new keys or a new offer. Those are used only after a challenge over them was passed; until then the
 * old ones serve on.
 */
export class Challenger {
  readonly #net: ChallengeNet;
  readonly #session: Challenged;
  readonly #trust: Challenged["trust"];
  readonly #replies: Replies;
  /** The newest blob and offer, in force once a challenge over them was passed. */
  #renewed: Shown | undefined;
  readonly #renewedAtMs = { blob: Number.NEGATIVE_INFINITY, offer: Number.NEGATIVE_INFINITY };
  /** They take effect in the order in which they came. */
  #renewing = Promise.resolve();
  /** New keys or a new offer have come since the last challenge began. */
  #isHurried = false;
  /** The firmware's log, which comes along once. */
  #eventLog: Uint8Array | undefined;
  #pause = new AbortController();

  constructor(net: ChallengeNet, session: Challenged) {
    this.#net = net;
    this.#session = session;
    this.#trust = session.trust;
    this.#replies = new Replies(net.clock);
    this.#trust.nonces.onFirst(() => this.#pause.abort());
  }

  answered(reply: ChallengeReply): void {
    this.#replies.put(reply);
  }

  /** A newly signed blob of the same machine, or what it offers now. */
  async renew(part: ShownBlob | ShownOffer): Promise<void> {
    const nowMs = this.#net.clock.monotonicMs();
    const kind = "offer" in part ? "offer" : "blob";
    if (nowMs - this.#renewedAtMs[kind] < RENEWALS_EVERY_MS) return this.#session.leave("protocol");
    this.#renewedAtMs[kind] = nowMs;
    const before = this.#renewing;
    const renewing = Promise.withResolvers<void>();
    this.#renewing = renewing.promise;
    try {
      await before;
      const shown = { ...this.#latest, ...part };
      this.#takeOver(shown, await this.#verdictOn(shown, "registration"));
    } finally {
      renewing.resolve();
    }
  }

  #takeOver(shown: Shown, verdict: Verdict): void {
    // It went while its blob was checked.
    if (this.#session.leaving) return;
    // Nobody's words count before it is known whose they are.
    if (!isSigned(verdict)) return this.#session.leave("protocol");
    if (hasFalsePosture(verdict, shown))
      return this.#trust.judge(verdict, distrustedFor(this.#trust.standing, "posture"));
    if (!mayBeChallenged(verdict, shown)) return this.#trust.judge(verdict, this.#trust.standing);
    if (!isSameMachine(this.#trust.shown, shown))
      return this.#trust.judge(verdict, distrustedFor(this.#trust.standing, "changed"));
    this.#renewed = shown;
    this.#session.announce(shown.offer);
    this.#isHurried = true;
    this.#pause.abort();
  }

  async run(over: AbortSignal): Promise<void> {
    let due = false;
    try {
      for (;;) {
        // What spoke against it may be over: it has shown a new blob, or is no longer on the list of withdrawn ones.
        due ||= await this.#isDue();
        over.throwIfAborted();
        if (!due) this.#trust.nonces.take().close(false);
        const outcome = due ? await this.#once(over) : "refuted";
        if (this.#trust.standing.timeouts >= TIMEOUTS_UNTIL_CLOSED) this.#session.leave("untrusted");
        await this.#rest(outcome === "pass" ? CHALLENGE_EVERY_MS : CHALLENGE_RETRY_MS, over);
      }
    } finally {
      this.#trust.nonces.end();
    }
  }

  async #isDue(): Promise<boolean> {
    const shown = this.#latest;
    return mayBeChallenged(await this.#verdictOn(shown, "registration"), shown);
  }

  get #latest(): Shown {
    return this.#renewed ?? this.#trust.shown;
  }

  #verdictOn(shown: Shown, moment: Policy["moment"]): Promise<Verdict> {
    const { evidence } = this.#trust;
    return verify(this.#net.crypto, evidence.of(shown), evidence.policy(moment), Date.parse(shown.blob.at));
  }

  #withLog(quote: TpmQuote | undefined): { readonly quote?: TpmQuote } {
    if (!quote) return {};
    this.#eventLog = quote.eventLog ?? this.#eventLog;
    return { quote: this.#eventLog ? { ...quote, eventLog: this.#eventLog } : quote };
  }

  /** Until the next challenge is due; shorter for new keys and for callers who wait, but never at once. */
  async #rest(pauseMs: number, over: AbortSignal): Promise<void> {
    const { clock } = this.#net;
    await clock.sleep(CHALLENGE_PAUSE_MIN_MS, over);
    if (this.#isHurried || this.#trust.nonces.waiting > 0) return;
    this.#pause = new AbortController();
    await clock.sleep(pauseMs - CHALLENGE_PAUSE_MIN_MS, AbortSignal.any([over, this.#pause.signal])).catch(() => {});
    over.throwIfAborted();
  }

  async #once(over: AbortSignal): Promise<ChallengeOutcome | "gone"> {
    const asked = this.#latest;
    this.#isHurried = false;
    const { clock, crypto, random } = this.#net;
    const nonce = random.bytes(32);
    const callers = this.#trust.nonces.take();
    const credential = this.#trust.evidence.activation.next();
    const replied = this.#replies.to(nonce, CHALLENGE_ANSWER_MS, over);
    this.#session.outbox.control({
      type: "attestation_challenge",
      nonce: toBase64(nonce),
      callers_root: callers.root,
      timestamp: new Date(this.#trust.clock.tell()).toISOString(),
      ...(credential && { credential: spelledTpmCredential(credential) }),
    });
    const reply = await replied.catch((gone: unknown) => {
      callers.close(false);
      throw gone;
    });
    if (!reply) {
      callers.close(false);
      this.#trust.judge(this.#trust.verdict, afterChallenge(this.#trust.standing, "timeout", clock.monotonicMs()));
      return "timeout";
    }
    const { answer, signature, secret } = reply;
    this.#trust.evidence.activation.answered(secret);
    // Measured as the answer comes, before it is checked. No number where it cannot be read, which refutes it.
    const said = readAnswer(answer);
    const offsetMs = this.#trust.clock.offsetOf(Date.parse(said?.at ?? ""));
    // What it showed between our question and its answer may still be in the middle of being checked.
    await this.#renewing;
    const latest = this.#latest;
    const shown = {
      ...partsOf(said?.blob_sha256 === latest.sha256 ? latest : asked).blob,
      ...partsOf(said?.offer_sha256 === latest.offerSha256 ? latest : asked).offer,
    };
    const challenge = { nonce, callersRoot: callers.root, answer, signature, ...this.#withLog(reply.quote) };
    const evidence = this.#trust.evidence.of(shown, challenge);
    const policy = this.#trust.evidence.policy("later");
    const verdict = await verify(crypto, evidence, policy, clock.now());
    if (over.aborted || this.#session.leaving) {
      // It went while its answer was checked: it takes no other connection's place, and nothing is held against it.
      callers.close(false);
      return "gone";
    }
    if (verdict.level !== "none" && !isOff(offsetMs)) {
      this.#trust.clock.measured(offsetMs);
      this.#trust.attest(shown, challenge, verdict);
      callers.close(true);
      return "pass";
    }
    callers.close(false);
    const isByClock = isByClockAlone(verdict, shown);
    if (isByClock) {
      this.#trust.clock.measured(offsetMs);
      this.#net.events.clockOff({ providerId: this.#session.providerId, offsetMs });
    }
    const outcome = isByClock ? "clock" : hasFalsePosture(verdict, shown) ? "posture" : "refuted";
    this.#trust.judge(verdict, afterChallenge(this.#trust.standing, outcome, clock.monotonicMs()));
    return outcome;
  }
}
