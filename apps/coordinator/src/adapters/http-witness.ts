import { toBase64 } from "@darkbloom/protocol/bytes";
import { NOTE_BYTES_MAX, noteTextOf, readVerifierKey, signatureTypes } from "@darkbloom/protocol/log";
import { bodyOf, nodeCrypto } from "@darkbloom/protocol/node";
import type { Witness } from "../transparency/port.ts";

/** A witness that takes longer is not waited for: the checkpoint is published without it. */
export const WITNESS_MS_MAX = 5_000;

/** How an operator names a witness: its verifier key, then the URL in front of `/add-checkpoint`. */
export function readWitness(text: string): Witness | undefined {
  const [verifierKey = "", url = "", ...more] = text.trim().split(/\s+/);
  if (more.length > 0) return undefined;
  if (readVerifierKey(nodeCrypto, verifierKey)?.type !== signatureTypes.cosignature) return undefined;
  const prefix = URL.parse(url);
  return prefix && /^https?:$/.test(prefix.protocol) ? new HttpWitness(verifierKey, prefix) : undefined;
}

/** A witness over HTTP, by https://c2sp.org/tlog-witness. */
class HttpWitness implements Witness {
  readonly verifierKey: string;
  readonly #url: string;
  /** What it saw last, as far as it is known here: it says itself where that is wrong. */
  #seen = 0;

  constructor(verifierKey: string, prefix: URL) {
    this.verifierKey = verifierKey;
    this.#url = `${prefix.href.replace(/\/$/, "")}/add-checkpoint`;
  }

  async cosign(
    note: string,
    size: number,
    proofFrom: (earlier: number) => Promise<readonly Uint8Array[]>,
    over?: AbortSignal,
  ): Promise<string | undefined> {
    const tooLate = AbortSignal.timeout(WITNESS_MS_MAX);
    const signal = over ? AbortSignal.any([over, tooLate]) : tooLate;
    for (let tries = 0; tries < 2; tries += 1) {
      const proof = this.#seen > 0 ? await proofFrom(this.#seen) : [];
      const body = [`old ${this.#seen}`, ...proof.map(toBase64), "", note].join("\n");
      const response = await fetch(this.#url, { method: "POST", body, signal, redirect: "error" });
      const answer = await bodyOf(response, NOTE_BYTES_MAX);
      const text = answer && noteTextOf(answer);
      if (response.status === 200) {
        this.#seen = size;
        return text;
      }
      const said = response.status === 409 ? /^(\d{1,15})\n$/.exec(text ?? "")?.[1] : undefined;
      if (said === undefined || Number(said) > size) return undefined;
      this.#seen = Number(said);
    }
    return undefined;
  }
}
