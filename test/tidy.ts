import { existsSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";

/**
 * Lowest floor first. A file imports from its own floor and from floors below, never from above; an
 * edge or adapter is reached from above only where `main` builds the whole.
 */
const floors: readonly (readonly [name: string, path: RegExp])[] = [
  ["protocol", /^packages\/protocol\/src\/(?!(?:node|web)\/)/],
  [
    "rules",
    /^apps\/\w+\/src\/(ledger|machines(?!\/connection\/)|catalog|limits|accounts|transparency|events|models|language)\//,
  ],
  [
    "story",
    /^(apps\/\w+\/src\/(cluster|inference|payments|payouts|session|machines\/connection)|packages\/client\/src\/(?!index|unsafe|platform|primitives)[\w-]+\.(?:test\.)?ts$)/,
  ],
  [
    "adapters",
    /^(packages\/protocol\/src\/(?:node|web)|apps\/coordinator\/src\/adapters|apps\/provider\/src\/(engine|identity|posture|files))\//,
  ],
  ["edge", /^apps\/\w+\/src\/(http|ws|admin)\//],
  ["page", /^apps\/console\/src\//],
  [
    "main",
    /^(apps\/\w+\/(src\/[\w-]+\.ts|bin\/)|apps\/console\/build\/|apps\/cli\/src\/|packages\/client\/src\/|packages\/testkit\/|bench\/|scripts\/|test\/|\w+\.config\.ts)/,
  ],
];
/** Floors inside a folder, lowest first. */
const stairs: readonly (readonly [folder: string, steps: readonly RegExp[]])[] = [
  ["apps/coordinator/src/machines/", [/^records\//, /^[\w.-]+\.ts$/, /^trust\//, /^connection\//]],
  ["apps/console/src/", [/^api\//, /^parts\//, /^pages\//, /^app\//, /^main\.tsx$/]],
];
/** Where nothing may import itself, however far round, types included. */
const noCircles = /^(apps\/\w+|packages\/(client|protocol))\/src\//;

/** Reached through a port only, so that a test can hold the clock, the dice and the network. */
const outsideWorld =
  /\b(Date\.now|new Date\(\)|performance\.now|Math\.random|randomBytes|setTimeout|setInterval|setImmediate|process\.(env|argv|stdout|stderr)|console\.|fetch\()/;
const outsideAllowed = new Set(["adapters", "edge", "page", "main"]);

/** A reader turns the page here. Lists of tests may be longer. */
const LINES_MAX = 360;

/** Words that belong to a workplace and not to the project. */
const foreignWords =
  /\.\.\/shared|\/work\/|\bTODO\b|\bFIXME\b|\bXXX\b|@ts-ignore|@ts-expect-error|\bas any\b|as unknown as/;
export const isForeign = (text: string): boolean => foreignWords.test(text);
const onlyOrSkipped = /\b(it|test|describe)\.(only|todo)\b/;

/** Calls into which a list of foreign length is easily spread: about 120,000 arguments overflow the stack. */
const spreadInto =
  /\b(push|unshift|splice|concatBytes|fromCharCode|fromCodePoint|Math\.max|Math\.min)\(\s*(?:[^();{]*,\s*)?\.\.\.[^[]/;

/** What others wrote reaches a terminal by the one place that makes it printable. */
const terminalWrite = /process\.std(out|err)\.write\(/;
const TERMINAL_FILE = "apps/cli/src/output.ts";

export function tidy(root: string, files: readonly string[]): string[] {
  const faults = files.flatMap((file) => {
    const text = readFileSync(join(root, file), "utf8");
    return file.endsWith(".md") ? brokenLinks(root, file, text) : faultsOfCode(root, file, text);
  });
  const circular = circles(
    root,
    files.filter((file) => /\.tsx?$/.test(file)),
  ).filter((circle) => circle.some((file) => noCircles.test(file)));
  return [...faults, ...circular.map((circle) => `${circle.join(" → ")} → ${circle[0]}: a circle of imports`)];
}

function faultsOfCode(root: string, file: string, text: string): string[] {
  const faults: string[] = [];
  const isTest = /\.(test|contract)\.tsx?$/.test(file) || file.includes("/test/");
  if (file !== "test/tidy.ts") {
    const foreign = foreignWords.exec(text) ?? onlyOrSkipped.exec(text);
    if (foreign) faults.push(`${file}: "${foreign[0]}" does not belong in the repository`);
  }
  const lines = text.split("\n").length;
  if (!isTest && lines > LINES_MAX) faults.push(`${file}: ${lines} lines; a reader turns the page at ${LINES_MAX}`);
  if (isTest) return faults;
  const spread = spreadInto.exec(text);
  if (spread) faults.push(`${file}: a list is spread into ${spread[1]}(); use what packages/protocol/src/lists.ts has`);

  if (file.startsWith("apps/cli/src/") && file !== TERMINAL_FILE && terminalWrite.test(text))
    faults.push(`${file}: writes to the terminal; use what ${TERMINAL_FILE} has`);

  const own = floorOf(file);
  if (own < 0) return [...faults, `${file}: on no floor; give it one in test/tidy.ts`];
  const name = floors[own]?.[0] ?? "";
  for (const target of importedBy(root, file, text)) {
    // Made by a command before each check, and kept nowhere.
    if (target.includes("/generated/")) continue;
    if (!existsSync(join(root, target))) faults.push(`${file}: imports ${target}, which is not there`);
    const above = floorOf(target);
    if (above > own) faults.push(`${file}: ${name} imports upward from ${floors[above]?.[0]} (${target})`);
    for (const [folder, steps] of stairs)
      if (
        file.startsWith(folder) &&
        target.startsWith(folder) &&
        stepOf(steps, folder, target) > stepOf(steps, folder, file)
      )
        faults.push(`${file}: imports upward inside ${folder} (${target})`);
  }
  if (
    (name === "protocol" || /^(packages\/(client\/src|protocol\/src\/web)|apps\/console\/src)\//.test(file)) &&
    /from "node:/.test(text)
  )
    faults.push(`${file}: protocol runs in browsers; no node: there`);
  const world = outsideWorld.exec(text.replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, ""));
  if (world && !outsideAllowed.has(name)) faults.push(`${file}: ${world[1]} outside an adapter`);
  return faults;
}

/** The files that run when `entry` is imported: what it imports, and what those import. Types cost nothing. */
export function loadedBy(root: string, entry: string): string[] {
  const seen = new Set<string>();
  const visit = (file: string): void => {
    if (seen.has(file)) return;
    seen.add(file);
    const text = readFileSync(join(root, file), "utf8");
    for (const [, specifier = ""] of text.matchAll(/^(?:import|export)(?! type)\b[^;]*?from\s+"(\.[^"]+)"/gm))
      visit(relative(root, resolve(root, dirname(file), specifier)));
  };
  visit(entry);
  return [...seen];
}

function importedBy(root: string, file: string, text: string): string[] {
  return Array.from(text.matchAll(/^(?:import|export)\b[^;]*?from\s+"(\.[^"]+)"/gm), ([, specifier]) =>
    relative(root, resolve(root, dirname(file), specifier ?? "")),
  );
}

/** The files that come back to themselves by what they import, types included: one way round for each file that closes one. */
export function circles(root: string, files: readonly string[]): string[][] {
  const found: string[][] = [];
  const done = new Set<string>();
  const way: string[] = [];
  const visit = (file: string): void => {
    if (done.has(file)) return;
    if (way.includes(file)) {
      found.push(way.slice(way.indexOf(file)));
      return;
    }
    way.push(file);
    if (existsSync(join(root, file)))
      for (const target of importedBy(root, file, readFileSync(join(root, file), "utf8"))) visit(target);
    way.pop();
    done.add(file);
  };
  for (const file of files) visit(file);
  return found;
}

const stepOf = (steps: readonly RegExp[], folder: string, file: string): number =>
  steps.findIndex((step) => step.test(file.slice(folder.length)));

const floorOf = (file: string): number => floors.findIndex(([, path]) => path.test(file));

function brokenLinks(root: string, file: string, text: string): string[] {
  return [...text.matchAll(/\]\((?!https?:|#|mailto:)([^)#\s]+)[^)]*\)/g)]
    .map(([, target]) => target ?? "")
    .filter((target) => !existsSync(join(root, dirname(file), target)))
    .map((target) => `${file}: links to ${target}, which is not there`);
}
