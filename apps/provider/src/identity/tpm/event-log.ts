import { TPM_EVENT_LOG_BYTES_MAX } from "@darkbloom/protocol/tpm";
import { open } from "node:fs/promises";

/** What firmware measured before Linux started, as Linux shows it, to root alone. */
export const EVENT_LOG = "/sys/kernel/security/tpm0/binary_bios_measurements";
const PIECE_BYTES = 65_536;

/** The firmware's event log; undefined where it cannot be read or is longer than half a mebibyte. */
export async function readEventLog(path: string): Promise<Uint8Array<ArrayBuffer> | undefined> {
  try {
    await using file = await open(path, "r");
    // Such files tell no size, so it is read until it ends.
    const log = new Uint8Array(TPM_EVENT_LOG_BYTES_MAX + 1);
    let length = 0;
    for (;;) {
      const { bytesRead } = await file.read(log, length, Math.min(PIECE_BYTES, log.length - length), null);
      if (bytesRead === 0) return length === 0 ? undefined : log.slice(0, length);
      length += bytesRead;
      if (length > TPM_EVENT_LOG_BYTES_MAX) return undefined;
    }
  } catch {
    return undefined;
  }
}
