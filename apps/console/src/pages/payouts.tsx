import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { actingOn } from "../api/acting.ts";
import { summaryQuery } from "../api/money.ts";
import { Balance, Money } from "../parts/figures.tsx";
import { NotSetUp } from "../parts/not-set-up.tsx";
import { Figures, Page } from "../parts/page.tsx";
import { Asked } from "../parts/states.tsx";
import { AskFor } from "./payouts/ask-for.tsx";
import { History } from "./payouts/history.tsx";
import { withdrawalsQuery } from "./payouts/withdrawals-of.ts";
import classes from "./payouts/payouts.module.css";

/** What one's machines earned and may leave the network, and how it does. */
export default function Payouts(): ReactNode {
  const summary = useQuery(summaryQuery);
  const list = useInfiniteQuery(withdrawalsQuery);
  const [first] = list.data?.pages ?? [];
  return (
    <Page
      title="Payouts"
      intro="What your machines earned can be spent here at once. What was paid in by others, and has cleared, can be withdrawn."
    >
      <Asked query={summary} rows={2}>
        {(told) => (
          <>
            <Figures
              figures={[
                { label: "Can be withdrawn", value: <Balance micro={Number(told.withdrawable_micro_usd)} /> },
                {
                  label: "Not cleared yet",
                  value: <Money micro={Number(told.payable_micro_usd) - Number(told.withdrawable_micro_usd)} />,
                  note: "can be spent meanwhile",
                },
                { label: "On its way out", value: <Money micro={Number(told.withdrawing_micro_usd)} /> },
                { label: "Earned and still there", value: <Balance micro={Number(told.earned_micro_usd)} /> },
              ]}
            />
            {actingOn !== undefined && (
              <p className={classes["words"]}>These are your own account's, and not the team's that you act on.</p>
            )}
            {first?.payouts === "manual" && <AskFor withdrawable={BigInt(told.withdrawable_micro_usd)} />}
            {first?.payouts === "off" && (
              <NotSetUp
                icon="payouts"
                title="Nothing is paid out here"
                forOperators="Start the coordinator so, and people ask for what their machines earned; you pay it and say so:"
                commands={["npx darkbloom coordinator --payouts manual"]}
                forOthers="Whoever runs this coordinator has not switched payouts on. What was earned stays yours and can be spent."
              />
            )}
          </>
        )}
      </Asked>
      <History query={list} />
    </Page>
  );
}
