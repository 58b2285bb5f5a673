import { Button, TextInput } from "@mantine/core";
import { useState, type ReactNode } from "react";
import { Wrong } from "../../parts/act.tsx";
import { Panel } from "../../parts/page.tsx";
import { inCents, useAsk } from "./withdrawals-of.ts";
import classes from "./payouts.module.css";

/** @param withdrawable micro-USD */
export function AskFor({ withdrawable }: { readonly withdrawable: bigint }): ReactNode {
  const [amount, setAmount] = useState("");
  const [payTo, setPayTo] = useState("");
  const asking = useAsk();
  const all = inCents(withdrawable);
  return (
    <Panel title="Withdraw" isPadded>
      <form
        className={classes["form"]}
        onSubmit={(event) => {
          event.preventDefault();
          const asked = { amount_usd: amount.trim(), pay_to: payTo.trim() };
          asking.mutate(asked, { onSuccess: () => setAmount("") });
        }}
      >
        <TextInput
          label="USD"
          inputMode="decimal"
          required
          value={amount}
          onChange={({ currentTarget }) => setAmount(currentTarget.value)}
        />
        <Button variant="default" disabled={withdrawable <= 0n} onClick={() => setAmount(all)}>
          All: ${all}
        </Button>
        <TextInput
          className={classes["payTo"]}
          label="Where it is paid"
          placeholder="An IBAN and a name, say"
          required
          maxLength={200}
          value={payTo}
          onChange={({ currentTarget }) => setPayTo(currentTarget.value)}
        />
        <Button type="submit" loading={asking.isPending}>
          Ask for it
        </Button>
      </form>
      {asking.error && <Wrong error={asking.error} />}
      <p className={classes["words"]} role="status">
        {asking.isSuccess
          ? "It has left your balance and waits for the operator. Until it is taken in hand you can call it off below."
          : "Say where as your operator asks for it. It is forgotten once it is paid."}
      </p>
    </Panel>
  );
}
