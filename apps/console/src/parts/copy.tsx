import { ActionIcon, CopyButton } from "@mantine/core";
import type { ReactNode } from "react";
import { Icon } from "./icons.tsx";
import classes from "./copy.module.css";

interface CopyableProps {
  readonly text: string;
  /** What it is, e.g. `the key`. */
  readonly what: string;
}

/** A text of ours that goes elsewhere whole. */
export const Copyable = ({ text, what }: CopyableProps): ReactNode => (
  <span className={classes["copyable"]}>
    <code className={classes["text"]}>{text}</code>
    <Copy text={text} what={what} />
  </span>
);

export const Copy = ({ text, what }: CopyableProps): ReactNode => (
  <CopyButton value={text}>
    {({ copied, copy }) => (
      <ActionIcon
        variant="subtle"
        color="gray"
        size="sm"
        onClick={copy}
        aria-label={`Copy ${what}`}
        title={`Copy ${what}`}
      >
        <Icon name={copied ? "check" : "copy"} size={15} />
      </ActionIcon>
    )}
  </CopyButton>
);
