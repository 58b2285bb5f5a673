import { fromBase64OrNothing, fromUtf8, toBase64, utf8 } from "../../bytes.ts";

/** What a model is told where a summary stands in for a conversation. */
export const SUMMARY_TOLD = "Summary of the conversation up to here:\n\n";
/** Before the text in an item of ours, so that another server's is told apart. */
const MARK = "darkbloom-summary:";

/** A summary as an item of type `compaction` holds it. */
export const packed = (summary: string): string => toBase64(utf8(MARK + summary));

/** What a model is told in place of the item; undefined where it is another server's. */
export function summaryIn({ encrypted_content }: { readonly encrypted_content: string }): string | undefined {
  try {
    const text = fromUtf8(fromBase64OrNothing(encrypted_content));
    return text.startsWith(MARK) ? SUMMARY_TOLD + text.slice(MARK.length) : undefined;
  } catch {
    // No text: not ours.
    return undefined;
  }
}
