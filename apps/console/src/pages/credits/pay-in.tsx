import { Button, TextInput } from "@mantine/core";
import { useMutation } from "@tanstack/react-query";
import { useState, type ReactNode } from "react";
import { actingOn } from "../../api/acting.ts";
import { Panel } from "../../parts/page.tsx";
import { pay } from "./deposits.ts";
import classes from "./credits.module.css";

const AMOUNTS = ["10.00", "25.00", "100.00"] as const;

export function PayIn(): ReactNode {
  const [amount, setAmount] = useState<string>(AMOUNTS[0]);
  const paying = useMutation({ mutationFn: pay });
  return (
    <Panel title="Pay in by card" isPadded>
      <form
        className={classes["form"]}
        onSubmit={(event) => {
          event.preventDefault();
          paying.mutate(amount.trim());
        }}
      >
        <TextInput
          label="USD"
          inputMode="decimal"
          value={amount}
          onChange={({ currentTarget }) => setAmount(currentTarget.value)}
          error={paying.error?.message}
        />
        <div className={classes["amounts"]}>
          {AMOUNTS.map((one) => (
            <Button key={one} variant="default" onClick={() => setAmount(one)}>
              ${one}
            </Button>
          ))}
        </div>
        <Button type="submit" loading={paying.isPending}>
          Go to the payment
        </Button>
      </form>
      <p className={classes["words"]}>
        It is paid on Stripe's page: this coordinator sees neither card nor name.
        {actingOn !== undefined && " It goes to your own account, and not to the team's that you act on."}
      </p>
    </Panel>
  );
}
