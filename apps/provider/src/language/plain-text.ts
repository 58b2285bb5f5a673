import type { Stretch } from "./chat-template.ts";

/**
 * Cuts a text where it spells a control token, so that each spelling is tokenized as the text that it is, and all the rest
 * as one stretch.
 */
export function plainTextBy(controlTokens: readonly string[]): (text: string) => Stretch[] {
  // The longest first, so that a token which begins with another one is taken whole.
  const spellings = controlTokens.toSorted((a, b) => b.length - a.length).map((token) => RegExp.escape(token));
  const spelled = new RegExp(`(${spellings.join("|")})`);
  return (text) => {
    const parts = spellings.length === 0 ? [text] : text.split(spelled);
    // Every other part is a spelling.
    return parts.map((part, at) => ({ text: part, trusted: at % 2 === 0 })).filter(({ text: part }) => part !== "");
  };
}
