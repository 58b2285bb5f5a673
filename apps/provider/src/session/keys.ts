import { toBase64, toHex } from "@darkbloom/protocol/bytes";
import { signBlob, type Signed } from "@darkbloom/protocol/evidence";
import { CLOCK_SKEW_MS, HPKE_KEY_LIFE_MS } from "@darkbloom/protocol/limits";
import { leastOf } from "@darkbloom/protocol/lists";
import type { Clock, Crypto } from "@darkbloom/protocol/ports";
import { EnvelopeOpener, type Envelope, type Hpke, type HpkeKey, type Opened } from "@darkbloom/protocol/sealing";
import type { Signer } from "@darkbloom/protocol/signer";
import type { RegistrationBlob } from "@darkbloom/protocol/wire";

/** A new key well before the old one ends, so that a request that is under way can still be opened. */
export const KEY_RENEWED_BEFORE_END_MS = 60 * 60_000;

/** Blobs that an envelope may still name; each connection shows a new one, and under a pseudonym two. */
const SHOWN_MAX = 8;

/** What a blob says besides keys and time. */
export type SelfDescription = Omit<RegistrationBlob, "v" | "identity_key" | "hpke_keys" | "at">;

interface Shown {
  /** One for each suite, the one to prefer first. */
  readonly keys: readonly HpkeKey[];
  /** Of all of them, since 1970. */
  readonly expiresAt: number;
  /** On the monotonic clock. */
  readonly bornAtMs: number;
  readonly signed: Signed;
  readonly evidenceSha256: string;
}

/**
 * The HPKE keys of this process: in memory only, each at most a day, each named in a signed blob. The
 * former one still opens what was sealed for it until it expires; then it is erased.
 */
export class SealingKeys implements Disposable {
  readonly #tools: { readonly clock: Clock; readonly crypto: Crypto; readonly hpke: Hpke; readonly signer: Signer };
  readonly #describe: () => SelfDescription;
  readonly #opener: EnvelopeOpener;
  #shown: readonly Shown[] = [];

  constructor(
    tools: { readonly clock: Clock; readonly crypto: Crypto; readonly hpke: Hpke; readonly signer: Signer },
    describe: () => SelfDescription,
  ) {
    this.#tools = tools;
    this.#describe = describe;
    this.#opener = new EnvelopeOpener(tools);
  }

  /**
   * A freshly signed blob.
   *
   * @param rotate whether its key is to be a new one
   * @param serialAlias the pseudonym that a coordinator wants in place of the serial
   */
  async show(rotate: boolean, serialAlias?: string): Promise<Signed> {
    const { clock, crypto, hpke, signer } = this.#tools;
    this.#eraseExpired();
    const latest = this.#shown.at(-1);
    const expiresAt = clock.now() + HPKE_KEY_LIFE_MS;
    const keys = latest && !rotate ? latest.keys : hpke.suites.map((suite) => hpke.generateKey(suite, expiresAt));
    const signed = await signBlob(signer, {
      ...this.#describe(),
      ...(serialAlias !== undefined && { serial: serialAlias }),
      v: 1,
      identity_key: toBase64(signer.publicKey),
      hpke_keys: keys.map((key) => ({
        id: key.id,
        suite: key.suite,
        public_key: toBase64(key.publicKey),
        expires_at: new Date(key.expiresAt).toISOString(),
      })),
      at: new Date(clock.now()).toISOString(),
    });
    const bornAtMs = latest?.keys === keys ? latest.bornAtMs : clock.monotonicMs();
    const evidenceSha256 = toHex(crypto.sha256(signed.bytes));
    this.#keep(
      [...this.#shown, { keys, bornAtMs, expiresAt: expiryOf(keys), signed, evidenceSha256 }].slice(-SHOWN_MAX),
    );
    return signed;
  }

  /** What a challenge is answered over: the newest blob's digest and keys, in its order. */
  get latest(): { readonly evidenceSha256: string; readonly keyIds: string[]; readonly publicKeys: Uint8Array[] } {
    const latest = this.#shown.at(-1);
    if (!latest) throw new RangeError("no blob was shown yet");
    const { evidenceSha256, keys } = latest;
    return { evidenceSha256, keyIds: keys.map(({ id }) => id), publicKeys: keys.map(({ publicKey }) => publicKey) };
  }

  /** Whether it is time for a new key, or for a first one. */
  get ageingOrNone(): boolean {
    const latest = this.#shown.at(-1);
    return !latest || this.#leftMs(latest) < KEY_RENEWED_BEFORE_END_MS || this.#isSetBack(latest);
  }

  /**
   * @param caller as the coordinator calls it towards us
   * @param nowMs in the time that the coordinator shares with us; ours if it has told none
   */
  open(envelope: Envelope, providerId: string, caller?: string, nowMs = this.#tools.clock.now()): Opened {
    this.#eraseExpired();
    const keys = this.#shown.flatMap(({ keys: named, evidenceSha256 }) =>
      named.map((key) => ({ key, evidenceSha256 })),
    );
    return this.#opener.open(envelope, providerId, keys, nowMs, caller);
  }

  #eraseExpired(): void {
    this.#keep(this.#shown.filter((shown) => this.#leftMs(shown) > 0));
  }

  /** Until its key ends: by what was signed, and at most a day however the clock is set meanwhile. */
  #leftMs({ expiresAt, bornAtMs }: Shown): number {
    const { clock } = this.#tools;
    return Math.min(expiresAt - clock.now(), bornAtMs + HPKE_KEY_LIFE_MS - clock.monotonicMs());
  }

  /** The clock was set back since: what was signed says now that the key lives for more than a day. */
  #isSetBack({ expiresAt }: Shown): boolean {
    return expiresAt - this.#tools.clock.now() > HPKE_KEY_LIFE_MS + CLOCK_SKEW_MS;
  }

  /** A key that no kept blob names is erased, with all that was derived from it. */
  #keep(kept: readonly Shown[]): void {
    const gone = keysOf(this.#shown).difference(keysOf(kept));
    for (const key of gone) key.erase();
    if (gone.size > 0) this.#opener.forget();
    this.#shown = kept;
  }

  [Symbol.dispose](): void {
    this.#keep([]);
  }
}

const keysOf = (shown: readonly Shown[]): Set<HpkeKey> => new Set(shown.flatMap(({ keys }) => keys));

/** All of one blob are made at once. */
const expiryOf = (keys: readonly HpkeKey[]): number => leastOf(keys.map(({ expiresAt }) => expiresAt));
