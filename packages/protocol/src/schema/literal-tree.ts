/** Texts by what they begin with. Those below begin with `text`, and each way goes on with another character. */
export interface LiteralTree {
  readonly text: string;
  /** One of the texts ends here. */
  readonly ends: boolean;
  readonly ways: readonly LiteralTree[];
}

/**
 * Written as a list of alternatives, every text whose beginning fits is a reading of its own, and a model's
 * vocabulary is held against each; as a tree there is one at a time.
 *
 * @example literalTree(["12", "13"]) // "1", then "2" or "3"
 */
export function literalTree(texts: readonly string[]): LiteralTree {
  return treeOf([...new Set(texts)].toSorted(byCodeUnits), 0);
}

/** The most ways that part at one place. */
export const literalFanOut = (texts: readonly string[]): number => fanOut(literalTree(texts));

const fanOut = ({ ends, ways }: LiteralTree): number =>
  ways.reduce((most, way) => Math.max(most, fanOut(way)), ways.length + Number(ends));

/** Sorted so, texts with a common beginning stand together, and the first and the last of them share it all. */
const byCodeUnits = (a: string, b: string): number => (a < b ? -1 : Number(a > b));

function treeOf(texts: readonly string[], from: number): LiteralTree {
  const [first = "", last = first] = [texts[0], texts.at(-1)];
  const to = commonEnd(first, last, from);
  const ends = first.length === to;
  const groups: string[][] = [];
  let before: number | undefined;
  for (const text of ends ? texts.slice(1) : texts) {
    const next = text.codePointAt(to);
    if (next === before) groups.at(-1)?.push(text);
    else groups.push([text]);
    before = next;
  }
  return { text: first.slice(from, to), ends, ways: groups.map((group) => treeOf(group, to)) };
}

/** Not between the halves of a character. */
function commonEnd(a: string, b: string, from: number): number {
  let to = from;
  while (to < a.length && a.codePointAt(to) === b.codePointAt(to)) to += (a.codePointAt(to) ?? 0) > 0xffff ? 2 : 1;
  return to;
}
