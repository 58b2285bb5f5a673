import { Button, MultiSelect, NativeSelect, Switch, TagsInput, TextInput } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useState, type ReactNode } from "react";
import { answered, api, ApiError } from "../../api/client.ts";
import type { Draft } from "./terms.ts";
import classes from "./keys.module.css";

interface TermsFormProps {
  readonly initial: Draft;
  readonly submit: string;
  readonly isBusy: boolean;
  readonly error: unknown;
  readonly onSubmit: (draft: Draft) => void;
}

/** What bounds a key. What is wrong is said at its field, in the coordinator's words. */
export function TermsForm({ initial, submit, isBusy, error, onSubmit }: TermsFormProps): ReactNode {
  const [draft, setDraft] = useState(initial);
  const models = useQuery({
    queryKey: ["prices"],
    queryFn: async () => (await answered(api.GET("/v1/pricing"))).prices.map(({ model }) => model),
  });
  const wrong = error instanceof ApiError ? error.param : undefined;
  const set = (change: Partial<Draft>): void => setDraft({ ...draft, ...change });
  const at = (name: keyof Draft) => ({ error: wrong === name && error instanceof Error ? error.message : undefined });
  const text = (name: "name" | "limit_usd" | "limit_tokens" | "rpm_limit" | "itpm_limit" | "otpm_limit") => ({
    value: draft[name],
    onChange: ({ currentTarget }: { readonly currentTarget: { readonly value: string } }) =>
      set({ [name]: currentTarget.value }),
    ...at(name),
  });
  return (
    <form
      className={classes["form"]}
      onSubmit={(event) => {
        event.preventDefault();
        onSubmit(draft);
      }}
    >
      <TextInput label="Name" placeholder="Your own words, e.g. laptop" data-autofocus {...text("name")} />
      <fieldset className={classes["group"]}>
        <legend>What it may spend</legend>
        <div className={classes["pair"]}>
          <TextInput label="USD" placeholder="No cap" inputMode="decimal" {...text("limit_usd")} />
          <TextInput label="Tokens" placeholder="No cap" inputMode="numeric" {...text("limit_tokens")} />
          <NativeSelect
            label="In"
            value={draft.limit_reset}
            onChange={({ currentTarget }) => set({ limit_reset: currentTarget.value as Draft["limit_reset"] })}
            data={[
              { value: "daily", label: "each day (UTC)" },
              { value: "weekly", label: "each week" },
              { value: "monthly", label: "each month" },
              { value: "none", label: "all its life" },
            ]}
            {...at("limit_reset")}
          />
        </div>
      </fieldset>
      <fieldset className={classes["group"]}>
        <legend>How fast, a minute</legend>
        <div className={classes["pair"]}>
          <TextInput label="Requests" placeholder="No limit" inputMode="numeric" {...text("rpm_limit")} />
          <TextInput label="Prompt tokens" placeholder="No limit" inputMode="numeric" {...text("itpm_limit")} />
          <TextInput label="Answer tokens" placeholder="No limit" inputMode="numeric" {...text("otpm_limit")} />
        </div>
      </fieldset>
      <fieldset className={classes["group"]}>
        <legend>Whom it may ask</legend>
        <MultiSelect
          label="Models"
          placeholder={draft.allowed_models.length === 0 ? "Any" : ""}
          data={[...new Set([...(models.data ?? []), ...draft.allowed_models])]}
          value={[...draft.allowed_models]}
          onChange={(allowed_models) => set({ allowed_models })}
          {...at("allowed_models")}
        />
        <TagsInput
          label="Machines, by serial"
          placeholder={draft.provider_serials.length === 0 ? "Any" : ""}
          value={[...draft.provider_serials]}
          onChange={(provider_serials) => set({ provider_serials })}
          {...at("provider_serials")}
        />
        <div className={classes["pair"]}>
          <NativeSelect
            label="Least level"
            value={draft.min_trust}
            onChange={({ currentTarget }) => set({ min_trust: currentTarget.value as Draft["min_trust"] })}
            data={[
              { value: "", label: "As the operator says" },
              { value: "self_signed", label: "self-signed" },
              { value: "hardware", label: "hardware" },
            ]}
            {...at("min_trust")}
          />
          <TextInput
            type="datetime-local"
            label="Good until"
            value={draft.expires_at}
            onChange={({ currentTarget }) => set({ expires_at: currentTarget.value })}
            {...at("expires_at")}
          />
        </div>
        <Switch
          label="Sealed requests only"
          description="Refused is whatever the coordinator could read"
          checked={draft.privacy === "sealed"}
          onChange={({ currentTarget }) => set({ privacy: currentTarget.checked ? "sealed" : "any" })}
        />
      </fieldset>
      {error instanceof Error && (wrong === undefined || !(wrong in draft)) && (
        <p className={classes["wrong"]} role="alert">
          {error.message}
        </p>
      )}
      <div className={classes["buttons"]}>
        <Button type="submit" loading={isBusy}>
          {submit}
        </Button>
      </div>
    </form>
  );
}
