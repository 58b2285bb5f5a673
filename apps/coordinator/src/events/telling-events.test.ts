import type { AccountId } from "@darkbloom/protocol/ids";
import { expect, it, vi } from "vitest";
import { Changes, type Change } from "./changes.ts";
import type { AdminAction, Events } from "./events.ts";
import { tellingEvents } from "./telling-events.ts";

const account = "acct_anna" as AccountId;
const money: Change = { kind: "money", of: account };
const [asker, owner] = ["acct_asker", "acct_owner"] as AccountId[] as [AccountId, AccountId];
const machines: Change = { kind: "machines" };

/** Goal: who looks at a page hears of what an operator did that it shows, and of nothing that was refused. Method: every kind of action, done and refused. */
it.each<[action: AdminAction, done: readonly Change[], refused: readonly Change[]]>([
  ["credit", [money], []],
  ["deposits.refund", [money], []],
  ["payouts.paid", [money], []],
  ["payouts.failed", [money], []],
  ["machines.approve", [machines], [machines]],
  ["machines.forgive", [machines], [machines]],
  ["keys.create", [], []],
])("tells of %s", (action, done, refused) => {
  const changes = new Changes();
  const heard: Change[] = [];
  using _listening = changes.listen((change) => heard.push(change));
  const adminActed = vi.fn<Events["adminActed"]>();
  const events = tellingEvents({ adminActed } as Partial<Events> as Events, changes);
  events.adminActed({ action, outcome: "refused" });
  expect(heard).toEqual(refused);
  heard.length = 0;
  events.adminActed({ action, outcome: "done", account });
  expect(heard).toEqual(done);
  expect(adminActed).toHaveBeenCalledTimes(2);
});

/** Goal: everybody whose withdrawals may have been taken in hand asks again. Method: an action on several accounts. */
it("tells all of what concerns several", () => {
  const changes = new Changes();
  const heard: Change[] = [];
  using _listening = changes.listen((change) => heard.push(change));
  const events = tellingEvents({ adminActed: () => undefined } as Partial<Events> as Events, changes);
  events.adminActed({ action: "payouts.take", outcome: "done", withdrawals: 2 });
  expect(heard).toEqual([{ kind: "money" }]);
});

/** Goal: who paid and who earned both see it, and nobody is told twice. Method: a settlement of another's machine, and of one's own. */
it.each([
  [owner, [asker, owner]],
  [asker, [asker]],
])("tells of the money whoever paid and whoever earned: %s", (earner, told) => {
  const heard: Change[] = [];
  const changes = new Changes();
  using _listening = changes.listen((change) => void heard.push(change));
  const events = tellingEvents({ requestSettled: () => undefined } as Partial<Events> as Events, changes);
  events.requestSettled({ account: asker, earner } as Parameters<Events["requestSettled"]>[0]);
  expect(heard).toEqual([{ kind: "requests", of: asker }, ...told.map((of) => ({ kind: "money", of }))]);
});
