import type { Clock } from "@darkbloom/protocol/ports";
import type { DepositDesk } from "./desk.ts";
import type { Deposit } from "./deposits.ts";
import { nextAskAt, NOTICE_LIFE_MS, OPENING_LIFE_MS, PAID_LIFE_MS, UNPAID_LIFE_MS } from "./schedule.ts";
import { PaymentsError } from "./port.ts";

/** How often it is looked for deposits and refunds of which nobody was told more. */
export const PURSUE_EVERY_MS = 60_000;
/** Of each round: deposits that are asked about, refunds that are asked for again, and rows that are forgotten. */
export const PURSUE_ROWS_MAX = 20;
export const FORGET_ROWS_MAX = 500;

/** Every so many rounds what is old is forgotten. */
const FORGET_EVERY_ROUNDS = 60;

/** One round: what was not heard of is asked about. @param failed hears of what is no one's outage */
export async function pursue(
  desk: DepositDesk,
  clock: Pick<Clock, "now">,
  failed: (error: unknown) => void,
): Promise<void> {
  const { deposits } = desk;
  const tried = async (act: () => Promise<unknown>): Promise<void> => {
    await act().catch((error: unknown) => {
      if (!(error instanceof PaymentsError)) failed(error);
    });
  };
  for (const deposit of await deposits.due(clock.now(), PURSUE_ROWS_MAX))
    await tried(() => lookLater(desk, deposit, clock));
  for (const refund of await deposits.openRefunds(PURSUE_ROWS_MAX)) await tried(() => desk.pursueRefund(refund));
}

/** Forgets a part of what is old. @returns how much */
export function forgetOld({ deposits }: DepositDesk, now: number): Promise<number> {
  const before = { notices: now - NOTICE_LIFE_MS, unpaid: now - UNPAID_LIFE_MS, paid: now - PAID_LIFE_MS };
  return deposits.forget(before, FORGET_ROWS_MAX);
}

/** Whatever comes of it, others have their turn first. */
async function lookLater(desk: DepositDesk, deposit: Deposit, clock: Pick<Clock, "now">): Promise<void> {
  const now = clock.now();
  const { depositId, state, payment, refunded, disputed, createdAt } = deposit;
  const told = { state, payment, refunded, disputed };
  if (state === "opening" && now - createdAt >= OPENING_LIFE_MS)
    return await desk.deposits.told(depositId, { ...told, state: "expired", askAt: null, asked: 0 });
  const asked = deposit.asked + 1;
  await desk.deposits.told(depositId, { ...told, askAt: nextAskAt({ createdAt, asked }, state, now, false), asked });
  await desk.look(depositId);
}

/** Rounds until it is disposed of. @param isOurs whether this coordinator makes them, of several: one does */
export function keepPursuing(
  desk: DepositDesk,
  clock: Clock,
  failed: (error: unknown) => void,
  isOurs = () => true,
): AsyncDisposable {
  const stop = new AbortController();
  const rounds = async (): Promise<void> => {
    for (let round = 0; !stop.signal.aborted; round++) {
      if (isOurs()) await pursue(desk, clock, failed).catch(failed);
      if (isOurs() && round % FORGET_EVERY_ROUNDS === 0) await forgetOld(desk, clock.now()).catch(failed);
      await clock.sleep(PURSUE_EVERY_MS, stop.signal).catch(() => undefined);
    }
  };
  const pursued = rounds();
  return {
    async [Symbol.asyncDispose]() {
      stop.abort();
      await pursued;
    },
  };
}
