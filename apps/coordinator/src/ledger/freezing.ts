import type { AccountId } from "@darkbloom/protocol/ids";
import { lesser } from "./journal.ts";
import type { Clearing } from "./earnings.ts";

/** Days that one dispute looks through at most, of all whose money it follows. */
export const FREEZE_ROWS_MAX = 2_000;

/** What is asked while money is followed: what has not cleared of what an account paid, newest day first; or what is said of an account. */
export type FreezeQuestion =
  | { readonly kind: "paid_by"; readonly account: AccountId }
  | { readonly kind: "stands"; readonly account: AccountId };

export type FreezeAnswer =
  | { readonly kind: "paid_by"; readonly rows: readonly Clearing[] }
  /** What is payable of an account, held money included, and what of it has not cleared. */
  | { readonly kind: "stands"; readonly payable: bigint; readonly uncleared: bigint };

/** So much of what one payer paid an account on a day never clears. */
export type Frozen = Clearing;

/**
 * Money that was paid in, spent, and then taken back: what it came to at machines, and has not cleared there, never clears. Where
 * an account has spent of that already, it is looked for with whom it was spent. The newest is taken first.
 *
 * Nothing of it moves: who earned it can spend it still.
 */
export function* freezing(debtor: AccountId, owed: bigint): Generator<FreezeQuestion, Frozen[], FreezeAnswer> {
  const frozen = new Map<string, Frozen>();
  const trails = [{ payer: debtor, amount: owed }];
  let looked = 0;
  for (const { payer, amount } of trails) {
    const paid = yield { kind: "paid_by", account: payer };
    let rest = amount;
    for (const row of paid.kind === "paid_by" ? paid.rows : []) {
      if (rest === 0n || ++looked > FREEZE_ROWS_MAX) break;
      const key = `${row.account}\n${row.day}\n${row.payer}`;
      const before = frozen.get(key)?.amount ?? 0n;
      const part = lesser(rest, row.amount - before);
      if (part <= 0n) continue;
      frozen.set(key, { ...row, amount: before + part });
      rest -= part;
      const stands = yield { kind: "stands", account: row.account };
      // What has not cleared is spent last: more of it than is there was spent with others.
      const spent = stands.kind === "stands" ? stands.uncleared - stands.payable : 0n;
      if (spent > 0n) trails.push({ payer: row.account, amount: lesser(part, spent) });
    }
  }
  return [...frozen.values()];
}
