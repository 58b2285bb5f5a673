import { noUse, sumOfUse, type Subject, type Use } from "./caps.ts";
import type { LedgerFault } from "./port.ts";
import { isWithin, type Window } from "./windows.ts";

/** Use by subject and day, in memory. What comes to nothing is forgotten. */
export class DaySums {
  readonly #subjects = new Map<Subject, Map<number, Use>>();

  add(subject: Subject, day: number, use: Use): void {
    if (use.microUsd === 0n && use.tokens === 0n) return;
    const days = this.#subjects.get(subject);
    if (!days) {
      this.#subjects.set(subject, new Map([[day, use]]));
      return;
    }
    const sum = sumOfUse(days.get(day) ?? noUse, use);
    if (sum.microUsd !== 0n || sum.tokens !== 0n) days.set(day, sum);
    else if (days.size > 1) days.delete(day);
    else this.#subjects.delete(subject);
  }

  take(subject: Subject, day: number, { microUsd, tokens }: Use): void {
    this.add(subject, day, { microUsd: -microUsd, tokens: -tokens });
  }

  within(subject: Subject, window: Window): Use {
    let sum = noUse;
    for (const [day, use] of this.#subjects.get(subject) ?? []) if (isWithin(window, day)) sum = sumOfUse(sum, use);
    return sum;
  }

  *all(): Generator<readonly [subject: Subject, day: number, use: Use]> {
    for (const [subject, days] of this.#subjects) for (const [day, use] of days) yield [subject, day, use];
  }
}

/** What stands too high, or too low, of what was used. */
export const faultsOf = (off: DaySums): LedgerFault[] =>
  [...off.all()].flatMap(([account, , { microUsd, tokens }]) => [
    ...(microUsd === 0n ? [] : [{ account, part: "used" as const, offBy: microUsd }]),
    ...(tokens === 0n ? [] : [{ account, part: "used tokens" as const, offBy: tokens }]),
  ]);
