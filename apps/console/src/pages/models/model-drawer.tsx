import { Button, Drawer } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useState, type ReactNode } from "react";
import type { Mode } from "../../api/darkbloom.ts";
import { modesQuery } from "../../api/models.ts";
import { Level } from "../../parts/badges.tsx";
import { Code } from "../../parts/code.tsx";
import { Copyable } from "../../parts/copy.tsx";
import { Facts, type Fact } from "../../parts/facts.tsx";
import { Count } from "../../parts/figures.tsx";
import { ModeChoice } from "../../parts/mode-choice.tsx";
import { Capacity, Price, Tasks } from "./cells.tsx";
import type { Shown } from "./models-of.ts";
import classes from "./models.module.css";

interface ModelDrawerProps {
  readonly model: Shown | undefined;
  readonly onClose: () => void;
}

/** One model: all that is known of it, and how a program asks it. */
export const ModelDrawer = ({ model, onClose }: ModelDrawerProps): ReactNode => (
  <Drawer
    opened={model !== undefined}
    onClose={onClose}
    size="xl"
    title={model?.told?.name ?? model?.id ?? "A model"}
    closeButtonProps={{ "aria-label": "Close" }}
  >
    {model && <About key={model.id} model={model} />}
  </Drawer>
);

function About({ model }: { readonly model: Shown }): ReactNode {
  const { told } = model;
  const modes = useQuery(modesQuery).data ?? [];
  const converses = told?.tasks.includes("generate") === true;
  return (
    <>
      <div className={classes["about"]}>
        <Facts
          facts={[
            ["Name for requests", <Copyable text={model.id} what="the model's name" />],
            ...(told ? factsOf(told) : []),
            [
              "Price, 1M tokens",
              <>
                <Price micro={model.inputPrice} /> in, <Price micro={model.cachedPrice} /> in again,{" "}
                <Price micro={model.outputPrice} /> out
              </>,
            ],
            [
              "Who can read",
              modes.includes("sealed")
                ? "sealed: the machines alone; transparent: the coordinator too"
                : "the coordinator and the machine: it takes no sealed requests",
            ],
            ["Now", <Capacity model={model} />],
            ...(told && model.machines.length > 0
              ? [["Best level", <Level level={told.metadata.trust_level} />] as const]
              : []),
          ]}
        />
      </div>
      {converses && (
        <>
          <AsCode model={model.id} modes={modes} />
          <Button component={Link} to={`/console/playground?model=${encodeURIComponent(model.id)}`} variant="default">
            Try it in the playground
          </Button>
        </>
      )}
    </>
  );
}

const factsOf = (told: NonNullable<Shown["told"]>): readonly Fact[] => [
  ["Can", <Tasks tasks={told.tasks} />],
  ["Context", <Tokens count={told.context_length} />],
  ...(told.max_output_length > 0 ? [["Answer, at most", <Tokens count={told.max_output_length} />] as const] : []),
  ...(told.embedding
    ? [["Vectors of", `${[told.embedding.dimensions, ...told.embedding.shortened_to].join(", ")} numbers`] as const]
    : []),
];

const Tokens = ({ count }: { readonly count: number }): ReactNode => (
  <>
    <Count value={count} /> tokens
  </>
);

function AsCode({ model, modes }: { readonly model: string; readonly modes: readonly Mode[] }): ReactNode {
  const [wanted, setWanted] = useState<Mode>("transparent");
  const mode = modes.includes(wanted) ? wanted : "transparent";
  return (
    <div className={classes["code"]}>
      <ModeChoice mode={mode} canSeal={modes.includes("sealed")} onChange={setWanted} />
      <Code
        request={{
          base: globalThis.location.origin,
          mode,
          body: { model, messages: [{ role: "user", content: "Hello" }], max_tokens: 256 },
        }}
      />
    </div>
  );
}
