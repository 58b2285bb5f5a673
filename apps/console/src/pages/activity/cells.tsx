import type { ReactNode } from "react";
import type { Used } from "../../api/money.ts";
import { Count } from "../../parts/figures.tsx";
import classes from "./activity.module.css";

export const Tokens = ({ used }: { readonly used: Used }): ReactNode => (
  <span
    className={classes["tokens"]}
    title={used.cached_tokens > 0 ? `${used.cached_tokens.toLocaleString()} of those in were known already` : undefined}
  >
    <Count value={used.prompt_tokens} /> in, <Count value={used.completion_tokens} /> out
  </span>
);
