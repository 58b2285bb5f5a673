import type { UseInfiniteQueryResult, InfiniteData } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { Badge, type Tone } from "../../parts/badges.tsx";
import { Money, When } from "../../parts/figures.tsx";
import { Panel } from "../../parts/page.tsx";
import { Paged } from "../../parts/paged.tsx";
import type { Column } from "../../parts/rows.tsx";
import { Empty } from "../../parts/states.tsx";
import { Twice } from "../../parts/twice.tsx";
import { useCallOff, type Withdrawal } from "./withdrawals-of.ts";

const states: Readonly<Record<Withdrawal["state"], readonly [words: string, tone: Tone]>> = {
  opening: ["being taken out", "plain"],
  asked: ["waits for the operator", "warn"],
  sent: ["being paid", "warn"],
  paid: ["paid", "good"],
  failed: ["not paid, back in the balance", "bad"],
  cancelled: ["called off", "plain"],
};

const columns: readonly Column<Withdrawal>[] = [
  { name: "Amount", isName: true, cell: ({ amount_micro_usd }) => <Money micro={amount_micro_usd} /> },
  {
    name: "State",
    cell: ({ state }) => {
      const [words, tone] = states[state];
      return <Badge tone={tone}>{words}</Badge>;
    },
  },
  { name: "Where to", isText: true, cell: ({ pay_to }) => pay_to ?? "–" },
  { name: "Asked", isNumber: true, cell: ({ at }) => <When at={at} /> },
  { name: "Since", isNumber: true, cell: ({ changed_at }) => <When at={changed_at} /> },
  { name: "Call off", cell: (one) => (one.state === "asked" ? <CallOff id={one.id} /> : "–") },
];

function CallOff({ id }: { readonly id: string }): ReactNode {
  const callOff = useCallOff(id);
  return (
    <Twice
      label="Call off"
      sure="Call it off now"
      isBusy={callOff.isPending}
      error={callOff.error}
      onSure={() => callOff.mutate(undefined)}
    />
  );
}

interface HistoryProps {
  readonly query: UseInfiniteQueryResult<InfiniteData<{ readonly data: readonly Withdrawal[] }>>;
}

/** What was withdrawn, and how that stands. */
export const History = ({ query }: HistoryProps): ReactNode => (
  <Panel title="Withdrawals">
    <Paged
      query={query}
      label="Withdrawals"
      columns={columns}
      keyOf={({ id }) => id}
      empty={
        <Empty icon="payouts" title="Nothing was withdrawn yet">
          Each withdrawal stands here from when you ask for it until it is paid, or back.
        </Empty>
      }
    />
  </Panel>
);
