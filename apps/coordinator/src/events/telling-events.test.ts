import type { AccountId } from "@darkbloom/protocol/ids";
import { expect, it, vi } from "vitest";
import { Changes, type Change } from "./changes.ts";
import type { AdminAction, Events } from "./events.ts";
import { tellingEvents } from "./telling-events.ts";

const account = "acct_anna" as AccountId;
const money: Change = { kind: "money", of: account };
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
