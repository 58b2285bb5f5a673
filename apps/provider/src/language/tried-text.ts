import type { TriedCall } from "./learned-calls.ts";

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
