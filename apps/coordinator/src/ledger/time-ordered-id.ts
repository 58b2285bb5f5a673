import { toHex } from "@darkbloom/protocol/bytes";
import type { Clock, Random } from "@darkbloom/protocol/ports";

const ID_BYTES = 16;
/** Of a time in ms: enough until the year 10889. */
const TIME_HEX_DIGITS = 12;

/**
 * 32 hex digits: the time in ms, then 80 random bits. An index of them grows at its end, so that rows which are written
 * together share its pages (the layout of UUIDv7, RFC 9562 section 5.7, without its version and variant). Nobody can guess
 * another's. The order is a matter of speed; nothing may rely on it.
 */
export function timeOrderedId({ clock, random }: { readonly clock: Clock; readonly random: Random }): string {
  const time = clock.now().toString(16).padStart(TIME_HEX_DIGITS, "0");
  return time + toHex(random.bytes(ID_BYTES)).slice(TIME_HEX_DIGITS);
}
