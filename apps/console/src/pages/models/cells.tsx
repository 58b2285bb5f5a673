import type { ReactNode } from "react";
import type { Model } from "../../api/models.ts";
import { Badge } from "../../parts/badges.tsx";
import { Count, Money } from "../../parts/figures.tsx";
import { roomFor, type Shown } from "./models-of.ts";
import classes from "./models.module.css";

interface OfModel {
  readonly model: Shown;
}

export const ModelName = ({ model: { id, told } }: OfModel): ReactNode => (
  <span className={classes["model"]}>
    <span className={classes["id"]}>{id}</span>
    {told && (
      <span className={classes["name"]}>
        {told.alias_of === undefined ? told.name : `another name of ${told.alias_of}`}
      </span>
    )}
  </span>
);

const taskWords: Readonly<Record<Model["tasks"][number], string>> = {
  generate: "converse",
  complete: "complete",
  embed: "embed",
};

export const Tasks = ({ tasks }: { readonly tasks: Model["tasks"] | undefined }): ReactNode =>
  tasks === undefined ? (
    <ToldOnceSignedIn />
  ) : (
    <span className={classes["tasks"]}>
      {tasks.map((task) => (
        <Badge key={task} tone="plain">
          {taskWords[task]}
        </Badge>
      ))}
    </span>
  );

export const Context = ({ tokens }: { readonly tokens: number | undefined }): ReactNode =>
  tokens === undefined ? <ToldOnceSignedIn /> : <Count value={tokens} />;

const ToldOnceSignedIn = (): ReactNode => (
  <span className={classes["none"]} title="Sign in to see this">
    sign in
  </span>
);

export const Price = ({ micro }: { readonly micro: number }): ReactNode =>
  micro === 0 ? "free" : <Money micro={micro} />;

/** How much of its machines is free now. */
export function Capacity({ model }: OfModel): ReactNode {
  const { running, slots } = roomFor(model);
  const count = model.machines.length;
  if (count === 0) return <Badge tone="bad">no machine</Badge>;
  return (
    <span className={classes["capacity"]}>
      <Badge tone={slots > 0 && running >= slots ? "warn" : "good"}>
        {count} {count === 1 ? "machine" : "machines"}
      </Badge>
      {slots > 0 && (
        <span className={classes["name"]}>
          {slots - running} of {slots} slots free
        </span>
      )}
    </span>
  );
}
