import { type Client, type Feature, features } from "./client.ts";

export type Outcome = "yes" | "no" | "not run";

const begin = "<!-- written by `npm run clients` -->";
const end = "<!-- until here -->";

/** One row of the table: what this client was seen doing. */
export const rowOf = (client: Client, outcomeOf: (feature: Feature) => Outcome): string =>
  `| ${[client.name, ...features.map((feature) => (client.runs[feature] ? outcomeOf(feature) : "–"))].join(" | ")} |`;

export const rowsIn = (page: string): readonly string[] =>
  tableIn(page)
    .split("\n")
    .filter((line) => line.startsWith("| "))
    .slice(1);

/** The page with these rows in place of its own. */
export function withRows(page: string, rows: readonly string[]): string {
  const table = [`| client | ${features.join(" | ")} |`, `|---|${features.map(() => "---|").join("")}`, ...rows];
  const at = page.indexOf(begin) + begin.length;
  return `${page.slice(0, at)}\n\n${table.join("\n")}\n\n${page.slice(at + tableIn(page).length)}`;
}

function tableIn(page: string): string {
  const [, rest] = page.split(begin);
  const [table] = rest?.split(end) ?? [];
  if (table === undefined) throw new Error(`the page has no place for the table: "${begin}", then "${end}"`);
  return table;
}
