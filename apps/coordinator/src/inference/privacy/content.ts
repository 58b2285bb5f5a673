import type { Failure } from "@darkbloom/protocol/failures";
import type { EngineRefusalCode } from "@darkbloom/protocol/provider-words";
import type { Receipt, ReceiptField } from "@darkbloom/protocol/receipts";
import type { Envelope, OpenedFrame, SealTools } from "@darkbloom/protocol/sealing";
import type { CatalogEntry } from "../../catalog/catalog.ts";
import type { Line, MachineView } from "../../machines/ports.ts";
import type { ModelTerms, Terms } from "../terms.ts";

/**
 * What a request says, in the keeping of its privacy. Whoever serves it has things done with it and is given none of it: how an
 * envelope for a line comes about, how the frames of an answer are read, and whether a receipt agrees.
 */
export interface Content {
  readonly privacy: Receipt["privacy"];
  /**
   * Refuses, before anything is held or asked, what this model is not for, and what cannot fit it.
   *
   * @throws NetworkError `unsupported`, `body_invalid`, `no_candidate` or `context_length_exceeded`
   */
  refuseFor(entry: CatalogEntry, terms: Terms, machines: () => Iterable<Pick<MachineView, "models">>): void;
  /** What is handed over to the machine at the other end of this line, and how its answer is read. */
  exchangeOver(line: Line, terms: Terms, model: ModelTerms, tools: SealTools): Exchange;
  /**
   * What a machine's refusal is to the caller; undefined where what was sent could not be refused so.
   *
   * @param contextTokens of the machine's model as it signed it
   * @param promptTokens what the machine says that the prompt comes to
   */
  refusalOf(code: EngineRefusalCode, terms: Terms, contextTokens: number, promptTokens?: number): Failure | undefined;
  /** The first field of a receipt that does not agree with what was sent, of those that `terms` cannot judge. */
  disagreementWith(receipt: Receipt, terms: Terms, ending: Ending): ReceiptField | undefined;
}

/** What is known of how an answer came about. */
export interface Ending {
  readonly maxTokens: number;
  /** Its machine was told to stop. */
  readonly isCut: boolean;
}

/** One machine's turn at one request. */
export interface Exchange {
  readonly envelope: Envelope;
  /** That which the envelope names of this machine, and so its receipt. */
  readonly evidenceSha256: string;
  /** Gives the frames that are whole now; the bytes may be cut anywhere. Throws AnswerTampered. */
  readonly opener: { push(bytes: Uint8Array): OpenedFrame[] };
  readonly passage: Passage;
}

/** What of an answer may pass before it is checked. */
export interface Passage {
  /**
   * What of a frame may go out now; the rest is held back, and comes with the last frame.
   *
   * @throws StreamMalformed, AnswerMalformed: no renderer wrote that
   */
  free(frame: Pick<OpenedFrame, "plaintext" | "final">, isCut: boolean): Uint8Array;
  readonly heldBytes: number;
}
