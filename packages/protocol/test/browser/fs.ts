/** What stands in for `node:fs` where tests run in a browser: the committed vectors, and nothing else. */
import vectors from "virtual:vectors";

export const existsSync = (file: URL): boolean => nameOf(file) in vectors;
export function readFileSync(file: URL): string {
  const text = vectors[nameOf(file)];
  if (text === undefined) throw new Error(`${file.href} is no vector`);
  return text;
}

const nameOf = (file: URL): string => file.pathname.split("/").at(-1) ?? "";
