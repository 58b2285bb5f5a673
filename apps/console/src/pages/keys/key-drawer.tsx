import { Button, Drawer, NativeSelect } from "@mantine/core";
import { useState, type ReactNode } from "react";
import { When } from "../../parts/figures.tsx";
import { State } from "./cells.tsx";
import { editKey, isLiveKey, revokeKey, rotateKey, useChange, type Key, type Terms } from "./keys-of.ts";
import { TermsForm } from "./terms-form.tsx";
import { changeOf, draftOf } from "./terms.ts";
import classes from "./keys.module.css";

interface KeyDrawerProps {
  readonly apiKey: Key | undefined;
  readonly onClose: () => void;
  readonly onRotated: (secret: string) => void;
}

/** One key: changed, put out of use for a while, given a new secret, ended. */
export const KeyDrawer = ({ apiKey, onClose, onRotated }: KeyDrawerProps): ReactNode => (
  <Drawer
    opened={apiKey !== undefined}
    onClose={onClose}
    size="lg"
    title={apiKey?.name || apiKey?.label || "A key"}
    closeButtonProps={{ "aria-label": "Close" }}
  >
    {apiKey && <OneKey key={apiKey.id} apiKey={apiKey} onClose={onClose} onRotated={onRotated} />}
  </Drawer>
);

function OneKey({ apiKey, onClose, onRotated }: KeyDrawerProps & { readonly apiKey: Key }): ReactNode {
  const { id } = apiKey;
  const editing = useChange((terms: Terms) => editKey(id, terms));
  const switching = useChange((disabled: boolean) => editKey(id, { disabled }));
  const initial = draftOf(apiKey);
  if (!isLiveKey(apiKey))
    return (
      <p className={classes["words"]}>
        <State apiKey={apiKey} /> {apiKey.revoked_at !== null && <When at={apiKey.revoked_at} />}, for good.
      </p>
    );
  return (
    <>
      <div className={classes["acts"]}>
        <State apiKey={apiKey} />
        <Button variant="default" loading={switching.isPending} onClick={() => switching.mutate(!apiKey.disabled)}>
          {apiKey.disabled ? "Enable" : "Disable"}
        </Button>
        <Rotate id={id} onRotated={onRotated} />
        <Revoke id={id} />
      </div>
      {switching.error && (
        <p className={classes["wrong"]} role="alert">
          {switching.error.message}
        </p>
      )}
      <TermsForm
        initial={initial}
        submit="Save"
        isBusy={editing.isPending}
        error={editing.error}
        onSubmit={(draft) => editing.mutate(changeOf(initial, draft), { onSuccess: onClose })}
      />
    </>
  );
}

const HOUR_MS = 3_600_000;
const overlaps = [
  { value: "0", label: "the old secret ends now" },
  { value: String(10 * 60_000), label: "it goes on for 10 minutes" },
  { value: String(24 * HOUR_MS), label: "it goes on for a day" },
  { value: String(7 * 24 * HOUR_MS), label: "it goes on for a week" },
];

function Rotate({ id, onRotated }: { readonly id: string; readonly onRotated: (secret: string) => void }): ReactNode {
  const [isAsked, setAsked] = useState(false);
  const [overlap, setOverlap] = useState("0");
  const rotating = useChange((overlapMs: number) => rotateKey(id, overlapMs));
  if (!isAsked)
    return (
      <Button variant="default" onClick={() => setAsked(true)}>
        New secret
      </Button>
    );
  return (
    <>
      <NativeSelect
        aria-label="Until when the old secret is good"
        value={overlap}
        onChange={({ currentTarget }) => setOverlap(currentTarget.value)}
        data={overlaps}
        error={rotating.error?.message}
      />
      <Button
        loading={rotating.isPending}
        onClick={() =>
          rotating.mutate(Number(overlap), {
            onSuccess: ({ key }) => {
              setAsked(false);
              onRotated(key);
            },
          })
        }
      >
        Give it a new secret
      </Button>
    </>
  );
}

/** Asked twice: it is for good. */
function Revoke({ id }: { readonly id: string }): ReactNode {
  const [isAsked, setAsked] = useState(false);
  const revoking = useChange(() => revokeKey(id));
  if (!isAsked)
    return (
      <Button variant="subtle" color="red" onClick={() => setAsked(true)}>
        Revoke
      </Button>
    );
  return (
    <Button color="red" loading={revoking.isPending} onClick={() => revoking.mutate(undefined)}>
      Revoke it for good
    </Button>
  );
}
