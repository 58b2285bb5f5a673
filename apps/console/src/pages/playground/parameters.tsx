import { NativeSelect, Textarea, TextInput } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import type { Mode } from "../../api/darkbloom.ts";
import type { Model } from "../../api/models.ts";
import { ModeChoice } from "../../parts/mode-choice.tsx";
import { Panel } from "../../parts/page.tsx";
import { networkQuery } from "../network/machines.ts";
import type { Settings } from "./ask.ts";
import classes from "./playground.module.css";

interface ParametersProps {
  readonly models: readonly Model[];
  readonly canSeal: boolean;
  readonly settings: Settings;
  readonly onChange: (settings: Settings) => void;
}

const modeWords: Readonly<Record<Mode, string>> = {
  sealed: "Encrypted here to machines that this browser verified. The coordinator cannot read it.",
  transparent: "The coordinator reads what you write, and what is answered.",
};

/** What is asked beside the words. It counts from the next message on. */
export function Parameters({ models, canSeal, settings, onChange }: ParametersProps): ReactNode {
  const network = useQuery(networkQuery);
  const serials = (network.data?.machines ?? [])
    .filter(({ serves, models: served }) => serves && served.includes(settings.model))
    .flatMap(({ provider_serial }) => provider_serial ?? []);
  const set = (change: Partial<Settings>): void => onChange({ ...settings, ...change });
  return (
    <Panel title="Parameters" isPadded>
      <div className={classes["parameters"]}>
        <div>
          <ModeChoice mode={settings.mode} canSeal={canSeal} onChange={(mode) => set({ mode })} />
          <p className={classes["hint"]}>
            {canSeal ? modeWords[settings.mode] : "This coordinator takes no sealed requests: it reads what you write."}
          </p>
        </div>
        <NativeSelect
          label="Model"
          value={settings.model}
          onChange={({ currentTarget }) => set({ model: currentTarget.value, machine: "" })}
          data={models.map(({ id, metadata }) => ({
            value: id,
            label: metadata.provider_count === 0 ? `${id} (no machine now)` : id,
          }))}
        />
        <NativeSelect
          label="Machine"
          value={settings.machine}
          onChange={({ currentTarget }) => set({ machine: currentTarget.value })}
          data={[
            { value: "", label: "Any that serves it" },
            ...new Set([...serials, ...(settings.machine === "" ? [] : [settings.machine])]),
          ]}
        />
        <div className={classes["pair"]}>
          <TextInput
            type="number"
            label="Temperature"
            placeholder="Default"
            min={0}
            max={2}
            step="any"
            value={settings.temperature}
            onChange={({ currentTarget }) => set({ temperature: currentTarget.value })}
          />
          <TextInput
            type="number"
            label="Max tokens"
            placeholder="No bound"
            min={1}
            step={1}
            value={settings.maxTokens}
            onChange={({ currentTarget }) => set({ maxTokens: currentTarget.value })}
          />
        </div>
        <Textarea
          label="System text"
          placeholder="How the model should answer"
          rows={4}
          value={settings.system}
          onChange={({ currentTarget }) => set({ system: currentTarget.value })}
        />
      </div>
    </Panel>
  );
}
