import { fromUtf8 } from "@darkbloom/protocol/bytes";
import { responseHeaders } from "@darkbloom/protocol/headers";
import { decodeReceipt, splitReceiptComment, type ReceiptDocument } from "@darkbloom/protocol/receipts";
import { CommandFailed } from "./failure.ts";

/** An answer as `curl -i` wrote it: what its signatures and its receipt can be held against. */
export interface SavedAnswer {
  /** The bytes that were hashed: of a stream, those before the receipt's comment. */
  readonly hashed: Uint8Array<ArrayBuffer>;
  readonly receipt: ReceiptDocument;
  /** `x-response-hash` and `x-se-signature`; of a stream they are trailers, absent where the client drops them. */
  readonly toldSha256: string | undefined;
  readonly signature: string | undefined;
}

const RECEIPT_MARK = "\n: darkbloom-receipt ";
const LINE_END = /\r?\n\r?\n/;

/**
 * Parts a saved answer.
 *
 * @throws CommandFailed where it has no status line, or no receipt
 */
export function readSavedAnswer(file: Uint8Array, path: string): SavedAnswer {
  // Latin-1 keeps one character for each byte, so that places in the text are places in the bytes.
  const text = Buffer.from(file).toString("latin1");
  let at = 0;
  let head = "";
  // Before the answer there may be others: a proxy's, or `100 Continue`.
  while (/^HTTP\/[\d.]+ \d{3}/.test(text.slice(at, at + 16))) {
    const end = LINE_END.exec(text.slice(at));
    if (!end) break;
    head = text.slice(at, at + end.index);
    at += end.index + end[0].length;
  }
  if (head === "")
    throw new CommandFailed(`${path} does not begin with a status line. Save an answer with 'curl -i … -o FILE'.`);
  const body = Uint8Array.from(file.subarray(at));
  const { content, trailers } = withoutTrailers(body);
  const header = (name: string): string | undefined => headerIn(trailers, name) ?? headerIn(head, name);
  const told = { toldSha256: header(responseHeaders.responseHash), signature: header(responseHeaders.signature) };
  const stream = splitReceiptComment(content);
  if (stream) return { hashed: stream.hashed, receipt: stream.document, ...told };
  const receipt = decodeReceipt(header(responseHeaders.receipt) ?? "");
  if (!receipt)
    throw new CommandFailed(`${path} has no receipt that can be read: neither a header nor a stream's last line.`);
  return { hashed: body, receipt, ...told };
}

/** After a stream's last blank line `curl -i` writes its trailers, which are no part of the body. */
function withoutTrailers(body: Uint8Array<ArrayBuffer>): { content: Uint8Array<ArrayBuffer>; trailers: string } {
  const text = Buffer.from(body).toString("latin1");
  const found = /\n\n((?:[a-z0-9-]+: [^\r\n]*\r?\n)+(?:\r?\n)?)$/i.exec(text);
  const comment = text.lastIndexOf(RECEIPT_MARK);
  if (!found?.[1] || comment === -1 || found.index < comment) return { content: body, trailers: "" };
  return { content: body.subarray(0, found.index + 2), trailers: found[1] };
}

const headerIn = (head: string, name: string): string | undefined =>
  new RegExp(`^${name}: *(.*?)\\s*$`, "im").exec(head)?.[1];

/**
 * A receipt as its header, a stream's last line or GET /v1/receipts/{job_id} has it, or as 'darkbloom proxy' keeps it.
 *
 * @throws CommandFailed
 */
export function readSavedReceipt(file: Uint8Array, path: string): ReceiptDocument {
  const refused = new CommandFailed(
    `${path} is no receipt: give the value of x-darkbloom-receipt, what GET /v1/receipts/{job_id} answers, or a file of a proxy's answers.`,
  );
  try {
    const text = fromUtf8(file)
      .trim()
      .replace(/^: darkbloom-receipt /, "");
    const word = text.startsWith("{") ? Buffer.from(documentIn(text)).toString("base64url") : text;
    const receipt = decodeReceipt(word);
    if (receipt) return receipt;
  } catch {
    // Not UTF-8.
  }
  throw refused;
}

/** What `darkbloom proxy` keeps of an answer has its receipt's document in it, beside what was checked then. */
function documentIn(text: string): string {
  const { v, receipt } = JSON.parse(text) as { readonly v?: unknown; readonly receipt?: unknown };
  return v === 1 && receipt !== undefined ? JSON.stringify(receipt) : text;
}
