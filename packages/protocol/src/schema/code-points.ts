/** Code points `first` to `last`, both included. A set of them is sorted and does not overlap. */
export type CodePoints = readonly (readonly [first: number, last: number])[];

const LAST_CODE_POINT = 0x10_ffff;
export const everyCodePoint: CodePoints = [[0, LAST_CODE_POINT]];

/** What a JSON string can hold where controls are written by their short escapes alone. Surrogates are no characters. */
export const writable: CodePoints = [
  [0x08, 0x0a],
  [0x0c, 0x0d],
  [0x20, 0x7e],
  [0x80, 0xd7ff],
  [0xe000, LAST_CODE_POINT],
];

export function union(sets: readonly CodePoints[]): CodePoints {
  const merged: [number, number][] = [];
  for (const [first, last] of sets.flat().toSorted((a, b) => a[0] - b[0])) {
    const before = merged.at(-1);
    if (before && first <= before[1] + 1) before[1] = Math.max(before[1], last);
    else merged.push([first, last]);
  }
  return merged;
}

export function complement(set: CodePoints): CodePoints {
  const gaps: (readonly [number, number])[] = [];
  let from = 0;
  for (const [first, last] of set) {
    if (from < first) gaps.push([from, first - 1]);
    from = last + 1;
  }
  if (from <= LAST_CODE_POINT) gaps.push([from, LAST_CODE_POINT]);
  return gaps;
}

export function intersection(a: CodePoints, b: CodePoints): CodePoints {
  const common: (readonly [number, number])[] = [];
  let [atA, atB] = [0, 0];
  for (;;) {
    const [one, other] = [a[atA], b[atB]];
    if (!one || !other) return common;
    const [first, last] = [Math.max(one[0], other[0]), Math.min(one[1], other[1])];
    if (first <= last) common.push([first, last]);
    if (one[1] < other[1]) atA++;
    else atB++;
  }
}
