import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { Badge } from "../parts/badges.tsx";
import { Facts } from "../parts/facts.tsx";
import { Count } from "../parts/figures.tsx";
import { Figures, Page, Panel } from "../parts/page.tsx";
import { Asked } from "../parts/states.tsx";
import { Lately } from "./live/lately.tsx";
import { liveQuery, sumOf, type Live } from "./live/live-of.ts";
import { Gates, Queues } from "./live/room.tsx";
import { Troubles } from "./live/troubles.tsx";
import classes from "./live/live.module.css";

/** What an operator looks at while it runs. */
export default function LivePage(): ReactNode {
  const query = useQuery(liveQuery);
  return (
    <Page
      title="Live"
      intro="What runs and waits now, how full this coordinator is, and what failed in the last minutes."
    >
      <Asked query={query}>
        {(live) => (
          <>
            {query.error && (
              <p className={classes["late"]} role="alert">
                This is as it was at {timeOf(live.at)}: {query.error.message}
              </p>
            )}
            {live.draining && (
              <p className={classes["draining"]} role="status">
                This coordinator drains: it takes nothing new, and ends once what runs has ended.
              </p>
            )}
            <Now live={live} />
            <Queues live={live} />
            <Lately live={live} />
            <Troubles live={live} />
            <Gates live={live} />
            <Coordinators live={live} />
          </>
        )}
      </Asked>
    </Page>
  );
}

const timeOf = (at: string): string => new Date(at).toLocaleTimeString();

const Now = ({ live: { requests, machines, settled, failures } }: { readonly live: Live }): ReactNode => (
  <Figures
    figures={[
      { label: "Running", value: <Count value={requests.open - requests.waiting} /> },
      { label: "Waiting", value: <Count value={requests.waiting} /> },
      {
        label: "Machines that serve",
        value: <Count value={machines.serving} />,
        note: `of ${machines.connected.toLocaleString()} connected`,
      },
      {
        label: "Busy slots",
        value: <Count value={machines.running} />,
        note: `of ${machines.slots.toLocaleString()}`,
      },
      { label: "Settled", value: <Count value={sumOf(settled)} />, note: "in 15 min" },
      { label: "Errors", value: <Count value={sumOf(failures)} />, note: "in 15 min" },
    ]}
  />
);

/** Whose figures these are. */
const Coordinators = ({ live: { at, coordinators, machines } }: { readonly live: Live }): ReactNode => (
  <Panel title="Coordinators" isPadded>
    {coordinators === null ? (
      <p className={classes["words"]}>
        This one is alone: these are the figures of the whole network, of {timeOf(at)}.
      </p>
    ) : (
      <Facts
        facts={[
          [
            "These figures",
            `Machines are those of all coordinators. Requests, queues, gates and errors are those of the one that answers you, of ${timeOf(at)}; each of the others tells its own.`,
          ],
          [
            "Bus",
            coordinators.bus === "up" ? (
              <Badge tone="good">there</Badge>
            ) : (
              <Badge tone="bad">away: this one serves its own machines alone</Badge>
            ),
          ],
          ["Others that are heard", <Count value={coordinators.others} />],
          ["Machines connected to others", <Count value={machines.elsewhere} />],
        ]}
      />
    )}
  </Panel>
);
