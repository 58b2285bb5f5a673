/** Moves a terminal's cursor, colours it, or turns the direction of writing: control characters, separators, marks of direction. */
const UNPRINTABLE = /[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}\u{feff}]/gu;
const LAYOUT = new Set(["\n", "\t"]);

/** Whether a text of somebody else can be shown as it is. */
export const isPrintable = (text: string): boolean => text.isWellFormed() && text.search(UNPRINTABLE) < 0;

/** The text with everything unprintable written out, e.g. `\u001b`; as JSON has it, so that JSON stays the same JSON. */
export function printable(text: string, { layout = false } = {}): string {
  return text
    .toWellFormed()
    .replace(UNPRINTABLE, (character) =>
      layout && LAYOUT.has(character)
        ? character
        : `\\u${(character.codePointAt(0) ?? 0).toString(16).padStart(4, "0")}`,
    );
}
