import { Button, Modal } from "@mantine/core";
import type { ReactNode } from "react";
import { Copy } from "../../parts/copy.tsx";
import { Snippet } from "../../parts/snippet.tsx";
import classes from "./keys.module.css";

interface SecretShownProps {
  readonly secret: string | undefined;
  readonly onClose: () => void;
}

/** A key's secret: here, this once, and nowhere else. */
export const SecretShown = ({ secret, onClose }: SecretShownProps): ReactNode => (
  <Modal
    opened={secret !== undefined}
    onClose={onClose}
    size="lg"
    title="Your key, this once"
    closeOnClickOutside={false}
    closeButtonProps={{ "aria-label": "Close" }}
  >
    <p className={classes["words"]}>
      Keep it now: the coordinator has its hash alone and cannot show it again. Whoever has it spends from your account,
      within its bounds.
    </p>
    <div className={classes["secret"]}>
      <code>{secret}</code>
      {secret !== undefined && <Copy text={secret} what="the key" />}
    </div>
    <div className={classes["snippet"]}>
      <Snippet
        text={`OPENAI_BASE_URL=${globalThis.location.origin}/v1\nOPENAI_API_KEY=${secret ?? ""}`}
        what="both variables"
      />
    </div>
    <div className={classes["buttons"]}>
      <Button onClick={onClose}>I have kept it</Button>
    </div>
  </Modal>
);
