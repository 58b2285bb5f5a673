import type { ReactNode } from "react";
import { Copy } from "./copy.tsx";
import classes from "./snippet.module.css";

interface SnippetProps {
  readonly text: string;
  /** What it is, e.g. `the command`. */
  readonly what: string;
  /** For who does not see what is around it. */
  readonly label?: string;
}

/** What somebody types, or keeps, elsewhere: in a terminal, in a program. */
export const Snippet = ({ text, what, label }: SnippetProps): ReactNode => (
  <div className={classes["snippet"]}>
    <pre className={classes["text"]} tabIndex={0} {...(label !== undefined && { role: "region", "aria-label": label })}>
      {text}
    </pre>
    <Copy text={text} what={what} />
  </div>
);
