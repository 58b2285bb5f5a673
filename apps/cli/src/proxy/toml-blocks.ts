/**
 * Settings in a TOML file that others write too, between marks of ours: names at the top, and one table at the end. A name that stood
 * at the top already is set aside as a comment, and is back when ours are taken out.
 */
const BEGIN = "# >>> darkbloom proxy setup";
const END = "# <<< darkbloom proxy setup";
const ASIDE = "# set aside by darkbloom proxy setup: ";

export interface TomlSettings {
  readonly top: Readonly<Record<string, string>>;
  readonly table: string;
  /** Lines of the table. */
  readonly entries: readonly string[];
}

export function writeToml(text: string, { top, table, entries }: TomlSettings): string {
  const lines = linesOf(withoutToml(text));
  const tablesAt = lines.findIndex((line) => /^\s*\[/.test(line));
  // TOML lets a name stand in quotes, and twice is an error.
  const named = new RegExp(`^\\s*(["']?)(?:${Object.keys(top).join("|")})\\1\\s*=`);
  const kept = lines.map((line, at) => ((tablesAt < 0 || at < tablesAt) && named.test(line) ? ASIDE + line : line));
  const first = Object.entries(top).map(([name, value]) => `${name} = ${JSON.stringify(value)}`);
  return `${[BEGIN, ...first, END, ...kept, BEGIN, `[${table}]`, ...entries, END].join("\n")}\n`;
}

/** The file as it would be had we not been there. */
export function withoutToml(text: string): string {
  const kept: string[] = [];
  let isOurs = false;
  for (const line of linesOf(text)) {
    if (line === BEGIN) isOurs = true;
    else if (line === END) isOurs = false;
    else if (!isOurs) kept.push(line.startsWith(ASIDE) ? line.slice(ASIDE.length) : line);
  }
  return kept.length > 0 ? `${kept.join("\n")}\n` : "";
}

const linesOf = (text: string): string[] => (text === "" ? [] : text.replace(/\n$/, "").split("\n"));
