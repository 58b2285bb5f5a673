import type { ReactNode } from "react";
import classes from "./act.module.css";

interface ActProps {
  /** What comes of it. */
  readonly words: ReactNode;
  /** Why it was not done. */
  readonly error?: Error | null;
  readonly children: ReactNode;
}

/** What can be done to one thing: below what there is to know of it. */
export const Act = ({ words, error, children }: ActProps): ReactNode => (
  <section className={classes["act"]}>
    <p className={classes["words"]}>{words}</p>
    {children}
    {error && <Wrong error={error} />}
  </section>
);

/** Why something was not done, in the coordinator's words. */
export const Wrong = ({ error }: { readonly error: Error }): ReactNode => (
  <p className={classes["wrong"]} role="alert">
    {error.message}
  </p>
);
