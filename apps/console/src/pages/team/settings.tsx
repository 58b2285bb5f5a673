import { Button, MultiSelect, NativeSelect, Switch, TextInput } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useState, type ReactNode } from "react";
import { answered, api } from "../../api/client.ts";
import type { Team } from "../../api/teams.ts";
import { Wrong } from "../../parts/act.tsx";
import { Panel } from "../../parts/page.tsx";
import { useEdit } from "./team-of.ts";
import classes from "./team.module.css";

const plain = ({ name, allowed_models, min_trust, privacy }: Team) => ({ name, allowed_models, min_trust, privacy });

/** What it is called, and what none of its keys goes beyond. */
export function Settings({ team }: { readonly team: Team }): ReactNode {
  const [draft, setDraft] = useState(plain(team));
  const editing = useEdit(team.id);
  const models = useQuery({
    queryKey: ["prices"],
    queryFn: async () => (await answered(api.GET("/v1/pricing"))).prices.map(({ model }) => model),
  });
  const isChanged = JSON.stringify(draft) !== JSON.stringify(plain(team));
  return (
    <Panel title="Name and ceilings" isPadded>
      <form
        className={classes["form"]}
        onSubmit={(event) => {
          event.preventDefault();
          editing.mutate(draft);
        }}
      >
        <TextInput
          label="Name"
          value={draft.name}
          onChange={({ currentTarget }) => setDraft({ ...draft, name: currentTarget.value })}
        />
        <MultiSelect
          label="Models"
          description="What no key or session of the team asks beyond"
          placeholder={draft.allowed_models.length === 0 ? "Any" : ""}
          data={[...new Set([...(models.data ?? []), ...draft.allowed_models])]}
          value={draft.allowed_models}
          onChange={(allowed_models) => setDraft({ ...draft, allowed_models })}
        />
        <NativeSelect
          label="Least level"
          value={draft.min_trust ?? ""}
          onChange={({ currentTarget: { value } }) =>
            setDraft({ ...draft, min_trust: value === "hardware" || value === "self_signed" ? value : null })
          }
          data={[
            { value: "", label: "As the operator says" },
            { value: "self_signed", label: "self-signed" },
            { value: "hardware", label: "hardware" },
          ]}
        />
        <Switch
          label="Sealed requests only"
          description="Refused is whatever the coordinator could read"
          checked={draft.privacy === "sealed"}
          onChange={({ currentTarget }) => setDraft({ ...draft, privacy: currentTarget.checked ? "sealed" : "any" })}
        />
        {editing.error && <Wrong error={editing.error} />}
        <Button type="submit" variant="default" loading={editing.isPending} disabled={!isChanged}>
          Save
        </Button>
      </form>
    </Panel>
  );
}
