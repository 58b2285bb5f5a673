import * as z from "zod";
import { decodeReceipt, encodeReceipt } from "./comment.ts";
import type { ReceiptDocument } from "./receipt.ts";

/** A member of the last event of a response over a WebSocket: what an HTTP answer has in its headers and trailers. */
const member = z.object({
  response_hash: z.string(),
  response_signature: z.string(),
  receipt: z.string(),
  headers: z.record(z.string(), z.string()),
});

/** How a response was proved, and what else an HTTP answer's headers would have said of it. */
export interface LineProof {
  readonly responseHash: string;
  readonly responseSignature: string;
  readonly receipt: ReceiptDocument;
  readonly headers: Readonly<Record<string, string>>;
}

/** No string of JSON holds it; an object of the event's may, but never behind ours. */
const MARK = ',"darkbloom":';

/** The event that ends a response, as the machine wrote it, with one more member behind its others. */
export function withProof(line: string, { responseHash, responseSignature, receipt, headers }: LineProof): string {
  if (!line.endsWith("}\n")) throw new RangeError("an event is one line");
  const told: z.infer<typeof member> = {
    response_hash: responseHash,
    response_signature: responseSignature,
    receipt: encodeReceipt(receipt),
    headers,
  };
  return `${line.slice(0, -2)}${MARK}${JSON.stringify(told)}}\n`;
}

/**
 * The event as the machine wrote it, which is what was hashed, and what was added to it.
 *
 * @returns undefined for a line to which nothing was added
 */
export function splitProof(line: string): { readonly line: string; readonly proof: LineProof } | undefined {
  const at = line.lastIndexOf(MARK);
  if (at < 0 || !line.endsWith("}}\n")) return undefined;
  const told = memberOf(line.slice(at + MARK.length, -2));
  const receipt = told && decodeReceipt(told.receipt);
  if (!told || !receipt) return undefined;
  const { response_hash: responseHash, response_signature: responseSignature, headers } = told;
  return { line: `${line.slice(0, at)}}\n`, proof: { responseHash, responseSignature, receipt, headers } };
}

function memberOf(text: string): z.infer<typeof member> | undefined {
  try {
    return member.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}
