import { closeSync, openSync, readFileSync, readSync } from "node:fs";

/** JSON's, of every character. */
export const escapesOf = (text: string): string =>
  Array.from(text, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`).join("");

/** Every spelling in which a text might lie somewhere: as we write it, and as others would. */
export function spellingsOf(text: string): ReadonlyMap<string, Buffer> {
  const bytes = Buffer.from(text);
  const escaped = escapesOf(text);
  // Base64 of what stands somewhere in a longer text depends on where: of each place, what does not depend on the rest.
  const base64 = [0, 1, 2].map((shift) => {
    const whole = Buffer.concat([Buffer.alloc(shift), bytes]).toString("base64");
    const from = shift === 0 ? 0 : 4;
    return [`base64 at ${shift}`, whole.slice(from, whole.length - (whole.length % 4) - 4)] as const;
  });
  return new Map<string, Buffer>([
    ["UTF-8", bytes],
    ["UTF-16", Buffer.from(text, "utf16le")],
    ["UTF-16, the other way round", Buffer.from(text, "utf16le").swap16()],
    ["hex", Buffer.from(bytes.toString("hex"))],
    ["hex in capitals", Buffer.from(bytes.toString("hex").toUpperCase())],
    ["JSON's escapes", Buffer.from(escaped)],
    ["JSON's escapes in capitals", Buffer.from(escaped.replaceAll(/[a-f]/g, (digit) => digit.toUpperCase()))],
    ...base64.flatMap(([name, word]) => [
      [name, Buffer.from(word)] as const,
      [`${name}, for URLs`, Buffer.from(word.replaceAll("+", "-").replaceAll("/", "_"))] as const,
    ]),
  ]);
}

const found = (bytes: Buffer, spellings: ReadonlyMap<string, Buffer>): string[] =>
  [...spellings].flatMap(([name, spelled]) => (bytes.includes(spelled) ? [name] : []));

export const foundIn = (bytes: Buffer, text: string): string[] => found(bytes, spellingsOf(text));

const PIECE_BYTES = 4 * 1024 * 1024;

/** Which spellings of a text lie anywhere in the memory of a process: all of it that can be read, of Linux. */
export function foundInMemory(
  pid: number,
  text: string,
): { readonly spellings: string[]; readonly searchedBytes: number } {
  const spellings = spellingsOf(text);
  const overlap = Math.max(...[...spellings.values()].map(({ length }) => length));
  const all = new Set<string>();
  let searchedBytes = 0;
  const memory = openSync(`/proc/${pid}/mem`, "r");
  try {
    const piece = Buffer.alloc(PIECE_BYTES + overlap);
    for (const line of readFileSync(`/proc/${pid}/maps`, "utf8").split("\n")) {
      const [, from, to, rights] = /^([0-9a-f]+)-([0-9a-f]+) (\S+)/.exec(line) ?? [];
      if (from === undefined || to === undefined || rights?.startsWith("r") !== true || /\[v/.test(line)) continue;
      const end = BigInt(`0x${to}`);
      for (let at = BigInt(`0x${from}`); at < end; at += BigInt(PIECE_BYTES)) {
        const length = Number(end - at < BigInt(piece.length) ? end - at : BigInt(piece.length));
        let read = 0;
        try {
          read = readSync(memory, piece, 0, length, at);
        } catch {
          // Gone since, or a device's.
          continue;
        }
        searchedBytes += read;
        for (const name of found(piece.subarray(0, read), spellings)) all.add(name);
      }
    }
  } finally {
    closeSync(memory);
  }
  return { spellings: [...all], searchedBytes };
}

/** The process below this one whose command line holds a word. */
export function childOf(pid: number, word: string): number {
  for (const child of readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim().split(" "))
    if (child !== "" && readFileSync(`/proc/${child}/cmdline`, "utf8").split("\0").includes(word)) return Number(child);
  throw new Error(`process ${pid} has no child '${word}'`);
}
