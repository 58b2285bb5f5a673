import type { ReactNode } from "react";
import { Badge } from "../../parts/badges.tsx";
import type { Person } from "./people-of.ts";

export const State = ({ person: { disabled_at, name } }: { readonly person: Person }): ReactNode =>
  disabled_at !== null && name === "" ? (
    <Badge tone="plain">erased</Badge>
  ) : disabled_at === null ? (
    <Badge tone="good">may sign in</Badge>
  ) : (
    <Badge tone="bad">disabled</Badge>
  );

export const Role = ({ role }: Pick<Person, "role">): ReactNode => (
  <Badge tone={role === "operator" ? "warn" : "plain"}>{role}</Badge>
);
