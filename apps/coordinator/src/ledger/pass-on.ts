import type { AccountId, MachineId } from "@darkbloom/protocol/ids";
import type { Clock, Random } from "@darkbloom/protocol/ports";
import { accountOfMachine } from "./journal.ts";
import type { Ledger } from "./port.ts";
import { timeOrderedId } from "./time-ordered-id.ts";

interface World {
  readonly ledger: Pick<Ledger, "balances" | "book">;
  readonly clock: Clock;
  readonly random: Random;
}

/** What a machine earned while it was nobody's goes to whose it is now: all that is there at that moment. */
export async function passOn(world: World, machineId: MachineId, to: AccountId): Promise<void> {
  const { ledger, clock } = world;
  const account = accountOfMachine(machineId);
  const { earned, payable } = await ledger.balances(account);
  if (earned + payable === 0n) return;
  await ledger.book(`pass_${timeOrderedId(world)}`, { kind: "pass", account, to }, clock.now());
}
