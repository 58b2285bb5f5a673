import { fromBase64OrNothing } from "@darkbloom/protocol/bytes";
import { NetworkError } from "@darkbloom/protocol/failures";
import type { JobId } from "@darkbloom/protocol/ids";
import type { Verifier } from "@darkbloom/protocol/ports";
import type { EngineRefusalCode } from "@darkbloom/protocol/provider-words";
import { saysCannotOpen, type SignedCannotOpen } from "@darkbloom/protocol/sealing";
import type { LineEvent, MachineView } from "../machines/ports.ts";

export type SaidError = Extract<LineEvent, { kind: "error" }>["error"];

/** A machine says that its model cannot take this request, nor could another: it costs the caller the request. */
export class MachineRefusal extends NetworkError {
  readonly refusal: EngineRefusalCode | "refused";
  /** Of a sealed request: the frame that tells its caller what is refused. */
  readonly frame: Uint8Array | undefined;

  constructor(failure: NetworkError["failure"], refusal: EngineRefusalCode | "refused", frame?: Uint8Array) {
    super(failure);
    this.refusal = refusal;
    this.frame = frame;
  }
}

/** A machine has signed that it cannot open what was sealed: no fault of its own, and none of its caller's that could be paid for. */
export class CannotOpen extends NetworkError {
  readonly signed: SignedCannotOpen;

  constructor(failure: NetworkError["failure"], signed: SignedCannotOpen) {
    super(failure);
    this.signed = signed;
  }
}

/**
 * What a machine says of a request that its caller sealed, where it is said as it must be: a refusal in a frame for the caller alone; or,
 * signed, that it cannot open it, for which nobody here is to blame.
 */
export async function saidOfSealed(
  crypto: Verifier,
  { code, sealed = "", statement = "", statement_signature: signature = "" }: SaidError,
  { machine, jobId, requestSha256 }: { machine: MachineView; jobId: JobId; requestSha256: string },
): Promise<NetworkError | undefined> {
  const { providerId, identityKey } = machine;
  if (code === "refused") {
    const frame = fromBase64OrNothing(sealed);
    return frame.length > 0 ? new MachineRefusal({ code: "request_refused" }, code, frame) : undefined;
  }
  const signed = { statement, signature };
  const about = { job_id: jobId, request_sha256: requestSha256, provider_id: providerId, identity_key: identityKey };
  return (await saysCannotOpen(crypto, signed, about))
    ? new CannotOpen({ code: "cannot_open", providerId }, signed)
    : undefined;
}
