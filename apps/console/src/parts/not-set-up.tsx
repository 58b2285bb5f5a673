import type { ReactNode } from "react";
import { useMe } from "../api/me.ts";
import type { IconName } from "./icons.tsx";
import { Panel } from "./page.tsx";
import { Snippet } from "./snippet.tsx";
import { Empty } from "./states.tsx";
import classes from "./not-set-up.module.css";

interface NotSetUpProps {
  readonly icon: IconName;
  readonly title: string;
  /** What an operator can do about it, and by which commands. */
  readonly forOperators: string;
  readonly commands: readonly string[];
  readonly forOthers: string;
}

/** In the place of what this coordinator does not do, since its operator has not switched it on. */
export function NotSetUp({ icon, title, forOperators, commands, forOthers }: NotSetUpProps): ReactNode {
  const isOperator = useMe()?.role === "operator";
  return (
    <Panel>
      <Empty icon={icon} title={title}>
        {isOperator ? forOperators : forOthers}
      </Empty>
      {isOperator && (
        <div className={classes["commands"]}>
          {commands.map((command) => (
            <Snippet key={command} text={command} what="the command" />
          ))}
        </div>
      )}
    </Panel>
  );
}
