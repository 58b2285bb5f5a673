import { Button, Textarea } from "@mantine/core";
import { useState, type ReactNode } from "react";
import { Icon } from "../../parts/icons.tsx";
import classes from "./playground.module.css";

interface ComposerProps {
  readonly isAsking: boolean;
  readonly onSay: (prompt: string) => void;
  readonly onStop: () => void;
}

/** What somebody writes; while an answer comes, what stops it. */
export function Composer({ isAsking, onSay, onStop }: ComposerProps): ReactNode {
  const [prompt, setPrompt] = useState("");
  const send = (): void => {
    if (isAsking || prompt.trim() === "") return;
    onSay(prompt);
    setPrompt("");
  };
  return (
    <form
      className={classes["composer"]}
      onSubmit={(event) => {
        event.preventDefault();
        send();
      }}
    >
      <Textarea
        aria-label="Your message"
        placeholder="Write to the model. Enter sends, Shift and Enter begin a line."
        className={classes["message"]}
        rows={3}
        value={prompt}
        onChange={({ currentTarget }) => setPrompt(currentTarget.value)}
        onKeyDown={(event) => {
          if (event.key !== "Enter" || event.shiftKey || event.nativeEvent.isComposing) return;
          event.preventDefault();
          send();
        }}
      />
      {isAsking ? (
        <Button type="button" variant="default" leftSection={<Icon name="stop" />} onClick={onStop}>
          Stop
        </Button>
      ) : (
        <Button type="submit" leftSection={<Icon name="send" />} disabled={prompt.trim() === ""}>
          Send
        </Button>
      )}
    </form>
  );
}
