import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { usedQuery } from "../../api/money.ts";
import { Badge, Level } from "../../parts/badges.tsx";
import { Count, ExactMoney } from "../../parts/figures.tsx";
import type { Turn } from "./ask.ts";
import classes from "./playground.module.css";

/** Beside an answer: who gave it, how soon, and what it cost. */
export function Facts({ turn }: { readonly turn: Turn }): ReactNode {
  const usage = useQuery(usedQuery);
  const { jobId, firstContentMs, verification, settings } = turn;
  const used = jobId === undefined ? undefined : usage.data?.find(({ job_id }) => job_id === jobId);
  const machine = verification?.machine;
  return (
    <dl className={classes["facts"]}>
      <div>
        <dt>Checked</dt>
        <dd>
          <Verdict turn={turn} />
        </dd>
      </div>
      <div>
        <dt>Read by</dt>
        <dd>{settings.mode === "sealed" ? "machines alone" : "coordinator and machine"}</dd>
      </div>
      {machine && (
        <div>
          <dt>Machine</dt>
          <dd>
            {machine.serial ?? machine.providerId} <Level level={machine.level} />
          </dd>
        </div>
      )}
      {firstContentMs !== undefined && (
        <div>
          <dt>First content</dt>
          <dd>
            <Count value={firstContentMs} /> ms
          </dd>
        </div>
      )}
      {used && (
        <>
          <div>
            <dt>Tokens</dt>
            <dd>
              <Count value={used.prompt_tokens} /> in, <Count value={used.completion_tokens} /> out
            </dd>
          </div>
          <div>
            <dt>Cost</dt>
            <dd>
              <ExactMoney micro={used.cost_micro_usd} />
            </dd>
          </div>
        </>
      )}
    </dl>
  );
}

function Verdict({ turn: { verification, state } }: { readonly turn: Turn }): ReactNode {
  if (!verification) return state === "stopped" ? <Badge tone="plain">not to its end</Badge> : "…";
  switch (verification.outcome) {
    case "verified":
      return <Badge tone="good">holds</Badge>;
    case "refused":
      return <Badge tone="bad">refused by this browser</Badge>;
    case "failed":
      return <Badge tone="warn">no answer</Badge>;
    case "left":
      return <Badge tone="plain">not to its end</Badge>;
  }
}
