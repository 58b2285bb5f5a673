import type { ReactNode } from "react";
import type { Used } from "../api/money.ts";
import { Badge, type Tone } from "./badges.tsx";

const told: Readonly<Record<Used["outcome"], readonly [words: string, tone: Tone, meaning: string]>> = {
  finished: ["finished", "good", "The answer came whole"],
  caller_gone: ["you left", "plain", "The connection was closed before the answer was whole"],
  refused: ["refused", "warn", "The machine did not take the request"],
  too_slow: ["too slow", "warn", "The answer took longer than a request may"],
  provider_fault: ["machine failed", "bad", "The machine broke off, or what it said was not in order"],
  receipt_mismatch: ["receipt wrong", "bad", "What the machine signed is not what it answered"],
  shutdown: ["coordinator stopped", "warn", "The coordinator was stopped before the answer was whole"],
  crashed: ["coordinator crashed", "bad", "The coordinator ended without warning; it was settled afterwards"],
};

/** How a request ended. */
export function OutcomeBadge({ outcome }: Pick<Used, "outcome">): ReactNode {
  const [words, tone, meaning] = told[outcome];
  return (
    <Badge tone={tone} title={meaning}>
      {words}
    </Badge>
  );
}

export const meaningOf = (outcome: Used["outcome"]): string => told[outcome][2];
