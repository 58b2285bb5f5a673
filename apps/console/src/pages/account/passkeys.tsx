import { Button, TextInput } from "@mantine/core";
import { queryOptions, useQuery } from "@tanstack/react-query";
import { useState, type ReactNode } from "react";
import type { paths } from "../../../generated/openapi.ts";
import { useChangeOf } from "../../api/change.ts";
import { answered, api } from "../../api/client.ts";
import { When } from "../../parts/figures.tsx";
import { Panel } from "../../parts/page.tsx";
import { Rows, type Column } from "../../parts/rows.tsx";
import { Asked, Empty } from "../../parts/states.tsx";
import { Twice } from "../../parts/twice.tsx";
import classes from "./account.module.css";

type Passkey = paths["/v1/me/passkeys"]["get"]["responses"]["200"]["content"]["application/json"]["data"][number];

const PASSKEYS = ["passkeys"] as const;
const passkeysQuery = queryOptions({
  queryKey: PASSKEYS,
  queryFn: async () => (await answered(api.GET("/v1/me/passkeys"))).data,
});

/** Has the browser make a key pair in the person's device. */
async function addPasskey(name: string): Promise<void> {
  const { public_key: asked } = await answered(api.POST("/v1/me/passkeys/options"));
  const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON(
    // Made for this very function, by a library of the same standard.
    asked as Parameters<typeof PublicKeyCredential.parseCreationOptionsFromJSON>[0] & typeof asked,
  );
  const credential = await navigator.credentials.create({ publicKey });
  if (!(credential instanceof PublicKeyCredential)) throw new Error("The browser made no passkey.");
  await answered(api.POST("/v1/me/passkeys", { body: { name, credential: credential.toJSON() } }));
}

/** What a browser says, as people say it. */
function wordsOf(error: Error): string {
  if (error.name === "InvalidStateError") return "This device has a passkey for you already.";
  if (error.name === "NotAllowedError") return "No passkey was made.";
  return error.message;
}

const columns: readonly Column<Passkey>[] = [
  { name: "Passkey", isName: true, cell: ({ name }) => <span className={classes["client"]}>{name}</span> },
  { name: "Good at", cell: ({ site }) => site },
  { name: "Added", isNumber: true, cell: ({ created_at }) => <When at={created_at} /> },
  { name: "Last used", isNumber: true, cell: ({ last_used_at: at }) => (at === null ? "never" : <When at={at} />) },
  { name: "", isNumber: true, cell: (passkey) => <RemoveOne passkey={passkey} /> },
];

/** The devices that sign one in. */
export function Passkeys(): ReactNode {
  const query = useQuery(passkeysQuery);
  return (
    <Panel title="Passkeys">
      <Asked query={query}>
        {(passkeys) =>
          passkeys.length === 0 ? (
            <Empty icon="keys" title="No passkey yet">
              With one, your device signs you in here by your finger, face or PIN.
            </Empty>
          ) : (
            <Rows label="Passkeys" columns={columns} rows={passkeys} keyOf={({ id }) => id} />
          )
        }
      </Asked>
      <NewPasskey />
    </Panel>
  );
}

function NewPasskey(): ReactNode {
  const [name, setName] = useState("");
  const adding = useChangeOf(PASSKEYS, addPasskey);
  return (
    <form
      className={classes["form"]}
      onSubmit={(event) => {
        event.preventDefault();
        adding.mutate(name.trim(), { onSuccess: () => setName("") });
      }}
    >
      <TextInput
        label="What this device is called"
        placeholder="laptop"
        required
        maxLength={64}
        value={name}
        error={adding.error && wordsOf(adding.error)}
        onChange={({ currentTarget }) => setName(currentTarget.value)}
      />
      <Button type="submit" loading={adding.isPending}>
        Add a passkey
      </Button>
    </form>
  );
}

function RemoveOne({ passkey: { id } }: { readonly passkey: Passkey }): ReactNode {
  const removing = useChangeOf(PASSKEYS, () =>
    answered(api.DELETE("/v1/me/passkeys/{id}", { params: { path: { id } } })),
  );
  return (
    <Twice
      label="Remove"
      sure="Remove it now"
      isBusy={removing.isPending}
      error={removing.error}
      onSure={() => removing.mutate(undefined)}
    />
  );
}
