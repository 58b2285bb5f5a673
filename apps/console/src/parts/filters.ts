import { useNavigate, useSearch } from "@tanstack/react-router";

/** Reads one filter out of an address, in which anything can stand. */
export type Reader<Value> = (written: unknown) => Value;

/** One of these words; the first where nothing, or another, is written. */
export const oneOf =
  <const Word extends string>(first: Word, ...others: readonly Word[]): Reader<Word> =>
  (written) =>
    [first, ...others].find((word) => word === written) ?? first;

export const anyText: Reader<string> = (written) => (typeof written === "string" ? written : "");

type Readers = Readonly<Record<string, Reader<string>>>;
type Read<These extends Readers> = { readonly [Name in keyof These]: ReturnType<These[Name]> };

/**
 * A page's filters, which are in its address and nowhere else: who is sent the address sees the same.
 *
 * @returns what they are, and what changes some of them; what is as it is without an address is left out of it
 */
export function useFilters<These extends Readers>(
  readers: These,
): readonly [Read<These>, (change: Partial<Read<These>>) => void] {
  const written: Record<string, unknown> = useSearch({ strict: false });
  const navigate = useNavigate();
  const change = (some: Partial<Read<These>>): void => {
    const plain = readWith(readers, {});
    const next = Object.entries({ ...readWith(readers, written), ...some });
    const search = Object.fromEntries(next.filter(([name, value]) => value !== plain[name]));
    void navigate({ to: ".", search, replace: true, resetScroll: false });
  };
  return [readWith(readers, written), change];
}

const readWith = <These extends Readers>(readers: These, written: Record<string, unknown>): Read<These> =>
  Object.fromEntries(Object.entries(readers).map(([name, read]) => [name, read(written[name])])) as Read<These>;
