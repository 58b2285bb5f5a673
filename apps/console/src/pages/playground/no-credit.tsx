import type { ReactNode } from "react";
import { useMe } from "../../api/me.ts";
import { Copyable } from "../../parts/copy.tsx";
import { Empty } from "../../parts/states.tsx";

/** The account has nothing left to ask with. */
export function NoCredit(): ReactNode {
  const me = useMe();
  return (
    <Empty icon="credits" title="Your balance is empty">
      {me?.role === "operator"
        ? "Answers are paid from it. You run this coordinator: give the account credit with darkbloom credit."
        : "Answers are paid from it. Ask whoever runs this coordinator for credit, and name your account."}
      {me && (
        <div>
          <Copyable text={me.account} what="the account's id" />
        </div>
      )}
    </Empty>
  );
}
