import { Button } from "@mantine/core";
import { useState, type ReactNode } from "react";
import classes from "./twice.module.css";

interface TwiceProps {
  /** What it does, in a word or two. */
  readonly label: string;
  /** The same once more, with what comes of it. */
  readonly sure: string;
  readonly isBusy: boolean;
  readonly error?: Error | null;
  readonly onSure: () => void;
}

/** What is hard to take back is asked twice. */
export function Twice({ label, sure, isBusy, error, onSure }: TwiceProps): ReactNode {
  const [isAsked, setAsked] = useState(false);
  return (
    <span className={classes["twice"]}>
      {isAsked ? (
        <>
          <Button size="compact-sm" color="red" loading={isBusy} onClick={onSure} data-autofocus>
            {sure}
          </Button>
          <Button size="compact-sm" variant="subtle" color="gray" onClick={() => setAsked(false)}>
            Leave it
          </Button>
        </>
      ) : (
        <Button size="compact-sm" variant="default" onClick={() => setAsked(true)}>
          {label}
        </Button>
      )}
      {error && (
        <span className={classes["wrong"]} role="alert">
          {error.message}
        </span>
      )}
    </span>
  );
}
