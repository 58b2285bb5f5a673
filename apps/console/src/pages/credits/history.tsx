import { useInfiniteQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { Badge, type Tone } from "../../parts/badges.tsx";
import { ExactMoney, Money, When } from "../../parts/figures.tsx";
import { Panel } from "../../parts/page.tsx";
import { Paged } from "../../parts/paged.tsx";
import type { Column } from "../../parts/rows.tsx";
import { Empty } from "../../parts/states.tsx";
import { depositsQuery, type Deposit } from "./deposits.ts";

const states: Readonly<Record<Deposit["state"], readonly [words: string, tone: Tone]>> = {
  opening: ["begun", "plain"],
  open: ["not paid yet", "warn"],
  paid: ["paid", "good"],
  expired: ["not paid", "plain"],
};

const columns: readonly Column<Deposit>[] = [
  { name: "Amount", isName: true, cell: ({ amount_micro_usd }) => <Money micro={amount_micro_usd} /> },
  {
    name: "State",
    cell: ({ state }) => {
      const [words, tone] = states[state];
      return <Badge tone={tone}>{words}</Badge>;
    },
  },
  { name: "Given back", isNumber: true, cell: ({ refunded_micro_usd }) => <Taken micro={refunded_micro_usd} /> },
  { name: "Demanded back", isNumber: true, cell: ({ disputed_micro_usd }) => <Taken micro={disputed_micro_usd} /> },
  { name: "When", isNumber: true, cell: ({ at }) => <When at={at} /> },
];

const Taken = ({ micro }: { readonly micro: number }): ReactNode => (micro === 0 ? "–" : <ExactMoney micro={micro} />);

/** What was paid in, and what of it went back. */
export function History(): ReactNode {
  const query = useInfiniteQuery(depositsQuery);
  return (
    <Panel title="Payments">
      <Paged
        query={query}
        label="Payments"
        columns={columns}
        keyOf={({ id }) => id}
        empty={
          <Empty icon="credits" title="Nothing was paid in yet">
            Each payment stands here from when it is begun, with what was given back of it.
          </Empty>
        }
      />
    </Panel>
  );
}
