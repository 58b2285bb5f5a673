import type { ReactNode } from "react";
import { Copy } from "./copy.tsx";
import classes from "./snippet.module.css";

/** What somebody types elsewhere, e.g. in a terminal. */
export const Snippet = ({ text, what }: { readonly text: string; readonly what: string }): ReactNode => (
  <div className={classes["snippet"]}>
    <pre className={classes["text"]} tabIndex={0}>
      {text}
    </pre>
    <Copy text={text} what={what} />
  </div>
);
