import type { TriedCall } from "./marked-texts.ts";

/** The call's name and arguments, not as Python prints them nor as a text within a text. */
export function shows(
  text: string,
  { name, arguments: [[key, value], [, number]] }: TriedCall,
  args: "object" | "text",
): boolean {
  if (inOrder(text, [name, key, value, String(number)]) === undefined) return false;
  const at = text.indexOf(key, text.indexOf(name));
  const before = text.slice(at - 2, at);
  // An object that was printed, or a text that was written as JSON.
  return !before.endsWith("'") && !before.endsWith('\\"') && !(args === "text" && before.endsWith("\\'"));
}

export function inOrder(text: string | undefined, marks: readonly string[]): string | undefined {
  let at = 0;
  for (const one of marks) {
    const found = text?.indexOf(one, at) ?? -1;
    if (found < 0) return undefined;
    at = found + one.length;
  }
  return text;
}

export function withoutThought(
  text: string,
  { open, close }: { readonly open: string; readonly close: string },
): string {
  const start = text.trimStart();
  if (!start.startsWith(open)) return start.startsWith(close) ? start.slice(close.length) : text;
  const end = start.indexOf(close, open.length);
  return end >= 0 && start.slice(open.length, end).trim() === "" ? start.slice(end + close.length).trimStart() : text;
}

export const closedTag = (open: string): { readonly open: string; readonly close: string } => ({
  open,
  close: open.startsWith("[") ? open.replace("[", "[/") : open.replace("<", "</"),
});

/** A word that steers, as templates spell them. */
export const aTag = /(?:<[^<>\s]{1,40}>|\[[A-Z_]{1,40}\])/;
/** The same with what may stand in it. */
const wholeTag = /<[^<>\n]{1,60}>|\[[A-Z_]{1,40}\]/g;

/** Where a cut at this place would leave a tag in two halves, the tag. */
const tagAround = (text: string, cut: number): { readonly from: number; readonly to: number } | undefined =>
  [...text.matchAll(wholeTag)]
    .map(({ index, 0: tag }) => ({ from: index, to: index + tag.length }))
    .find(({ from, to }) => from < cut && cut < to);

/** What both begin with, without half a tag. */
export function commonStart(a: string, b: string): string {
  let length = 0;
  while (length < a.length && length < b.length && a[length] === b[length]) length++;
  return a.slice(0, Math.min(length, tagAround(a, length)?.from ?? length, tagAround(b, length)?.from ?? length));
}

/** What both end with, without half a tag. */
export function commonEnd(a: string, b: string): string {
  let length = 0;
  while (length < a.length && length < b.length && a.at(-1 - length) === b.at(-1 - length)) length++;
  const whole = (text: string): number => {
    const cut = text.length - length;
    return text.length - (tagAround(text, cut)?.to ?? cut);
  };
  const kept = Math.min(whole(a), whole(b));
  return kept === 0 ? "" : a.slice(-kept);
}
