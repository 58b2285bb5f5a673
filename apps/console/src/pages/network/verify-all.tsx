import { Button } from "@mantine/core";
import { useState, type ReactNode } from "react";
import { useMe } from "../../api/me.ts";
import { Level, Status } from "../../parts/badges.tsx";
import { Icon } from "../../parts/icons.tsx";
import { Panel } from "../../parts/page.tsx";
import { Failed } from "../../parts/states.tsx";
import { Steps } from "../../parts/steps.tsx";
import type { Judged } from "./verify.ts";
import classes from "./network.module.css";

type State =
  | { readonly kind: "idle" }
  | { readonly kind: "asking" }
  | { readonly kind: "judging" | "done"; readonly of: number; readonly judged: readonly Judged[] }
  | { readonly kind: "failed"; readonly error: unknown };

/** Verifies every machine in this browser, and shows each step. */
export function VerifyAll({ machines }: { readonly machines: number }): ReactNode {
  const isAsked = Boolean(useMe());
  const [state, setState] = useState<State>({ kind: "idle" });
  const run = async (): Promise<void> => {
    setState({ kind: "asking" });
    try {
      const { evidenceOfAll, judge } = await import("./verify.ts");
      const { shown, nonce } = await evidenceOfAll(isAsked);
      const judged: Judged[] = [];
      for (const one of shown) {
        setState({ kind: "judging", of: shown.length, judged: [...judged] });
        judged.push(await judge(one, nonce));
      }
      setState({ kind: "done", of: shown.length, judged });
    } catch (error) {
      setState({ kind: "failed", error });
    }
  };
  const isBusy = state.kind === "asking" || state.kind === "judging";
  return (
    <Panel isPadded>
      <div className={classes["row"]}>
        <p className={classes["words"]}>
          {isAsked
            ? "Has every machine answer over a number that this browser draws now, and checks each signature, key and certificate here. It takes up to 40 seconds."
            : "Checks in this browser each signature, key and certificate that the machines show. Sign in, and every machine answers anew over a number of yours."}
        </p>
        <Button
          onClick={() => void run()}
          loading={isBusy}
          disabled={machines === 0}
          leftSection={<Icon name="audit" />}
        >
          Verify all here
        </Button>
      </div>
      <div aria-live="polite" className={classes["outcome"]}>
        <Outcome state={state} />
      </div>
    </Panel>
  );
}

function Outcome({ state }: { readonly state: State }): ReactNode {
  switch (state.kind) {
    case "idle":
      return null;
    case "asking":
      return <p className={classes["words"]}>Every machine is asked …</p>;
    case "failed":
      return <Failed error={state.error} />;
    case "judging":
    case "done": {
      const good = state.judged.filter(({ holds }) => holds).length;
      const isGood = good === state.of;
      return (
        <>
          <div className={classes["verdict"]}>
            {state.kind === "done" && <Status status={isGood ? "pass" : "fail"} />}
            {state.kind === "judging"
              ? `${state.judged.length} of ${state.of} verified …`
              : isGood
                ? `${state.of === 1 ? "The machine's evidence holds" : `The evidence of all ${state.of} machines holds`}, as this browser reckons`
                : `${state.of - good} of ${state.of} ${state.of === 1 ? "machines shows" : "machines show"} what does not hold`}
          </div>
          <ul className={classes["judged"]}>
            {state.judged.map((one) => (
              <li key={one.shown.provider_id}>
                <details open={!one.holds || undefined}>
                  <summary className={classes["summary"]}>
                    <Status status={one.holds ? "pass" : "fail"} />
                    <span className={classes["serial"]}>{one.shown.provider_serial ?? one.shown.provider_id}</span>
                    <Level level={one.verdict.level} />
                    {one.verdict.level !== one.shown.trust_level && (
                      <span className={classes["remedy"]}>The coordinator says {one.shown.trust_level}</span>
                    )}
                  </summary>
                  <Steps checks={one.verdict.checks} />
                </details>
              </li>
            ))}
          </ul>
        </>
      );
    }
  }
}
