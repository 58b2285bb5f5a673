import { Button, Drawer } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useState, type ReactNode } from "react";
import type { Mode } from "../../api/darkbloom.ts";
import { modesQuery } from "../../api/models.ts";
import { Level } from "../../parts/badges.tsx";
import { Code } from "../../parts/code.tsx";
import { Copyable } from "../../parts/copy.tsx";
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
      <dl className={classes["facts"]}>
        <dt>Name for requests</dt>
        <dd>
          <Copyable text={model.id} what="the model's name" />
        </dd>
        {told && (
          <>
            <dt>Can</dt>
            <dd>
              <Tasks tasks={told.tasks} />
            </dd>
            <dt>Context</dt>
            <dd>
              <Count value={told.context_length} /> tokens
            </dd>
            {told.max_output_length > 0 && (
              <>
                <dt>Answer, at most</dt>
                <dd>
                  <Count value={told.max_output_length} /> tokens
                </dd>
              </>
            )}
            {told.embedding && (
              <>
                <dt>Vectors of</dt>
                <dd>{[told.embedding.dimensions, ...told.embedding.shortened_to].join(", ")} numbers</dd>
              </>
            )}
          </>
        )}
        <dt>Price, 1M tokens</dt>
        <dd>
          <Price micro={model.inputPrice} /> in, <Price micro={model.cachedPrice} /> in again,{" "}
          <Price micro={model.outputPrice} /> out
        </dd>
        <dt>Who can read</dt>
        <dd>
          {modes.includes("sealed")
            ? "sealed: the machines alone; transparent: the coordinator too"
            : "the coordinator and the machine: it takes no sealed requests"}
        </dd>
        <dt>Now</dt>
        <dd>
          <Capacity model={model} />
        </dd>
        {told && model.machines.length > 0 && (
          <>
            <dt>Best level</dt>
            <dd>
              <Level level={told.metadata.trust_level} />
            </dd>
          </>
        )}
      </dl>
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
