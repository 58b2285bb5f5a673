import { Button, TextInput } from "@mantine/core";
import { queryOptions, useMutation, useQuery } from "@tanstack/react-query";
import { useState, type ReactNode } from "react";
import { answered, api } from "../../api/client.ts";
import { Wrong } from "../../parts/act.tsx";
import { Money } from "../../parts/figures.tsx";
import { Panel } from "../../parts/page.tsx";
import { Asked } from "../../parts/states.tsx";
import classes from "./account.module.css";

const planQuery = queryOptions({
  queryKey: ["erasure"],
  queryFn: () => answered(api.GET("/v1/me/erasure")),
  meta: { changesWith: ["money", "teams", "keys", "machines"] },
});

/** What is kept of whoever is signed in, as a file; and how they go for good. */
export function Leaving(): ReactNode {
  const plan = useQuery(planQuery);
  return (
    <Panel title="What is kept of you" isPadded>
      <p className={classes["words"]}>
        All that this coordinator has about you as one file, but for secrets, of which it has only hashes.
      </p>
      <Button component="a" href="/v1/me/export" download="darkbloom-export.json" variant="default" size="compact-sm">
        Download it
      </Button>
      <h3 className={classes["apart"]}>Erase this account</h3>
      <Asked query={plan} rows={1}>
        {(told) =>
          told.obstacles.length > 0 ? (
            <>
              <p className={classes["words"]}>It cannot be erased yet:</p>
              <ul className={classes["words"]}>
                {told.obstacles.map(({ obstacle, words }) => (
                  <li key={obstacle}>{words}</li>
                ))}
              </ul>
            </>
          ) : (
            <Erase plan={told} />
          )
        }
      </Asked>
    </Panel>
  );
}

interface EraseProps {
  readonly plan: Awaited<ReturnType<NonNullable<typeof planQuery.queryFn>>>;
}

const counted = (count: number, one: string): string => `${count} ${count === 1 ? one : `${one}s`}`;

function Erase({ plan }: EraseProps): ReactNode {
  const [typed, setTyped] = useState("");
  const { account, forfeit_micro_usd } = plan;
  const erasing = useMutation({
    mutationFn: () => answered(api.POST("/v1/me/erase", { body: { confirm: account, forfeit_micro_usd } })),
    onSuccess: () => globalThis.location.assign("/"),
  });
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        erasing.mutate();
      }}
    >
      <p className={classes["words"]}>
        For good: {counted(plan.keys, "key")} would end, {counted(plan.machines, "machine")} be nobody's,{" "}
        {counted(plan.teams, "team")} be left, and <Money micro={Number(forfeit_micro_usd)} /> that are left be lost.
        Entries of the books stay, and name nobody.
      </p>
      <TextInput
        label={`Type ${account} to mean it`}
        value={typed}
        autoComplete="off"
        onChange={({ currentTarget }) => setTyped(currentTarget.value)}
      />
      <Button
        className={classes["last"]}
        type="submit"
        color="red"
        disabled={typed.trim() !== account}
        loading={erasing.isPending}
      >
        Erase it
      </Button>
      {erasing.error && <Wrong error={erasing.error} />}
    </form>
  );
}
