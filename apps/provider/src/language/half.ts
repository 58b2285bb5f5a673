/** Where white space stands that may belong to a coming tag, or the tag itself in part; the length if nothing does. */
export function startOfHalf(text: string, tag: string): number {
  return text.slice(0, text.length - halfUnits(text, tag)).trimEnd().length;
}

/** How much of the text's end is the beginning of the tag, and not all of it. */
export function halfUnits(text: string, tag: string): number {
  for (let length = Math.min(tag.length - 1, text.length); length > 0; length--)
    if (text.endsWith(tag.slice(0, length))) return length;
  return 0;
}
