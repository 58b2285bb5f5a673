import { Button } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useState, type ReactNode } from "react";
import { modelsQuery, modesQuery } from "../api/models.ts";
import { balanceQuery } from "../api/money.ts";
import { Balance } from "../parts/figures.tsx";
import { anyText, oneOf, useFilters } from "../parts/filters.ts";
import { Page, Panel } from "../parts/page.tsx";
import { Asked, Empty } from "../parts/states.tsx";
import { Answer } from "./playground/answer.tsx";
import type { Settings } from "./playground/ask.ts";
import { Composer } from "./playground/composer.tsx";
import { useConversation } from "./playground/conversation.ts";
import { NoCredit } from "./playground/no-credit.tsx";
import { Parameters } from "./playground/parameters.tsx";
import { WhatIsChecked } from "./playground/what-is-checked.tsx";
import classes from "./playground/playground.module.css";

const readers = { model: anyText, machine: anyText, mode: oneOf("", "sealed", "transparent") };

/** A conversation with a model, each answer of which is checked in this browser. */
export default function Playground(): ReactNode {
  const models = useQuery(modelsQuery);
  const modes = useQuery(modesQuery);
  const balance = useQuery(balanceQuery);
  const [filters, change] = useFilters(readers);
  const [own, setOwn] = useState({ system: "", temperature: "", maxTokens: "512" });
  const { turns, isAsking, say, again, stop, clear } = useConversation();
  const micro = balance.data?.balance_micro_usd;
  return (
    <Page
      title="Playground"
      intro="Ask a model, and see beside each answer what this browser has checked of it. Nothing of a conversation is kept: it is gone with this page."
      actions={
        turns.length > 0 && (
          <Button variant="default" onClick={clear}>
            New conversation
          </Button>
        )
      }
    >
      <Asked query={models}>
        {(all) => {
          const talking = all.filter(({ tasks }) => tasks.includes("generate"));
          const model = talking.find(({ id }) => id === filters.model) ?? talking[0];
          if (!model)
            return (
              <Panel>
                <Empty icon="models" title="No model converses here">
                  This coordinator lists no model that you may talk to.
                </Empty>
              </Panel>
            );
          const canSeal = modes.data?.includes("sealed") !== false;
          const settings: Settings = {
            ...own,
            mode: filters.mode === "" ? (canSeal ? "sealed" : "transparent") : filters.mode,
            model: model.id,
            machine: filters.machine,
          };
          return (
            <div className={classes["columns"]}>
              <Panel
                title="Conversation"
                aside={
                  micro !== undefined && (
                    <span>
                      Balance <Balance micro={micro} />
                    </span>
                  )
                }
              >
                <ol className={classes["turns"]}>
                  {turns.map((turn) => (
                    <Answer
                      key={turn.id}
                      turn={turn}
                      {...(turn === turns.at(-1) && !isAsking && { again: () => again(settings) })}
                    />
                  ))}
                </ol>
                {turns.length === 0 && (micro === 0 ? <NoCredit /> : <WhatIsChecked mode={settings.mode} />)}
                <Composer isAsking={isAsking} onSay={(prompt) => say(prompt, settings)} onStop={stop} />
              </Panel>
              <Parameters
                models={talking}
                canSeal={canSeal}
                settings={settings}
                onChange={({ model: name, machine, mode, ...rest }) => {
                  if (name !== settings.model || machine !== settings.machine || mode !== settings.mode)
                    change({ model: name, machine, mode });
                  setOwn(rest);
                }}
              />
            </div>
          );
        }}
      </Asked>
    </Page>
  );
}
