import * as z from "zod";
import { concatBytes, fromUtf8, u32be, utf8 } from "../bytes.ts";

const base64 = z.base64();

/** A request body, encrypted once, its key wrapped to each candidate. */
const clear = z.object({
  /** All clear fields, as the one string that was authenticated. */
  hdr: z.string().max(16_384),
  wraps: z
    .array(z.object({ key_id: z.string(), enc: base64, wrap: base64 }))
    .min(1)
    .max(4),
});
export type Envelope = z.infer<typeof clear> & { readonly body: Uint8Array };

/** `u32 length ‖ JSON of what is clear ‖ sealed body`. */
export function writeEnvelope({ hdr, wraps, body }: Envelope): Uint8Array<ArrayBuffer> {
  const json = utf8(JSON.stringify({ hdr, wraps }));
  return concatBytes(u32be(json.length), json, body);
}

/** @returns undefined for what is no envelope; its body is a view of the bytes */
export function readEnvelope(bytes: Uint8Array): Envelope | undefined {
  const parts = splitJson(bytes);
  const told = clear.safeParse(parts?.json).data;
  return told && parts && { ...told, body: parts.rest };
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
