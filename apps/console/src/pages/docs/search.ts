import { chapters } from "./files.ts";
import { textIn, textOf } from "./tree.ts";

const HITS_MAX = 20;
/** Of what is shown around the first word that was found. */
const AROUND_CHARS = 80;

interface Section {
  readonly page: string;
  readonly pageTitle: string;
  readonly part: string;
  readonly title: string;
  readonly text: string;
}

export interface Hit extends Omit<Section, "text"> {
  readonly around: string;
}

/** Every page by its parts; all of them are loaded for it, once. */
export async function sections(): Promise<readonly Section[]> {
  const all: Section[] = [];
  for (const page of chapters.flatMap(({ pages }) => pages)) {
    const doc = await page.load();
    const open = { page: page.name, pageTitle: page.title, part: "", title: doc.title, text: "" };
    for (const block of doc.blocks)
      if (block.is === "heading" && block.depth > 1) {
        all.push({ ...open });
        Object.assign(open, { part: block.id, title: textOf(block.of), text: "" });
      } else open.text += `${textIn(block)}\n`;
    all.push({ ...open });
  }
  return all;
}

/** The parts that have every word, those with one in the title first. */
export function search(all: readonly Section[], wanted: string): readonly Hit[] {
  const words = wanted.toLowerCase().split(/\s+/).filter(Boolean);
  if (words.length === 0) return [];
  const found = all.flatMap((section) => {
    const [title, text] = [`${section.pageTitle} ${section.title}`.toLowerCase(), section.text.toLowerCase()];
    if (!words.every((word) => title.includes(word) || text.includes(word))) return [];
    return [{ section, rank: words.filter((word) => title.includes(word)).length }];
  });
  return found
    .toSorted((a, b) => b.rank - a.rank)
    .slice(0, HITS_MAX)
    .map(({ section: { text, ...section } }) => ({ ...section, around: around(text, words) }));
}

function around(text: string, words: readonly string[]): string {
  const lower = text.toLowerCase();
  const at = Math.max(0, lower.indexOf(words.find((word) => lower.includes(word)) ?? ""));
  const from = Math.max(0, at - AROUND_CHARS / 2);
  return `${from > 0 ? "… " : ""}${text.slice(from, at + AROUND_CHARS).replaceAll(/\s+/g, " ")} …`;
}
