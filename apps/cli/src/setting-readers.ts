/** How the text of a setting becomes a value; undefined for a text that is wrong. */

export function wholeNumber(least: number, most: number) {
  return (digits: string): number | undefined => {
    const number = /^\d{1,9}$/.test(digits) ? Number(digits) : Number.NaN;
    return number >= least && number <= most ? number : undefined;
  };
}

export function oneOf<const Word extends string>(allowed: readonly Word[]) {
  return (word: string): Word | undefined => allowed.find((candidate) => candidate === word);
}

export function oneOfWords(allowed: readonly string[]): string {
  return `${allowed.slice(0, -1).join(", ")} or ${allowed.at(-1) ?? ""}`;
}
