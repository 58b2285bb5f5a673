import type { Changes } from "./changes.ts";
import type { AdminAction, Events } from "./events.ts";

/** The same events, and those after which a page looks otherwise are told to whoever looks at one. */
export const tellingEvents = (events: Events, changes: Changes): Events => ({
  ...events,
  requestSettled(facts) {
    events.requestSettled(facts);
    changes.tell("requests", facts.account);
    changes.tell("money", facts.account);
    if (facts.earner !== facts.account) changes.tell("money", facts.earner);
  },
  providerJoined(facts) {
    events.providerJoined(facts);
    changes.tell("machines");
  },
  providerLeft(facts) {
    events.providerLeft(facts);
    changes.tell("machines");
  },
  verdictChanged(facts) {
    events.verdictChanged(facts);
    changes.tell("machines");
  },
  adminActed(facts) {
    events.adminActed(facts);
    if (facts.action.startsWith("machines.")) changes.tell("machines");
    if (facts.outcome === "done" && movesMoney.has(facts.action)) changes.tell("money", facts.account);
  },
});

/** Who is told: its account, or everybody where several are concerned. */
const movesMoney: ReadonlySet<AdminAction> = new Set([
  "credit",
  "deposits.refund",
  "payouts.take",
  "payouts.paid",
  "payouts.failed",
]);
