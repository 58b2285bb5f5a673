import { fromBase64OrNothing, toBase64, toHex } from "@darkbloom/protocol/bytes";
import { signChallengeAnswer, spelledTpmQuote, tpmCredentialFrom, type TpmQuote } from "@darkbloom/protocol/evidence";
import type { Clock } from "@darkbloom/protocol/ports";
import { LATE, within } from "@darkbloom/protocol/time";
import type { Signer } from "@darkbloom/protocol/signer";
import type { FromCoordinator, FromProvider, RegistrationBlob } from "@darkbloom/protocol/wire";
import type { SealingKeys } from "./keys.ts";
import type { Offers } from "./offers.ts";
import type { Witness } from "./witness.ts";

/** For what the machine's own chip says to a challenge, which has to be answered within 30 s. */
export const TESTIMONY_WAIT_MS = 20_000;

type Challenge = Extract<FromCoordinator, { type: "attestation_challenge" }>;
type Response = Extract<FromProvider, { type: "attestation_response" }>;

/** What answering needs from outside. */
export interface ChallengeNet {
  readonly clock: Clock;
  readonly signer: Signer;
  readonly keys: SealingKeys;
  readonly offers: Offers;
  /** What the operating system says now. */
  readonly posture: () => RegistrationBlob["posture"];
  /** Of a machine whose own chip vouches for it. */
  readonly witness: Witness | undefined;
}

/** Answers the challenges of one connection. */
export class ChallengeAnswers {
  readonly #net: ChallengeNet;
  readonly #over: AbortSignal;
  /** The PCRs that the log which was sent last leads to. */
  #loggedPcrs: string | undefined;

  /** @param over the connection is gone */
  constructor(net: ChallengeNet, over: AbortSignal) {
    this.#net = net;
    this.#over = over;
  }

  /** @throws ChipError where the identity key does not sign */
  async to(challenge: Challenge): Promise<Response> {
    const { keys, offers, signer, clock, posture, witness } = this.#net;
    const { evidenceSha256, keyIds, publicKeys } = keys.latest;
    const { bytes, signature } = await signChallengeAnswer(signer, {
      v: 1,
      nonce: challenge.nonce,
      callers_root: challenge.callers_root,
      blob_sha256: evidenceSha256,
      offer_sha256: offers.sha256,
      hpke_key_ids: keyIds,
      posture: posture(),
      at: new Date(clock.now()).toISOString(),
    });
    const nonce = fromBase64OrNothing(challenge.nonce);
    const subject = { identityKey: signer.publicKey, hpkePublicKeys: publicKeys, nonce };
    const credential = challenge.credential && tpmCredentialFrom(challenge.credential);
    const testimony = nonce.length === 32 ? witness?.testify(subject, credential) : undefined;
    const { quote, secret } = (await this.#inTime(testimony)) ?? {};
    return {
      type: "attestation_response",
      answer: toBase64(bytes),
      signature: toBase64(signature),
      ...(quote && { quote: spelledTpmQuote(this.#logOnce(quote)) }),
      ...(secret && { secret: toBase64(secret) }),
    };
  }

  /** A chip that is slow costs what it would have said, and not the challenge. */
  async #inTime<T>(wanted: Promise<T> | undefined): Promise<T | undefined> {
    if (!wanted) return undefined;
    const said = await within(this.#net.clock, TESTIMONY_WAIT_MS, wanted, this.#over).catch((error: unknown) => {
      if (!this.#over.aborted) throw error;
    });
    return said === LATE ? undefined : (said ?? undefined);
  }

  /** The firmware's log is large, and stays the same for as long as what it leads to does. */
  #logOnce({ eventLog, ...quote }: TpmQuote): TpmQuote {
    const leadsTo = quote.pcrs.map(({ sha256 }) => toHex(sha256)).join();
    if (!eventLog || this.#loggedPcrs === leadsTo) return quote;
    this.#loggedPcrs = leadsTo;
    return { ...quote, eventLog };
  }
}
