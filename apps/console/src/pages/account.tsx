import type { ReactNode } from "react";
import { useMe } from "../api/me.ts";
import { Badge } from "../parts/badges.tsx";
import { Copyable } from "../parts/copy.tsx";
import { Facts } from "../parts/facts.tsx";
import { Page, Panel } from "../parts/page.tsx";
import { Snippet } from "../parts/snippet.tsx";
import { Leaving } from "./account/leaving.tsx";
import { Passkeys } from "./account/passkeys.tsx";
import { Sessions } from "./account/sessions.tsx";
import classes from "./account/account.module.css";

/** Who one is here, where one is signed in, and how a program comes in. */
export default function Account(): ReactNode {
  const me = useMe();
  return (
    <Page title="Account" intro="Who you are to this coordinator, and what acts for you.">
      {me && (
        <Panel title="You" isPadded>
          <Facts
            facts={[
              ["Name", me.name],
              ["Mail", me.mail ?? "none is known"],
              ["Role", <Badge tone={me.role === "operator" ? "warn" : "plain"}>{me.role}</Badge>],
              ["Account", <Copyable text={me.account} what="the account's id" />],
              ["You", <Copyable text={me.id} what="your id" />],
            ]}
          />
        </Panel>
      )}
      <Passkeys />
      <Sessions />
      <Panel title="Let a program in" isPadded>
        <p className={classes["words"]}>
          The command line, or any program that speaks the device grant (RFC 8628), gets a session of its own. It shows
          a code; you look at who asks on <a href="/device">the page for programs</a> and let it in, or not. From then
          on it stands in the list above.
        </p>
        <Snippet text={`npx darkbloom login --coordinator ${globalThis.location.origin}`} what="the command" />
      </Panel>
      <Leaving />
    </Page>
  );
}
