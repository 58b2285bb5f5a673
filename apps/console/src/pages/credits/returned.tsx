import { Loader } from "@mantine/core";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect, type ReactNode } from "react";
import { balanceQuery } from "../../api/money.ts";
import { Status } from "../../parts/badges.tsx";
import { Money } from "../../parts/figures.tsx";
import { Panel } from "../../parts/page.tsx";
import { Asked } from "../../parts/states.tsx";
import { begunPayment, depositsQuery, paymentQuery } from "./deposits.ts";
import classes from "./credits.module.css";

/** Back from where it is paid: whether it is on the account. */
export function Returned({ isCancelled }: { readonly isCancelled: boolean }): ReactNode {
  const id = begunPayment();
  if (isCancelled)
    return (
      <Panel isPadded>
        <p className={classes["line"]}>
          <Status status="unknown" /> The payment was called off. Nothing was paid.
        </p>
      </Panel>
    );
  return (
    <Panel isPadded>
      <div aria-live="polite">
        {id === undefined ? (
          <p className={classes["line"]}>As soon as the payment is confirmed it stands below, and on the account.</p>
        ) : (
          <Booked id={id} />
        )}
      </div>
    </Panel>
  );
}

function Booked({ id }: { readonly id: string }): ReactNode {
  const client = useQueryClient();
  const query = useQuery(paymentQuery(id));
  const state = query.data?.state;
  useEffect(() => {
    if (state !== "paid") return;
    void client.invalidateQueries({ queryKey: balanceQuery.queryKey });
    void client.invalidateQueries({ queryKey: depositsQuery.queryKey });
  }, [client, state]);
  return (
    <Asked query={query} rows={1}>
      {({ amount_micro_usd }) => (
        <p className={classes["line"]}>
          {state === "paid" ? (
            <>
              <Status status="pass" /> <Money micro={amount_micro_usd} /> is on your account.
            </>
          ) : state === "expired" ? (
            <>
              <Status status="fail" /> This payment can be made no more. Nothing was paid.
            </>
          ) : (
            <>
              <Loader size="xs" color="gray" /> It is asked whether <Money micro={amount_micro_usd} /> is paid. A card
              takes up to a minute, a bank days; you can leave this page.
            </>
          )}
        </p>
      )}
    </Asked>
  );
}
