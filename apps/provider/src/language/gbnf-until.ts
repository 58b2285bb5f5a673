/**
 * Rules for any text up to and with the first `tag`, then `next`. Rule `name-i` stands where the last `i`
 * characters are the tag's first ones, so that no tag is overlooked.
 *
 * @param mayEnd the text may also end without the tag
 */
export function untilWritten(tag: string, name: string, next: string, mayEnd: boolean): string[] {
  const known = [...new Set(tag)];
  return Array.from(tag, (_, written) => {
    const steps = known.map((character) => {
      const reached = overlap(tag.slice(0, written) + character, tag);
      return `[${escaped(character)}] ${reached === tag.length ? next : `${name}-${reached}`}`;
    });
    const other = `[^${known.map(escaped).join("")}] ${name}-0`;
    return `${name}-${written} ::= ${[...steps, other, ...(mayEnd ? ['""'] : [])].join(" | ")}`;
  });
}

/** How many of the tag's first characters the text ends with. */
function overlap(text: string, tag: string): number {
  let length = Math.min(text.length, tag.length);
  while (!text.endsWith(tag.slice(0, length))) length--;
  return length;
}

/** Means the character itself, in a class and in a literal alike. */
export const escaped = (character: string): string =>
  `\\U${(character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(8, "0")}`;
