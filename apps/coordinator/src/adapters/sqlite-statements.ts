import type { DatabaseSync, StatementSync } from "node:sqlite";

export type Prepared<Name extends string> = { readonly [Each in Name]: StatementSync };

/**
 * Every statement of an adapter, prepared once, by its name.
 *
 * @param integers how they are read: as bigints where they are money
 */
export function prepareAll<Name extends string>(
  database: DatabaseSync,
  texts: Readonly<Record<Name, string>>,
  integers: "numbers" | "bigints",
): Prepared<Name> {
  const prepared = Object.entries<string>(texts).map(([name, text]) => {
    const statement = database.prepare(text);
    statement.setReadBigInts(integers === "bigints");
    return [name, statement] as const;
  });
  return Object.fromEntries(prepared) as Prepared<Name>;
}
