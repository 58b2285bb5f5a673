import { useEffect, useRef, useState } from "react";
import { ask, bodyOf, type Message, type Settings, type Turn } from "./ask.ts";

/** A conversation, in this page's memory and nowhere else. */
export function useConversation() {
  const [turns, setTurns] = useState<readonly Turn[]>([]);
  const running = useRef<AbortController>(undefined);
  const nextId = useRef(0);
  // Whoever leaves the page hangs up.
  useEffect(() => () => running.current?.abort(), []);

  const run = async (before: readonly Turn[], prompt: string, settings: Settings): Promise<void> => {
    const body = bodyOf(settings, [...before.flatMap(saidIn), { role: "user", content: prompt }]);
    const id = nextId.current++;
    const turn: Turn = { id, prompt, settings, body, state: "asking", thought: "", text: "" };
    setTurns([...before, turn]);
    const controller = new AbortController();
    running.current = controller;
    await ask(turn, controller.signal, (change) =>
      setTurns((all) => all.map((one) => (one.id === id ? { ...one, ...change(one) } : one))),
    );
  };
  return {
    turns,
    isAsking: turns.at(-1)?.state === "asking",
    say: (prompt: string, settings: Settings): void => void run(turns, prompt, settings),
    /** The last words once more, in place of what came of them. */
    again: (settings: Settings): void => {
      const last = turns.at(-1);
      if (last) void run(turns.slice(0, -1), last.prompt, settings);
    },
    stop: (): void => running.current?.abort(),
    clear: (): void => {
      running.current?.abort();
      setTurns([]);
    },
  };
}

/** What of a turn the next request says again. */
const saidIn = ({ prompt, text }: Turn): Message[] =>
  text === ""
    ? []
    : [
        { role: "user", content: prompt },
        { role: "assistant", content: text },
      ];
