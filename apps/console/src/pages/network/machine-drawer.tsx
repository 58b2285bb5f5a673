import { Drawer } from "@mantine/core";
import { queryOptions, useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { answered, api } from "../../api/client.ts";
import { Level } from "../../parts/badges.tsx";
import { Copyable } from "../../parts/copy.tsx";
import { When } from "../../parts/figures.tsx";
import { Asked, Empty } from "../../parts/states.tsx";
import type { Machine } from "./machines.ts";
import { Steps } from "./steps.tsx";
import classes from "./network.module.css";

const attestationsQuery = queryOptions({
  queryKey: ["attestations"],
  queryFn: () => answered(api.GET("/v1/providers/attestation")),
  meta: { changesWith: ["machines"] },
});

interface MachineDrawerProps {
  readonly machine: Machine | undefined;
  readonly onClose: () => void;
}

/** One machine, and the coordinator's verdict on it, check by check. */
export const MachineDrawer = ({ machine, onClose }: MachineDrawerProps): ReactNode => (
  <Drawer
    opened={machine !== undefined}
    onClose={onClose}
    size="xl"
    title={machine?.provider_serial ?? machine?.provider_id ?? "A machine"}
    closeButtonProps={{ "aria-label": "Close" }}
  >
    {machine && <About machine={machine} />}
  </Drawer>
);

function About({ machine }: { readonly machine: Machine }): ReactNode {
  const query = useQuery(attestationsQuery);
  return (
    <Asked query={query} rows={10}>
      {({ providers }) => {
        const shown = providers.find((one) => one.provider_id === machine.provider_id);
        if (!shown) return <Empty title="It has left">This machine is not connected any more.</Empty>;
        return (
          <>
            <dl className={classes["facts"]}>
              <dt>Level</dt>
              <dd>
                <Level level={shown.trust_level} />
              </dd>
              <dt>Chip</dt>
              <dd>{machine.chip_name}</dd>
              <dt>Hardware</dt>
              <dd>{machine.hardware_model}</dd>
              <dt>Models</dt>
              <dd>{machine.models.join(", ") || "none of this network's"}</dd>
              <dt>Identity key</dt>
              <dd>
                <Copyable text={shown.se_public_key} what="the identity key" />
              </dd>
              <dt>Evidence, SHA-256</dt>
              <dd>
                <Copyable text={shown.evidence_sha256} what="the evidence's hash" />
              </dd>
              <dt>Verdict made</dt>
              <dd>
                <When at={shown.verdict.at} />, by the coordinator
              </dd>
            </dl>
            <Steps checks={shown.verdict.checks} />
          </>
        );
      }}
    </Asked>
  );
}
