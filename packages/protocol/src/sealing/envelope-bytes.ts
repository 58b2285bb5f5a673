import * as z from "zod";
import { concatBytes, fromUtf8, u32be, utf8 } from "../bytes.ts";
import { CANDIDATES_MAX, SEAL_HEADER_CHARS_MAX } from "../limits.ts";

/** Of X-Wing, the longest that there is: 1120 bytes. */
const enc = z.base64().max(1500);
/** A content key and a tag: 48 bytes. */
const wrap = z.base64().max(64);

/** A request body, encrypted once, its key wrapped to each candidate. */
const clear = z.object({
  /** All clear fields, as the one string that was authenticated. */
  hdr: z.string().max(SEAL_HEADER_CHARS_MAX),
  wraps: z
    .array(z.object({ key_id: z.string().max(64), enc, wrap }))
    .min(1)
    .max(CANDIDATES_MAX),
});
export type Envelope = z.infer<typeof clear> & {
  readonly body: Uint8Array;
  /** As it came: a receipt names its hash, so that whoever passes it on writes these. */
  readonly bytes?: Uint8Array;
};

/** `u32 length ‖ JSON of what is clear ‖ sealed body`. */
export function writeEnvelope({ hdr, wraps, body, bytes }: Envelope): Uint8Array {
  if (bytes) return bytes;
  const json = utf8(JSON.stringify({ hdr, wraps }));
  return concatBytes(u32be(json.length), json, body);
}

/** @returns undefined for what is no envelope; its body is a view of the bytes */
export function readEnvelope(bytes: Uint8Array): (Envelope & { readonly bytes: Uint8Array }) | undefined {
  const parts = splitJson(bytes);
  const told = clear.safeParse(parts?.json).data;
  return told && parts && { ...told, body: parts.rest, bytes };
}

/** JSON with its length in front, and what follows it. */
export function splitJson(bytes: Uint8Array): { readonly json: unknown; readonly rest: Uint8Array } | undefined {
  if (bytes.length < 4) return undefined;
  const length = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0);
  if (length > bytes.length - 4) return undefined;
  try {
    return { json: JSON.parse(fromUtf8(bytes.subarray(4, 4 + length))), rest: bytes.subarray(4 + length) };
  } catch {
    return undefined;
  }
}
