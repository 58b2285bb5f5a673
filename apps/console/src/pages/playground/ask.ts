import type { Verification } from "@darkbloom/client";
import type { Mode } from "../../api/darkbloom.ts";
import { linesOf, pieceOf } from "./stream.ts";

/** What is asked beside the words. Numbers as they were written; empty: the model's own. */
export interface Settings {
  readonly mode: Mode;
  readonly model: string;
  /** A serial; empty: any machine. */
  readonly machine: string;
  readonly system: string;
  readonly temperature: string;
  readonly maxTokens: string;
}

export interface Message {
  readonly role: "system" | "user" | "assistant";
  readonly content: string;
}

/** Why there is no whole answer, in words that say what to do. */
interface Trouble {
  readonly message: string;
  readonly code?: string;
  /** Something was not as it must be: what came is not to be trusted. */
  readonly isDistrust: boolean;
}

/** What somebody wrote, and what came of it so far. */
export interface Turn {
  readonly id: number;
  readonly prompt: string;
  readonly settings: Settings;
  readonly body: ReturnType<typeof bodyOf>;
  readonly state: "asking" | "done" | "stopped" | "failed";
  readonly thought: string;
  readonly text: string;
  readonly firstContentMs?: number;
  readonly jobId?: string;
  readonly verification?: Verification;
  readonly trouble?: Trouble;
}

export function bodyOf(settings: Settings, messages: readonly Message[]) {
  const { model, machine, system, temperature, maxTokens } = settings;
  return {
    model,
    messages: [...(system.trim() === "" ? [] : [{ role: "system", content: system } as const]), ...messages],
    stream: true,
    ...(temperature !== "" && { temperature: Number(temperature) }),
    ...(maxTokens !== "" && { max_tokens: Number(maxTokens) }),
    ...(machine !== "" && { provider_serial: machine }),
  };
}

type Tell = (change: (turn: Turn) => Partial<Turn>) => void;

/** Asks once, and tells what comes, what was checked of it, and how it ended. */
export async function ask({ body, settings }: Turn, signal: AbortSignal, tell: Tell): Promise<void> {
  // The client library comes with the first question.
  const { darkbloomFor } = await import("../../api/darkbloom.ts");
  const darkbloom = darkbloomFor(settings.mode);
  const askedMs = performance.now();
  let response: Response | undefined;
  try {
    response = await darkbloom.fetch(`${globalThis.location.origin}/v1/chat/completions`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
      signal,
    });
    const jobId = response.headers.get("x-inference-job-id");
    if (jobId !== null) tell(() => ({ jobId }));
    const trouble = await received(response, askedMs, tell);
    tell(() => (trouble ? { state: "failed", trouble } : { state: "done" }));
  } catch (error) {
    tell(() => (signal.aborted ? { state: "stopped" } : { state: "failed", trouble: troubleOf(error) }));
  }
  if (!response) return;
  const verification = await darkbloom.verificationOf(response);
  tell(({ trouble }) => ({ verification, ...(trouble && { trouble: judged(trouble, verification) }) }));
  // Of an answer that was left the machine signs what there was of it, a little later.
  if (signal.aborted && verification.jobId !== undefined) {
    const kept = await darkbloom.receiptOf(verification.jobId).catch(() => undefined);
    if (kept) tell(() => ({ verification: kept }));
  }
}

/** Hands out an answer as it comes. @returns why there is none */
async function received(response: Response, askedMs: number, tell: Tell): Promise<Trouble | undefined> {
  if (!response.ok || !response.body) return refusedBy(await response.json());
  for await (const line of linesOf(response.body)) {
    const piece = pieceOf(line);
    if (piece?.error) return { ...piece.error, isDistrust: false };
    if (!piece) continue;
    const nowMs = performance.now();
    tell(({ text, thought, firstContentMs }) => ({
      text: text + (piece.text ?? ""),
      thought: thought + (piece.thought ?? ""),
      firstContentMs: firstContentMs ?? Math.round(nowMs - askedMs),
    }));
  }
  return undefined;
}

const refusedBy = (told: unknown): Trouble => {
  const { message, code } = (told as { error?: { message?: string; code?: string | null } }).error ?? {};
  return {
    message: message ?? "The coordinator's answer cannot be read. Try again.",
    ...(typeof code === "string" && { code }),
    isDistrust: false,
  };
};

/** The library's own errors are sentences that say what to do; what else is thrown is the way to the coordinator. */
const troubleOf = (error: unknown): Trouble =>
  error instanceof Error && error.name === "DarkbloomError"
    ? { message: error.message, isDistrust: false }
    : {
        message: "The coordinator cannot be reached. See whether you are connected, and try again.",
        isDistrust: false,
      };

const judged = (trouble: Trouble, { error, outcome }: Verification): Trouble => ({
  ...trouble,
  ...(error && { message: error.message, code: error.code }),
  isDistrust: outcome === "refused" && error?.action === "stop",
});
