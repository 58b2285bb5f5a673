import { TpmMalformed } from "@darkbloom/protocol/tpm";
import type { TpmFault } from "../../events/events.ts";
import { ChipError } from "../../session/witness.ts";

/** An answer of a TPM that is not a success, or none at all. Never holds bytes of either side. */
export class TpmError extends ChipError {
  override readonly name = "TpmError";
  readonly code: TpmFault;
  /** As the TPM sent it (TPM 2.0 Part 2, 6.6), where it answered. */
  readonly responseCode: number | undefined;

  constructor(code: TpmFault, responseCode?: number, options?: ErrorOptions) {
    super(responseCode === undefined ? code : `${code} (TPM response 0x${responseCode.toString(16)})`, options);
    this.code = code;
    this.responseCode = responseCode;
  }
}

/** What is read of a TPM's bytes. @throws TpmError `malformed` where they are cut off, or are something else */
export function reading<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw error instanceof TpmMalformed ? new TpmError("malformed") : error;
  }
}

/** Format-one codes: which parameter, handle or session is meant stands in the other bits. */
const formatOne = new Map<number, TpmFault>([
  [0x85, "auth_refused"], // TPM_RC_HIERARCHY: switched off by the firmware
  [0x8b, "handle"],
  [0x8e, "auth_refused"], // TPM_RC_AUTH_FAIL
  [0xa2, "auth_refused"], // TPM_RC_BAD_AUTH
  [0x9f, "integrity"],
  [0x83, "unsupported"], // TPM_RC_HASH
  [0x87, "unsupported"], // TPM_RC_KEY_SIZE
  [0x92, "unsupported"], // TPM_RC_SCHEME
  [0x96, "unsupported"], // TPM_RC_SYMMETRIC
  [0xa6, "unsupported"], // TPM_RC_CURVE
]);

const formatZero = new Map<number, TpmFault>([
  [0x100, "not_started"], // TPM_RC_INITIALIZE
  [0x101, "broken"], // TPM_RC_FAILURE: it answers nothing else until a reset
  [0x120, "unsupported"], // TPM_RC_DISABLED
  [0x143, "unsupported"], // TPM_RC_COMMAND_CODE
  [0x902, "out_of_memory"],
  [0x903, "out_of_memory"],
  [0x904, "out_of_memory"],
  [0x905, "out_of_memory"],
  [0x906, "out_of_memory"],
  [0x908, "busy"], // TPM_RC_YIELDED
  [0x90a, "busy"], // TPM_RC_TESTING
  [0x920, "busy"], // TPM_RC_NV_RATE
  [0x921, "locked_out"],
  [0x922, "busy"], // TPM_RC_RETRY
  ...Array.from({ length: 7 }, (_, which): [number, TpmFault] => [0x910 + which, "handle"]), // TPM_RC_REFERENCE_H0…
]);

/** TPM 2.0 Part 2, 6.6. The upper half tells which layer speaks: the kernel's resource manager uses the same codes. */
export function faultOf(responseCode: number): TpmFault {
  const code = responseCode & 0xfff;
  const isFormatOne = (code & 0x80) !== 0;
  return (isFormatOne ? formatOne.get(0x80 | (code & 0x3f)) : formatZero.get(code)) ?? "refused";
}
