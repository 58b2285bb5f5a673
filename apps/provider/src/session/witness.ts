import type { HardwareEvidence, QuoteSubject, TpmCredential, TpmQuote } from "@darkbloom/protocol/evidence";
import type { TpmFault } from "../events/events.ts";

/** The machine's own chip did not do what it was asked. Never holds bytes of either side. */
export abstract class ChipError extends Error {
  abstract readonly code: TpmFault;
}

/** What this machine's own chip says of it, beside the signatures of the identity key. */
export interface Witness {
  /** For as long as this process runs. */
  readonly evidence: HardwareEvidence;
  /** An answer to one challenge. What the chip does not do is left out, and the owner is told. */
  testify(
    subject: QuoteSubject,
    credential: TpmCredential | undefined,
  ): Promise<{ readonly quote?: TpmQuote; readonly secret?: Uint8Array }>;
}
