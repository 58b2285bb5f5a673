import { fromUtf8 } from "@darkbloom/protocol/bytes";
import { attestationsSchema, type Attestations } from "@darkbloom/protocol/evidence";
import { wellKnownSchema, type WellKnown } from "@darkbloom/protocol/wire";
import { bytesOf } from "./bytes-of.ts";
import { DarkbloomError } from "./errors.ts";
import { EVIDENCE_BYTES_MAX, EVIDENCE_WAIT_MS, SMALL_ANSWER_BYTES_MAX } from "./limits.ts";
import type { Ports } from "./ports.ts";

interface Bounds {
  readonly bytesMax: number;
  readonly headers?: Headers;
  readonly signal?: AbortSignal | undefined;
}

/** What a coordinator shows to whoever asks. Nothing of it is believed before it is checked. */
export class Coordinator {
  readonly base: URL;
  readonly #ports: Ports;
  #secondsAhead = 0;

  constructor(ports: Ports, base: URL) {
    this.#ports = ports;
    this.base = base;
  }

  /** By how much our clock is ahead of the one that the coordinator says it has; 0 where it says none. */
  get secondsAhead(): number {
    return this.#secondsAhead;
  }

  /** All machines, or those that may serve this model now. @throws DarkbloomError */
  async attestations(model?: string): Promise<Attestations> {
    const query = model === undefined ? "" : `?model=${encodeURIComponent(model)}`;
    const bytes = await this.file(`v1/providers/attestation${query}`, { bytesMax: EVIDENCE_BYTES_MAX });
    if (bytes) {
      const shown = readAttestations(bytes);
      if (shown) return shown;
    } else if (model !== undefined)
      throw new DarkbloomError(
        "model_unknown",
        "The coordinator knows no such model: GET /v1/models lists them. Nothing was sent.",
      );
    throw unavailable(`What ${this.base.href} shows of its machines was not understood. Is it of another version?`);
  }

  /** @throws DarkbloomError */
  async wellKnown(): Promise<WellKnown> {
    const bytes = await this.#must(".well-known/darkbloom", { bytesMax: SMALL_ANSWER_BYTES_MAX });
    const known = wellKnownSchema.safeParse(jsonIn(bytes)).data;
    if (known) return known;
    throw unavailable(`${this.base.href} does not tell its keys. Is it a coordinator?`);
  }

  /** A file of its, where there is one. @throws DarkbloomError where it does not answer */
  async file(path: string, bounds: Bounds): Promise<Uint8Array<ArrayBuffer> | undefined> {
    const url = new URL(path, this.base);
    const waited = AbortSignal.timeout(EVIDENCE_WAIT_MS);
    const signal = bounds.signal ? AbortSignal.any([bounds.signal, waited]) : waited;
    try {
      const response = await this.#ports.send(url, {
        ...(bounds.headers && { headers: bounds.headers }),
        redirect: "error",
        signal,
      });
      const told = Date.parse(response.headers.get("date") ?? "");
      if (!Number.isNaN(told)) this.#secondsAhead = Math.round((this.#ports.now() - told) / 1000);
      if (response.ok) {
        const bytes = await bytesOf(response.body, bounds.bytesMax);
        if (bytes) return bytes;
        throw unavailable(`${url.href} is longer than what stands there can be.`);
      }
      await response.body?.cancel();
      if (response.status === 404) return undefined;
      throw unavailable(`${url.href} answers with status ${response.status}. Try again later.`);
    } catch (error) {
      if (error instanceof DarkbloomError || bounds.signal?.aborted) throw error;
      throw unavailable(`${url.href} does not answer. Check the address, the network and that the coordinator runs.`);
    }
  }

  async #must(path: string, bounds: Bounds): Promise<Uint8Array> {
    const bytes = await this.file(path, bounds);
    if (bytes) return bytes;
    throw unavailable(`${this.base.href}${path} is not there. Is it a coordinator?`);
  }
}

const unavailable = (message: string): DarkbloomError => new DarkbloomError("evidence_unavailable", message);

export function jsonIn(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(fromUtf8(bytes));
  } catch {
    return undefined;
  }
}

/** Undefined for what is no list of machines. */
const readAttestations = (bytes: Uint8Array): Attestations | undefined =>
  attestationsSchema.safeParse(jsonIn(bytes)).data;

/** What an answer of status 409 shows of other machines, under the same policy. */
export function otherMachines(bytes: Uint8Array): Attestations | undefined {
  const said = jsonIn(bytes);
  const sealing: unknown = said instanceof Object ? Reflect.get(said, "sealing") : undefined;
  return attestationsSchema.safeParse(sealing).data;
}
