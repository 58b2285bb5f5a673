import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { balanceQuery } from "../api/money.ts";
import { useMe } from "../api/me.ts";
import { Balance, Money } from "../parts/figures.tsx";
import { oneOf, useFilters } from "../parts/filters.ts";
import { NotSetUp } from "../parts/not-set-up.tsx";
import { Figures, Page } from "../parts/page.tsx";
import { Asked } from "../parts/states.tsx";
import { takesPaymentsQuery } from "./credits/deposits.ts";
import { History } from "./credits/history.tsx";
import { PayIn } from "./credits/pay-in.tsx";
import { Returned } from "./credits/returned.tsx";

/** As whoever comes back from a payment's page has it in the address. */
const readers = { payment: oneOf("none", "done", "cancelled") };

/** What there is to spend, what it is made of, and how more comes. */
export default function Credits(): ReactNode {
  const balance = useQuery(balanceQuery);
  const takesPayments = useQuery(takesPaymentsQuery);
  const [{ payment }] = useFilters(readers);
  return (
    <Page title="Credits" intro="What this account can spend, what it is made of, and how more comes.">
      {payment !== "none" && <Returned isCancelled={payment === "cancelled"} />}
      <Asked query={balance} rows={2}>
        {(told) => (
          <Figures
            figures={[
              { label: "Can be spent", value: <Balance micro={told.balance_micro_usd} /> },
              { label: "Held for what runs", value: <Money micro={told.held_micro_usd} /> },
              { label: "Granted", value: <Balance micro={told.granted_micro_usd} /> },
              { label: "Paid in", value: <Balance micro={told.paid_in_micro_usd} /> },
              { label: "Earned", value: <Balance micro={told.earned_micro_usd} /> },
              ...(told.debt_micro_usd > 0
                ? [{ label: "Owed", value: <Money micro={told.debt_micro_usd} />, note: "paid first by what comes" }]
                : []),
            ]}
          />
        )}
      </Asked>
      <Asked query={takesPayments} rows={2}>
        {(isOn) => (isOn ? <PayIn /> : <NoPayments />)}
      </Asked>
      <History />
    </Page>
  );
}

function NoPayments(): ReactNode {
  const account = useMe()?.account;
  return (
    <NotSetUp
      icon="credits"
      title="Payments are not set up here"
      forOperators="Give the coordinator a key of Stripe's and people pay in by card. Or grant credit, at its data folder or over the network:"
      commands={[
        "npx darkbloom coordinator --stripe-key-file ./stripe.key --stripe-webhook-file ./stripe.webhook",
        `npx darkbloom credit --account ${account} --amount 5.00`,
      ]}
      forOthers="Whoever runs this coordinator can grant credit to your account."
    />
  );
}
