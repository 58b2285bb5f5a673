import { toHex } from "@darkbloom/protocol/bytes";
import { AnswerOpener } from "@darkbloom/protocol/sealing";
import { nodeCrypto, nodeHpke, systemRandom } from "@darkbloom/protocol/node";
import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { Deadlines } from "@darkbloom/protocol/time";
import { ManualClock, settle } from "../../test/manual-clock.ts";
import { Credit, Outgoing, PROGRESS_EVERY_MS } from "./outgoing.ts";
import { COMMENT, KEEP_ALIVE_EVERY_MS, keepAlive, Reading } from "./keep-alive.ts";

const never = new AbortController().signal;

/** An answer's way out with its beat, and what came of it. */
class Answer implements Disposable {
  readonly clock = new ManualClock();
  readonly outgoing: Outgoing;
  readonly credit: Credit;
  readonly told: number[] = [];
  readonly reading = new Reading(this.clock, (tokens) => void this.told.push(tokens));
  readonly #opener: AnswerOpener;
  readonly #beat: Disposable;
  body = "";

  constructor(stream = true, creditBytes = 100_000) {
    const secret = { secret: systemRandom.bytes(32), enc: systemRandom.bytes(32) };
    this.#opener = new AnswerOpener(nodeHpke, secret);
    this.credit = new Credit(this.clock, creditBytes);
    const tools = {
      clock: this.clock,
      crypto: nodeCrypto,
      hpke: nodeHpke,
      random: systemRandom,
      defer: queueMicrotask,
    };
    this.outgoing = new Outgoing(tools, secret, this.credit, (frames) => {
      for (const { plaintext } of this.#opener.push(frames)) this.body += Buffer.from(plaintext).toString();
    });
    this.#beat = keepAlive(new Deadlines(this.clock), this.outgoing, stream ? COMMENT : undefined, this.reading);
  }

  async say(text: string): Promise<void> {
    this.outgoing.add(text);
    await this.outgoing.flush(1, never);
  }

  get beats(): number {
    return this.body.split(": keep-alive\n\n").length - 1;
  }

  [Symbol.dispose](): void {
    this.#beat[Symbol.dispose]();
  }
}

/** Goal: a stream that has begun never falls silent for long, and nothing else is disturbed. Method: a clock by hand. */
describe("a stream's sign of life", () => {
  it("comes after a silence, and again after the next", async () => {
    using answer = new Answer();
    await answer.say("data: a\n\n");
    await answer.clock.advance(KEEP_ALIVE_EVERY_MS - 1);
    expect(answer.beats).toBe(0);
    await answer.clock.advance(1);
    expect(answer.body).toBe("data: a\n\n: keep-alive\n\n");
    await answer.clock.advance(3 * KEEP_ALIVE_EVERY_MS);
    expect(answer.beats).toBe(4);
  });

  it("counts from the last word", async () => {
    using answer = new Answer();
    await answer.say("data: a\n\n");
    await answer.clock.advance(KEEP_ALIVE_EVERY_MS - 1);
    await answer.say("data: b\n\n");
    await answer.clock.advance(KEEP_ALIVE_EVERY_MS - 1);
    expect(answer.beats).toBe(0);
    await answer.clock.advance(1);
    expect(answer.body).toBe("data: a\n\ndata: b\n\n: keep-alive\n\n");
  });

  it("does not come before the first word, which may still become an error of another status", async () => {
    using answer = new Answer();
    await answer.clock.advance(10 * KEEP_ALIVE_EVERY_MS);
    expect(answer.body).toBe("");
  });

  it("comes before the first word once the prompt is being read", async () => {
    using answer = new Answer();
    await answer.clock.advance(KEEP_ALIVE_EVERY_MS);
    answer.reading.took(1);
    await answer.clock.advance(KEEP_ALIVE_EVERY_MS - 1);
    expect(answer.beats).toBe(0);
    await answer.clock.advance(1);
    expect(answer.body).toBe(COMMENT);
    await answer.clock.advance(2 * KEEP_ALIVE_EVERY_MS);
    expect(answer.beats).toBe(3);
  });

  it("comes after a first word that was late", async () => {
    using answer = new Answer();
    await answer.clock.advance(1.5 * KEEP_ALIVE_EVERY_MS);
    await answer.say("data: a\n\n");
    await answer.clock.advance(KEEP_ALIVE_EVERY_MS - 1);
    expect(answer.beats).toBe(0);
    await answer.clock.advance(1);
    expect(answer.beats).toBe(1);
  });

  it("never comes into a plain body", async () => {
    using answer = new Answer(false);
    await answer.say("{");
    await answer.clock.advance(10 * KEEP_ALIVE_EVERY_MS);
    expect(answer.body).toBe("{");
  });

  it("waits where the reader has not taken what was said", async () => {
    using answer = new Answer(true, 1_500);
    await answer.say("data: a\n\n");
    const waiting = answer.say(`data: ${"b".repeat(900)}\n\n`);
    await answer.clock.advance(KEEP_ALIVE_EVERY_MS);
    expect(answer.beats).toBe(0);
    answer.credit.give(100_000);
    await waiting;
    await answer.clock.advance(KEEP_ALIVE_EVERY_MS);
    expect(answer.beats).toBe(1);
  });

  it("ends with its scope", async () => {
    const answer = new Answer();
    await answer.say("data: a\n\n");
    answer[Symbol.dispose]();
    await answer.clock.advance(10 * KEEP_ALIVE_EVERY_MS);
    expect(answer.beats).toBe(0);
  });

  it("is part of the body that is signed", async () => {
    using answer = new Answer();
    await answer.say("data: a\n\n");
    await answer.clock.advance(KEEP_ALIVE_EVERY_MS);
    answer.outgoing.add("data: b\n\n");
    const { body: hash } = await answer.outgoing.end(2, never);
    await settle();
    expect(answer.body).toBe("data: a\n\n: keep-alive\n\ndata: b\n\n");
    expect(toHex(hash)).toBe(createHash("sha256").update(answer.body).digest("hex"));
  });
});

/** Goal: it is told how far a prompt is read, every few seconds, over all prompts of a request, and never a lower figure. Method: what was told after each step. */
it("tells how far the prompts of a request are read", async () => {
  using answer = new Answer();
  const { reading, clock, told } = answer;
  reading.took(10);
  expect([told, reading.hasBegun]).toEqual([[], true]);
  await clock.advance(PROGRESS_EVERY_MS);
  reading.took(20);
  reading.took(30);
  expect(told).toEqual([20]);
  await clock.advance(PROGRESS_EVERY_MS);
  reading.took(25);
  expect(told).toEqual([20, 30]);
  reading.next();
  await clock.advance(PROGRESS_EVERY_MS);
  reading.took(5);
  expect(told).toEqual([20, 30, 35]);
});
