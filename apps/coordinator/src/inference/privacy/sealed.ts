import { joinBytes } from "@darkbloom/protocol/bytes";
import { NetworkError, type Failure } from "@darkbloom/protocol/failures";
import { ourWords, type ParamPath } from "@darkbloom/protocol/ids";
import { CHOICES_MAX } from "@darkbloom/protocol/limits";
import type { Receipt, ReceiptField } from "@darkbloom/protocol/receipts";
import {
  FrameReader,
  frameRecord,
  type Envelope,
  type OpenedFrame,
  type SealedFrame,
  type SealHeader,
} from "@darkbloom/protocol/sealing";
import type { CatalogEntry } from "../../catalog/catalog.ts";
import type { Line } from "../../machines/ports.ts";
import { refuseOtherTasks } from "../bound.ts";
import type { Terms } from "../terms.ts";
import type { Content, Exchange, Passage } from "./content.ts";

/**
 * A request that its caller sealed for machines of its own choice. Nobody here has a key: what is known of it stands in its
 * clear fields, and of its answer in the clear bytes of the frames.
 */
export class Sealed implements Content {
  readonly privacy = "sealed";
  readonly #header: SealHeader;
  readonly #envelope: Envelope;

  constructor(header: SealHeader, envelope: Envelope) {
    this.#header = header;
    this.#envelope = envelope;
  }

  refuseFor(entry: CatalogEntry, terms: Terms): void {
    const { model, build, max_tokens: maxTokens } = this.#header;
    refuseOtherTasks(entry, terms, {});
    if (model !== entry.id)
      throw invalid("hdr.model", ourWords`it must be the model's own id; an alias goes into 'asked_model'`);
    if (build !== entry.build) throw new NetworkError({ code: "no_candidate", model: entry.id, others: 0 });
    const most = Math.min(entry.maxOutputTokens, entry.contextTokens) * CHOICES_MAX;
    if (terms.generates && maxTokens > most)
      throw invalid("hdr.max_tokens", ourWords`at most ${most} of this model, all choices together`);
  }

  exchangeOver(line: Line): Exchange {
    const candidate = this.#candidateOf(line.providerId);
    if (!candidate) throw new RangeError("a machine was asked that the request is not sealed to");
    return {
      envelope: this.#envelope,
      evidenceSha256: candidate.evidence_sha256,
      opener: new RecordOpener(),
      passage: asItCame,
    };
  }

  /** Which of its refusals it is, its caller alone is told. */
  refusalOf(): Failure | undefined {
    return undefined;
  }

  disagreementWith(receipt: Receipt): ReceiptField | undefined {
    return rules.find(([, holds]) => !holds(receipt, this.#candidateOf(receipt.provider_id)?.key_id))?.[0];
  }

  #candidateOf(providerId: string): SealHeader["candidates"][number] | undefined {
    return this.#header.candidates.find(({ provider_id }) => provider_id === providerId);
  }
}

const invalid = (param: string, expected: ReturnType<typeof ourWords>): NetworkError =>
  new NetworkError({ code: "body_invalid", param: param as ParamPath, expected });

/** In the order in which one is blamed. */
const rules: readonly (readonly [
  field: ReceiptField,
  holds: (receipt: Receipt, keyId: string | undefined) => boolean,
])[] = [
  ["request_commitment", ({ request_commitment }) => request_commitment !== undefined],
  ["response_commitment", ({ response_commitment }) => response_commitment !== undefined],
  ["private_commitment", ({ private_commitment }) => private_commitment !== undefined],
  ["hpke_key_id", ({ hpke_key_id }, keyId) => hpke_key_id === keyId],
  // By these others could guess what was asked and said: its caller has them from the last frame.
  ["sampling", ({ sampling }) => sampling === undefined],
  ["finish_reason", ({ finish_reason }) => finish_reason === undefined],
];

/**
 * Whole frames become records, closed as they are. What came in one piece goes on in one, but for the last frame, which waits for
 * the settlement by itself.
 */
class RecordOpener {
  readonly #reader = new FrameReader();

  push(bytes: Uint8Array): OpenedFrame[] {
    const frames = this.#reader.push(bytes);
    const last = frames.at(-1);
    const before = last?.final === true ? frames.slice(0, -1) : frames;
    return [joined(before), joined(last?.final === true ? [last] : [])].flatMap((one) => one ?? []);
  }
}

function joined(frames: readonly SealedFrame[]): OpenedFrame | undefined {
  const last = frames.at(-1);
  return (
    last && {
      plaintext: joinBytes(frames.map(({ bytes }) => frameRecord(bytes))),
      completionTokens: last.completionTokens,
      final: last.final,
    }
  );
}

const asItCame: Passage = { free: ({ plaintext }) => plaintext, heldBytes: 0 };
