/**
 * The beginning of a JSON object, closed where it was cut: what is known of it, as JSON. An empty object
 * where nothing is.
 */
export function closedJson(text: string): string {
  const open: string[] = [];
  let inString = false;
  let escaped = false;
  /** Up to here all is whole, but for what is open. */
  let whole = 0;
  let openThen: readonly string[] = [];
  for (let at = 0; at < text.length; at++) {
    const char = text.charAt(at);
    if (escaped) escaped = false;
    else if (inString) {
      if (char === "\\") escaped = true;
      else if (char === '"') inString = false;
    } else if (char === '"') inString = true;
    else if (char === "{" || char === "[") open.push(char === "{" ? "}" : "]");
    else if (char === "}" || char === "]") open.pop();
    if (inString || !"{[,}]".includes(char)) continue;
    whole = char === "," ? at : at + 1;
    openThen = [...open];
    if (open.length === 0) break;
  }
  const ends = (of: readonly string[]) => of.toReversed().join("");
  // The value that was cut is kept where it is worth something: a text as far as it came, a number.
  const attempts = [
    text + (inString ? '"' : "") + ends(open),
    text.replace(/\\u?[0-9a-fA-F]{0,3}$/, "") + (inString ? '"' : "") + ends(open),
    text.slice(0, whole) + ends(openThen),
  ];
  return attempts.find(isObject) ?? "{}";
}

function isObject(text: string): boolean {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value);
  } catch {
    return false;
  }
}
