import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";
import { answered, api } from "../../api/client.ts";
import { Panel } from "../../parts/page.tsx";
import { Snippet } from "../../parts/snippet.tsx";
import classes from "./overview.module.css";

/** What somebody does who has asked for nothing yet. */
export function FirstSteps({ hasMoney }: { readonly hasMoney: boolean }): ReactNode {
  const { data: model } = useQuery({
    queryKey: ["first model"],
    queryFn: async () => (await answered(api.GET("/v1/models"))).data[0]?.id ?? "",
    meta: { changesWith: ["machines"] },
  });
  const base = `${globalThis.location.origin}/v1`;
  const curl = [
    `curl ${base}/chat/completions \\`,
    `  -H "authorization: Bearer $OPENAI_API_KEY" \\`,
    `  -H "content-type: application/json" \\`,
    `  -d '{"model": "${model || "MODEL"}", "messages": [{"role": "user", "content": "Hello"}]}'`,
  ].join("\n");
  return (
    <Panel title="First steps" isPadded>
      <ol className={classes["steps"]}>
        {!hasMoney && (
          <li>
            <h3>Have credit</h3>
            <p>Nothing can be spent from this account yet. Whoever runs this coordinator credits it.</p>
          </li>
        )}
        <li>
          <h3>Make a key</h3>
          <p>
            <Link to="/console/keys">Keys</Link> makes one, shows it once, and bounds what it may spend.
          </p>
        </li>
        <li>
          <h3>Ask</h3>
          <p>From a terminal, or with any OpenAI or Anthropic SDK whose base URL you change:</p>
          <Snippet text={curl} what="the command" />
        </li>
        <li>
          <h3>See what it cost</h3>
          <p>It appears on this page by itself, as soon as the answer is whole.</p>
        </li>
      </ol>
    </Panel>
  );
}
