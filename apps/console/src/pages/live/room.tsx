import type { ReactNode } from "react";
import { Count } from "../../parts/figures.tsx";
import { Panel } from "../../parts/page.tsx";
import { Rows, type Column } from "../../parts/rows.tsx";
import { Empty } from "../../parts/states.tsx";
import type { Gate, Live, Queue } from "./live-of.ts";
import classes from "./live.module.css";

interface FullnessProps {
  readonly of: string;
  readonly taken: number;
  readonly most: number;
  /** As people read them. */
  readonly words: ReactNode;
}

/** How much of what there can be is taken. */
const Fullness = ({ of, taken, most, words }: FullnessProps): ReactNode => (
  <span className={classes["fullness"]}>
    <meter
      className={classes["meter"]}
      aria-label={of}
      min={0}
      max={most}
      low={most / 2}
      high={(most * 9) / 10}
      optimum={0}
      value={taken}
    />
    <span>{words}</span>
  </span>
);

const seconds = new Intl.NumberFormat(undefined, { style: "unit", unit: "second", maximumFractionDigits: 1 });

const queueColumns: readonly Column<Queue>[] = [
  { name: "Model", isName: true, cell: ({ models, build }) => models.join(", ") || build },
  {
    name: "Waiting",
    isNumber: true,
    cell: ({ waiting, waiting_max }) => (
      <Fullness
        of="Waiting"
        taken={waiting}
        most={waiting_max}
        words={
          <>
            <Count value={waiting} /> of {waiting_max}
          </>
        }
      />
    ),
  },
  { name: "Longest", isNumber: true, cell: ({ longest_wait_ms }) => seconds.format(longest_wait_ms / 1_000) },
  { name: "Busy slots", isNumber: true, cell: ({ running, slots }) => `${running} of ${slots}` },
];

/** Who waits for a slot, by model. */
export const Queues = ({ live }: { readonly live: Live }): ReactNode => (
  <Panel title="Queues">
    {live.queues.length === 0 ? (
      <Empty icon="check" title="Nobody waits">
        Whoever asks while every slot for a model is busy waits here, in turn by account.
      </Empty>
    ) : (
      <Rows label="Queues" columns={queueColumns} rows={live.queues} keyOf={({ build }) => build} />
    )}
  </Panel>
);

const gateWords: Readonly<Record<Gate["name"], readonly [what: string, beyond: string]>> = {
  bodies: ["Requests in memory, until they are answered", "the next is refused: 503, overloaded"],
  waiting: ["Requests that wait for a slot", "the next is refused: 429, capacity_full"],
  answers: ["Answers that are not sent yet", "the next is refused: 503, overloaded"],
  conversations: ["Latest responses of WebSockets", "the next is not kept"],
};

const mebi = 1024 * 1024;
const inMebi = (bytes: number): string =>
  bytes > 0 && bytes < mebi / 10 ? "< 0.1" : (bytes / mebi).toLocaleString(undefined, { maximumFractionDigits: 1 });

const gateColumns: readonly Column<Gate>[] = [
  { name: "What all share", isName: true, cell: ({ name }) => gateWords[name][0] },
  {
    name: "Taken",
    isNumber: true,
    cell: ({ name, taken_bytes, bytes_max }) => (
      <Fullness
        of={gateWords[name][0]}
        taken={taken_bytes}
        most={bytes_max}
        words={
          <data value={taken_bytes} title={`${taken_bytes.toLocaleString()} of ${bytes_max.toLocaleString()} bytes`}>
            {inMebi(taken_bytes)} of {inMebi(bytes_max)} MiB
          </data>
        }
      />
    ),
  },
  { name: "Where it is full", isText: true, cell: ({ name }) => gateWords[name][1] },
];

/** How full what all requests share is. */
export const Gates = ({ live }: { readonly live: Live }): ReactNode => (
  <Panel title="Gates">
    <Rows label="Gates" columns={gateColumns} rows={live.gates} keyOf={({ name }) => name} />
  </Panel>
);
