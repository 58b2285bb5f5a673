import { Button, TextInput } from "@mantine/core";
import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";
import { Page, Panel } from "../parts/page.tsx";
import { Snippet } from "../parts/snippet.tsx";
import { Arriving } from "./add-machine/arriving.tsx";
import classes from "./add-machine/add-machine.module.css";

/** From a machine that is nobody's to one that is yours and earns: a command, a code, and another command. */
export default function AddMachine(): ReactNode {
  const at = `--coordinator ${globalThis.location.origin}`;
  return (
    <Page
      title="Add a machine"
      intro="A Mac with Apple Silicon, or a machine with Linux. It dials out and opens no port."
    >
      <Panel title="1. Ask, on the machine" isPadded>
        <p className={classes["words"]}>
          In a copy of this repository, behind <code>npm ci</code>. It makes the machine's key where there is none yet,
          shows a code, and waits for you.
        </p>
        <Snippet text={`npx darkbloom provider login ${at}`} what="the first command" />
      </Panel>
      <Panel title="2. Let it in" isPadded>
        <p className={classes["words"]}>
          Look at which machine asks, and let it in if you started it yourself. The page opens beside this one.
        </p>
        {/* A page of the coordinator's own, which takes the code as a form sends it. */}
        <form method="get" action="/device" target="_blank" rel="noopener" className={classes["code"]}>
          <TextInput
            name="user_code"
            label="The code that it shows"
            placeholder="ABCD-EFGH"
            autoComplete="off"
            required
            withAsterisk={false}
            className={classes["field"]}
          />
          <Button type="submit">Look at it</Button>
        </form>
      </Panel>
      <Panel title="3. Start it" isPadded>
        <p className={classes["words"]}>
          It loads the bundled model; <code>--model FILE</code> serves another that this coordinator's catalog has.
        </p>
        <Snippet text={`npx darkbloom provider start ${at}`} what="the second command" />
      </Panel>
      <Panel title="4. See it come" isPadded>
        <Arriving />
      </Panel>
      <p className={classes["words"]}>
        What stands in the way is told by <code>npx darkbloom provider doctor</code> on the machine, and on{" "}
        <Link to="/console/my-machines">My machines</Link>.
      </p>
    </Page>
  );
}
