import type { AccountId } from "./ids.ts";
import { formatUsd } from "./money.ts";

/** What has to end before somebody is erased: they would lose it, or owe it, unawares. */
export type ErasureObstacle =
  | { readonly obstacle: "debt" | "holds" | "withdrawing" | "withdrawable"; readonly microUsd: bigint }
  /** Payments that may still be made; withdrawals that are not over; teams that nobody else who can act owns. */
  | { readonly obstacle: "deposits" | "withdrawals" | "teams"; readonly count: number }
  /** Nobody else is one. */
  | { readonly obstacle: "operator" };

/** Or it was not said, or not rightly, which account goes and how much money with it. */
export type ErasureRefusal =
  | ErasureObstacle
  | { readonly obstacle: "unconfirmed"; readonly account: AccountId; readonly microUsd: bigint };

export const erasureObstacles = [
  "debt",
  "holds",
  "withdrawing",
  "withdrawable",
  "deposits",
  "withdrawals",
  "teams",
  "operator",
] as const satisfies readonly ErasureObstacle["obstacle"][];

/** What is so, and what to do next; for the person and for an operator alike. */
export function wordsOfErasure(refusal: ErasureRefusal): string {
  switch (refusal.obstacle) {
    case "debt":
      return `This account owes ${formatUsd(refusal.microUsd)} USD. Pay that in first, or ask the operator to grant it.`;
    case "holds":
      return `${formatUsd(refusal.microUsd)} USD of this account are set aside for requests that run. Try again once they have ended.`;
    case "withdrawing":
      return `${formatUsd(refusal.microUsd)} USD of this account are on their way out. Try again once they have arrived.`;
    case "withdrawable":
      return `${formatUsd(refusal.microUsd)} USD that this account has earned can be withdrawn. Withdraw or spend them first.`;
    case "deposits":
      return refusal.count === 1
        ? "A payment into this account may still be made. Try again once it is made or over, within a day or so."
        : `${refusal.count} payments into this account may still be made. Try again once they are made or over, within a day or so.`;
    case "withdrawals":
      return `${refusal.count === 1 ? "A withdrawal of this account is" : `${refusal.count} withdrawals of this account are`} not over. Try again in some minutes.`;
    case "teams":
      return `${refusal.count === 1 ? "A team has" : `${refusal.count} teams have`} this person as the only owner who can act. Make somebody else an owner, or delete ${refusal.count === 1 ? "it" : "them"}, first.`;
    case "operator":
      return "This person is the only operator. Invite another first: 'darkbloom account invite --role operator'.";
    case "unconfirmed":
      return `An erasure is for good. Say which account it is, ${refusal.account}, as 'confirm', and how much money goes with it, ${refusal.microUsd} micro-USD (${formatUsd(refusal.microUsd)} USD), as 'forfeit_micro_usd'.`;
  }
}
