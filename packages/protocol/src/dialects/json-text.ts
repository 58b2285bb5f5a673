/** Line ends to Unicode though not to JSON or to server-sent events; some clients cut lines there all the same. */
const otherLineEnds = /[\u0085\u2028\u2029]/g;

/** A JSON string that no client's line splitter can cut. */
export function jsonText(text: string): string {
  return escapeLineEnds(JSON.stringify(text));
}

/** Any JSON value likewise. */
export const jsonLine = (value: unknown): string => escapeLineEnds(JSON.stringify(value));

const escapeLineEnds = (json: string): string =>
  json.replace(otherLineEnds, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`);
