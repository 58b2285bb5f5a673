import { Button, Loader } from "@mantine/core";
import { useMutation } from "@tanstack/react-query";
import { useEffect, useState, type ReactNode } from "react";
import type { paths } from "../../generated/openapi.ts";
import { answered, api } from "../api/client.ts";
import { Status } from "../parts/badges.tsx";
import { Money, When } from "../parts/figures.tsx";
import { Page, Panel } from "../parts/page.tsx";
import { Rows, type Column } from "../parts/rows.tsx";
import { Failed } from "../parts/states.tsx";
import classes from "./ledger/ledger.module.css";

type Fault =
  paths["/v1/admin/ledger/check"]["get"]["responses"]["200"]["content"]["application/json"]["faults"][number];

const parts: Readonly<Record<Fault["part"], string>> = {
  granted: "what was granted to it",
  paid_in: "what was paid in",
  earned: "what it earned and cannot withdraw",
  payable: "what it earned and may withdraw one day",
  held: "what is held",
  withdrawing: "what is on its way out",
  debt: "what it owes",
  "open holds": "the sum of its open holds",
  charged: "what it was charged in all",
  credited: "what it was credited in all",
  journal: "an entry that does not add up to zero",
  used: "what a key has spent in its window",
  "used tokens": "the tokens that a key has used in its window",
  earnings: "what everybody earned by a model",
};

const columns: readonly Column<Fault>[] = [
  {
    name: "Account, key or entry",
    isName: true,
    cell: ({ account }) => <code className={classes["id"]}>{account}</code>,
  },
  { name: "What is wrong", cell: ({ part }) => parts[part] },
  { name: "Kept above what the rows come to", isNumber: true, cell: (fault) => <OffBy fault={fault} /> },
];

/** Whether the money is where the books say. */
export default function Ledger(): ReactNode {
  const checking = useMutation({
    mutationFn: async () => {
      const { faults } = await answered(api.GET("/v1/admin/ledger/check"));
      return { faults, at: new Date().toISOString() };
    },
  });
  return (
    <Page
      title="Ledger"
      intro="Every figure that an account has is kept beside the entries that it comes from. The check reckons all of them anew and tells each that is not the same."
      actions={
        <Button loading={checking.isPending} onClick={() => checking.mutate()}>
          Run the check
        </Button>
      }
    >
      <Panel title="Check">
        <div aria-live="polite">
          {checking.isPending ? (
            <Running />
          ) : checking.error ? (
            <Failed error={checking.error} retry={() => checking.mutate()} />
          ) : checking.data ? (
            <Result {...checking.data} />
          ) : (
            <p className={classes["words"]}>
              It was not run since this page was opened. Requests go on while it runs; with many accounts it takes a
              while.
            </p>
          )}
        </div>
      </Panel>
    </Page>
  );
}

/** How long it has run: how long it will, nobody knows. */
function Running(): ReactNode {
  const [seconds, setSeconds] = useState(0);
  useEffect(() => {
    const timer = setInterval(() => setSeconds((before) => before + 1), 1_000);
    return () => clearInterval(timer);
  }, []);
  return (
    <p className={classes["verdict"]}>
      <Loader size="xs" />
      <span>
        Journal, accounts, holds and keys are compared
        <span className={classes["dimmed"]} aria-hidden="true">
          {" "}
          · {seconds} s
        </span>
      </span>
    </p>
  );
}

function Result({ faults, at }: { readonly faults: readonly Fault[]; readonly at: string }): ReactNode {
  const isGood = faults.length === 0;
  return (
    <>
      <p className={classes["verdict"]}>
        <Status status={isGood ? "pass" : "fail"} />
        <span>
          {isGood
            ? "Every figure is what its entries come to."
            : `${faults.length === 1 ? "One figure is" : `${faults.length} figures are`} not what the entries come to.`}{" "}
          <span className={classes["dimmed"]}>
            Checked <When at={at} />.
          </span>
        </span>
      </p>
      {!isGood && (
        <Rows label="Faults" columns={columns} rows={faults} keyOf={({ account, part }) => `${account} ${part}`} />
      )}
    </>
  );
}

/** Money is told to the micro-dollar: it is what is wrong. */
const OffBy = ({ fault: { part, off_by } }: { readonly fault: Fault }): ReactNode =>
  part === "used tokens" ? `${off_by} tokens` : <Money micro={Number(off_by)} />;
