import { Button } from "@mantine/core";
import type { ReactNode } from "react";
import { Badge } from "../../parts/badges.tsx";
import { Code } from "../../parts/code.tsx";
import { Icon } from "../../parts/icons.tsx";
import type { Turn } from "./ask.ts";
import { Checked } from "./checked.tsx";
import { Facts } from "./facts.tsx";
import classes from "./playground.module.css";

interface AnswerProps {
  readonly turn: Turn;
  /** Asks the same once more. */
  readonly again?: () => void;
}

/** What somebody wrote, and what came of it. All of it is text, whatever a model writes. */
export const Answer = ({ turn, again }: AnswerProps): ReactNode => (
  <li className={classes["turn"]}>
    <div className={classes["prompt"]}>{turn.prompt}</div>
    <div className={classes["answer"]} aria-busy={turn.state === "asking"}>
      {turn.thought !== "" && (
        <details className={classes["thought"]} open={turn.text === "" || undefined}>
          <summary>Thinking</summary>
          <div className={classes["text"]}>{turn.thought}</div>
        </details>
      )}
      {turn.text !== "" && <div className={classes["text"]}>{turn.text}</div>}
      {turn.state === "asking" && turn.text === "" && turn.thought === "" && (
        <p className={classes["waiting"]} role="status">
          {turn.settings.mode === "sealed" ? "Verifying machines, sealing, waiting …" : "Waiting …"}
        </p>
      )}
      {turn.state === "done" && turn.text === "" && <p className={classes["waiting"]}>The answer is empty.</p>}
      {turn.state === "stopped" && <Badge tone="plain">stopped by you</Badge>}
      {turn.trouble && <Trouble trouble={turn.trouble} />}
    </div>
    {turn.state !== "asking" && (
      <>
        <Facts turn={turn} />
        <div className={classes["more"]}>
          {turn.verification && turn.verification.steps.length > 0 && <Checked verification={turn.verification} />}
          <details className={classes["drawn"]}>
            <summary>The same request as code</summary>
            <Code request={{ base: globalThis.location.origin, mode: turn.settings.mode, body: turn.body }} />
          </details>
        </div>
        {again && (
          <div>
            <Button
              variant="subtle"
              color="gray"
              size="compact-sm"
              leftSection={<Icon name="refresh" />}
              onClick={again}
            >
              Ask again
            </Button>
          </div>
        )}
      </>
    )}
  </li>
);

const Trouble = ({ trouble }: { readonly trouble: NonNullable<Turn["trouble"]> }): ReactNode => (
  <div className={classes["trouble"]} role="alert">
    <strong>{trouble.isDistrust ? "Do not trust what is above" : "There is no whole answer"}</strong>
    <span>{trouble.message}</span>
    {trouble.code !== undefined && <code>{trouble.code}</code>}
  </div>
);
