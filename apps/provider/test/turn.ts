import { ANSWER_WINDOW_BYTES } from "@darkbloom/protocol/limits";
import { receipt as receiptSchema, type Receipt } from "@darkbloom/protocol/receipts";
import type { SealHeader } from "@darkbloom/protocol/sealing";
import type { FromProvider } from "@darkbloom/protocol/wire";
import { nodeCrypto, nodeHpke, systemRandom } from "@darkbloom/protocol/node";
import { Deadlines } from "@darkbloom/protocol/time";
import { expect } from "vitest";
import { ScriptedEngine, type Script } from "../src/engine/scripted-engine.ts";
import type { AnswerOutcome } from "../src/events/events.ts";
import { answer } from "../src/inference/answer.ts";
import { Credit } from "../src/inference/outgoing.ts";
import type { LoadedModel } from "../src/inference/engine.ts";
import { chatBody, Machine, PROVIDER_ID, type SealedAnswer } from "./machine.ts";
import { ManualClock } from "./manual-clock.ts";

export interface Asked {
  readonly script?: Script;
  readonly body?: unknown;
  readonly header?: Partial<SealHeader>;
  readonly creditBytes?: number;
  readonly model?: Partial<LoadedModel>;
}

export const rain: Script = { pieces: ["Rain", " is", " water", "."] };

/** One request on its way through the story, with the coordinator's end of it. */
export class Turn {
  readonly clock = new ManualClock();
  readonly machine = new Machine(this.clock);
  readonly engine: ScriptedEngine;
  readonly credit: Credit;
  readonly cancel = new AbortController();
  readonly lost = new AbortController();
  readonly faults: unknown[] = [];
  readonly #asked: Asked;
  got: SealedAnswer | undefined;
  /** How it ended; undefined until it has. */
  outcome: AnswerOutcome | undefined;

  constructor(asked: Asked = {}) {
    this.#asked = asked;
    this.engine = new ScriptedEngine({
      clock: this.clock,
      script: () => asked.script ?? rain,
      ...(asked.model && { model: asked.model }),
    });
    this.lost.signal.addEventListener("abort", () => this.cancel.abort(this.lost.signal.reason));
    this.credit = new Credit(this.clock, asked.creditBytes ?? ANSWER_WINDOW_BYTES);
  }

  get over(): boolean {
    return this.outcome !== undefined;
  }

  /** Starts it, and lets happen what needs no time. */
  async start(): Promise<SealedAnswer> {
    await this.machine.show();
    const { envelope, answer: got } = this.machine.seal(this.#asked.body ?? chatBody(), this.#asked.header);
    this.got = got;
    const send = (message: FromProvider) => got.take(message);
    const { clock, engine, machine } = this;
    const net = { clock, engine, crypto: nodeCrypto, hpke: nodeHpke, random: systemRandom, signer: machine.signer };
    void answer(
      {
        ...net,
        providerId: PROVIDER_ID,
        defer: queueMicrotask,
        deadlines: new Deadlines(clock),
        open: ({ envelope: sealed }) => machine.keys.open(sealed, PROVIDER_ID),
        send,
        sendFrame: (frame) => got.takeFrames(frame),
        failed: (error) => void this.faults.push(error),
      },
      { job_id: "job_1", caller_request_id: "req_1", envelope, credit_bytes: 1 },
      this.credit,
      this.cancel.signal,
      this.lost.signal,
    ).then((outcome) => (this.outcome = outcome));
    await this.quiet();
    return got;
  }

  async quiet(): Promise<void> {
    await this.machine.quiet();
  }
}

export async function ask(asked: Asked = {}): Promise<SealedAnswer> {
  const turn = new Turn(asked);
  const got = await turn.start();
  expect(turn.over).toBe(true);
  expect(turn.engine.running).toBe(0);
  return got;
}

export function closingOf(
  got: SealedAnswer,
): Extract<FromProvider, { type: "inference_complete" }> & { parsed: Receipt } {
  const { last } = got;
  if (last?.type !== "inference_complete") throw new RangeError(`closed by ${last?.type} instead`);
  return { ...last, parsed: receiptSchema.parse(JSON.parse(last.receipt)) };
}

export const faultOf = ({ last }: SealedAnswer) => (last?.type === "inference_error" ? last : undefined);
