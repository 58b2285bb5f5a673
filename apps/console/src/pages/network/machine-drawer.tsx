import { Drawer } from "@mantine/core";
import { queryOptions, useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { answered, api } from "../../api/client.ts";
import { Level } from "../../parts/badges.tsx";
import { Copyable } from "../../parts/copy.tsx";
import { Facts } from "../../parts/facts.tsx";
import { When } from "../../parts/figures.tsx";
import { Asked, Empty } from "../../parts/states.tsx";
import { Steps } from "../../parts/steps.tsx";
import type { Machine } from "./machines.ts";
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
            <div className={classes["about"]}>
              <Facts
                facts={[
                  ["Level", <Level level={shown.trust_level} />],
                  ["Chip", machine.chip_name],
                  ["Hardware", machine.hardware_model],
                  ["Models", machine.models.join(", ") || "none of this network's"],
                  ["Identity key", <Copyable text={shown.se_public_key} what="the identity key" />],
                  ["Evidence, SHA-256", <Copyable text={shown.evidence_sha256} what="the evidence's hash" />],
                  [
                    "Verdict made",
                    <>
                      <When at={shown.verdict.at} />, by the coordinator
                    </>,
                  ],
                ]}
              />
            </div>
            <Steps checks={shown.verdict.checks} />
          </>
        );
      }}
    </Asked>
  );
}
