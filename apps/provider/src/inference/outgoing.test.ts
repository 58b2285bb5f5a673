import { ANSWER_WINDOW_BYTES, FRAME_PLAINTEXT_BYTES_MAX } from "@darkbloom/protocol/limits";
import { AnswerOpener, frameRecord, type OpenedFrame } from "@darkbloom/protocol/sealing";
import { nodeCrypto, nodeHpke, systemRandom } from "@darkbloom/protocol/node";
import { beforeEach, describe, expect, it } from "vitest";
import { ManualClock, settle } from "../../test/manual-clock.ts";
import {
  BACKPRESSURE_WAIT_MS,
  Credit,
  CreditTimeout,
  Outgoing,
  PROGRESS_EVERY_MS,
  TURN_CHARS_MAX,
} from "./outgoing.ts";

/** Padding, lengths, header and tag of a frame, and what is reserved for them. */
const OVERHEAD = 512;
const MUCH = 10_000_000;

describe("the way out of an answer", () => {
  const never = new AbortController().signal;
  let clock: ManualClock;
  let credit: Credit;
  let outgoing: Outgoing;
  let frames: OpenedFrame[];
  let turns: (() => void)[];

  const start = (creditBytes: number, defer: (act: () => void) => void = queueMicrotask) => {
    clock = new ManualClock();
    credit = new Credit(clock, creditBytes);
    frames = [];
    const secret = { secret: systemRandom.bytes(32), enc: systemRandom.bytes(32) };
    const opener = new AnswerOpener(nodeHpke, secret);
    const tools = { clock, crypto: nodeCrypto, hpke: nodeHpke, random: systemRandom, defer };
    outgoing = new Outgoing(tools, secret, credit, (sent) => frames.push(...opener.push(sent)));
  };
  const startByTurns = (creditBytes: number) => {
    turns = [];
    start(creditBytes, (act) => void turns.push(act));
  };
  const endTurn = async () => {
    for (const act of turns.splice(0)) act();
    await settle();
  };
  const said = () => frames.map(({ plaintext }) => Buffer.from(plaintext).toString());
  beforeEach(() => start(MUCH));

  it("sends what was rendered, hashes it, and marks the last", async () => {
    outgoing.add("a");
    await outgoing.flush(1, never);
    outgoing.add("");
    outgoing.add("bé");
    expect(await outgoing.end(2, never)).toEqual({ body: nodeCrypto.sha256(Buffer.from("abé")) });
    expect(said()).toEqual(["a", "bé"]);
    expect(frames.map(({ final }) => final)).toEqual([false, true]);
    expect(frames.map(({ completionTokens }) => completionTokens)).toEqual([1, 2]);
  });

  describe("of a sealed stream", () => {
    const paced = (creditBytes = MUCH) => {
      start(creditBytes);
      const secret = { secret: systemRandom.bytes(32), enc: systemRandom.bytes(32) };
      const opener = new AnswerOpener(nodeHpke, secret);
      const tools = { clock, crypto: nodeCrypto, hpke: nodeHpke, random: systemRandom, defer: queueMicrotask };
      const records = nodeCrypto.newSha256();
      const send = (sent: Uint8Array): void => {
        records.update(frameRecord(sent));
        frames.push(...opener.push(sent));
      };
      outgoing = new Outgoing(tools, secret, credit, send, { isSealed: true, isPaced: true });
      return records;
    };

    /** Goal: neither a word's length nor whether it is shown is seen in the frames' times. Method: words and hidden thoughts, token by token, at several paces. */
    it.each([
      [10, 5],
      [40, 20],
      [100, 20],
    ])("sends one frame in a while, whatever there is to say: tokens of %i ms", async (tokenMs, expected) => {
      for (const text of ["a word ", ""]) {
        paced();
        for (let token = 1; token <= 20; token++) {
          await clock.advance(tokenMs);
          outgoing.add(text);
          await outgoing.flush(token, never);
          await settle();
        }
        expect(frames.length).toBe(expected);
        expect(said().join("")).toBe(text.repeat(20).slice(0, said().join("").length));
      }
    });

    it("ends with its tail, which is no part of the body, behind all that was said", async () => {
      const records = paced();
      outgoing.add("all ");
      await outgoing.flush(1, never);
      outgoing.add("of it");
      const bodies: Uint8Array[] = [];
      const hashes = await outgoing.end(2, never, async (body) => {
        bodies.push(body);
        return Buffer.from("the tail");
      });
      expect(said()).toEqual(["all of it", "the tail"]);
      expect(frames.map(({ final }) => final)).toEqual([false, true]);
      const body = nodeCrypto.sha256(Buffer.from("all of it"));
      expect(bodies).toEqual([body]);
      expect(hashes).toEqual({ body, records: records.digest() });
      expect(outgoing.refusal(Buffer.from("no"))).toBeUndefined();
    });

    it.each([
      [TURN_CHARS_MAX - 1, 0],
      [TURN_CHARS_MAX, 1],
    ])("sends sooner what one turn has enough of: %i characters", async (length, count) => {
      paced();
      outgoing.add("x".repeat(length));
      await outgoing.flush(1, never);
      await settle();
      expect(frames.length).toBe(count);
    });

    /** Goal: nothing that was hashed is lost, and nothing is sent in vain before the tail. Method: an end with nothing said, and one behind what its wait for credit was ended for. */
    it.each([
      ["", ["the tail"]],
      ["a", ["a", "the tail"]],
    ])("ends with its tail behind %j that was never sent", async (text, expected) => {
      paced(0);
      const stop = new AbortController();
      outgoing.add(text);
      const begun = text === "" ? undefined : outgoing.begin(1, stop.signal)?.catch(String);
      await settle();
      stop.abort(new Error("cancelled"));
      expect(await begun).toBe(text === "" ? undefined : "Error: cancelled");
      credit.give(MUCH);
      const { body } = await outgoing.end(1, never, async () => Buffer.from("the tail"));
      expect(said()).toEqual(expected);
      expect(body).toEqual(nodeCrypto.sha256(Buffer.from(text)));
    });

    it("is one frame where it is refused", async () => {
      paced();
      const frame = outgoing.refusal(Buffer.from("no")) ?? expect.fail("no frame");
      expect(frames).toEqual([]);
      expect(frame.length).toBe(32 + 4 + 9 + 256 + 16);
    });
  });

  it.each([
    ["nothing", "", 0, 0],
    ["nothing, for long", "", PROGRESS_EVERY_MS - 1, 0],
    ["nothing, for so long that it is told", "", PROGRESS_EVERY_MS, 1],
    ["something", "a", 0, 1],
  ])("flushes %s", async (_, text, passedMs, count) => {
    await clock.advance(passedMs);
    outgoing.add(text);
    await outgoing.flush(0, never);
    expect(frames).toHaveLength(count);
    // The silence is counted anew.
    await outgoing.flush(0, never);
    expect(frames).toHaveLength(count);
  });

  /**
   * Goal: a stream costs a frame for each turn of the loop, not for each token, and nobody is kept waiting longer than that. Method:
   * turns by hand; what was sent by each one's end, with how many tokens.
   */
  it("sends what is flushed in one turn in one frame, at its end", async () => {
    startByTurns(MUCH);
    expect(outgoing.begin(0, never)).toBeUndefined();
    for (const [at, text] of ["a", "b", "c"].entries()) {
      outgoing.add(text);
      expect(outgoing.flush(at + 1, never)).toBeUndefined();
    }
    outgoing.add("not flushed");
    await settle();
    expect(frames).toEqual([]);
    await endTurn();
    expect(said()).toEqual(["abc"]);
    await endTurn();
    expect(outgoing.flush(4, never)).toBeUndefined();
    await endTurn();
    expect(said()).toEqual(["abc", "not flushed"]);
    expect(frames.map(({ completionTokens }) => completionTokens)).toEqual([3, 4]);
  });

  it("sends at its end what of a turn was flushed before, and its last words behind that", async () => {
    startByTurns(MUCH);
    outgoing.add("a");
    void outgoing.begin(1, never);
    outgoing.add("b");
    await outgoing.end(2, never);
    expect(frames.map(({ completionTokens, final }) => [completionTokens, final])).toEqual([
      [1, false],
      [2, true],
    ]);
    expect(said()).toEqual(["a", "b"]);
    await endTurn();
    expect(frames).toHaveLength(2);
  });

  it("sends one frame where nothing but the beginning was told before the end", async () => {
    startByTurns(MUCH);
    void outgoing.begin(1, never);
    outgoing.add("whole");
    await outgoing.end(2, never);
    await endTurn();
    expect(said()).toEqual(["whole"]);
  });

  it("has its model wait for the next turn where one has enough", async () => {
    startByTurns(MUCH);
    outgoing.add("x".repeat(TURN_CHARS_MAX - 1));
    expect(outgoing.flush(1, never)).toBeUndefined();
    outgoing.add("x");
    let goesOn = false;
    void outgoing.flush(2, never)?.then(() => (goesOn = true));
    await settle();
    expect([said().join("").length, goesOn]).toEqual([TURN_CHARS_MAX, false]);
    await endTurn();
    expect([frames.length, goesOn]).toEqual([1, true]);
  });

  it.each([
    [3 + OVERHEAD - 1, ["waits"]],
    [3 + OVERHEAD, ["goes on", "waits"]],
  ])("has its model wait for credit, with %i bytes of it", async (creditBytes, expected) => {
    startByTurns(creditBytes);
    const found: string[] = [];
    for (const [at] of expected.entries()) {
      outgoing.add("a");
      found.push(outgoing.flush(at + 1, never) ? "waits" : "goes on");
    }
    expect(found).toEqual(expected);
  });

  it("has its model wait behind a frame that waits for credit, though there be enough for a smaller one", async () => {
    startByTurns(OVERHEAD + 10);
    outgoing.add("x".repeat(100));
    void outgoing.begin(1, never);
    await settle();
    outgoing.add("a");
    expect(outgoing.begin(2, never)).toBeInstanceOf(Promise);
    await settle();
    expect(frames).toEqual([]);
  });

  it("takes no comment into a turn that has something to send", async () => {
    startByTurns(MUCH);
    void outgoing.begin(0, never);
    outgoing.comment(": c\n\n");
    outgoing.add("a");
    void outgoing.flush(1, never);
    outgoing.comment(": c\n\n");
    await endTurn();
    expect(said()).toEqual(["a"]);
  });

  it("tells whoever flushes next what went wrong at the end of a turn", async () => {
    startByTurns(MUCH);
    void outgoing.begin(2, never);
    await endTurn();
    void outgoing.begin(1, never);
    await endTurn();
    expect(() => outgoing.begin(3, never)).toThrow("completion tokens went down");
    await expect(outgoing.end(3, never)).rejects.toThrow("completion tokens went down");
  });

  it("begins and ends with a frame, though there be nothing in it", async () => {
    await outgoing.begin(0, never);
    await outgoing.end(0, never);
    expect(frames.map(({ final, plaintext }) => [final, plaintext.length])).toEqual([
      [false, 0],
      [true, 0],
    ]);
  });

  it.each([
    [FRAME_PLAINTEXT_BYTES_MAX, [FRAME_PLAINTEXT_BYTES_MAX]],
    [FRAME_PLAINTEXT_BYTES_MAX + 1, [FRAME_PLAINTEXT_BYTES_MAX, 1]],
    [2 * FRAME_PLAINTEXT_BYTES_MAX, [FRAME_PLAINTEXT_BYTES_MAX, FRAME_PLAINTEXT_BYTES_MAX]],
  ])("cuts %i bytes", async (length, cut) => {
    outgoing.add("x".repeat(length));
    await outgoing.end(1, never);
    expect(frames.map(({ plaintext }) => plaintext.length)).toEqual(cut);
    expect(frames.map(({ final }) => final)).toEqual(cut.map((_, at) => at === cut.length - 1));
  });

  it("flushes all that waits, though it be more than a frame holds", async () => {
    outgoing.add("x".repeat(2 * FRAME_PLAINTEXT_BYTES_MAX + 1));
    await outgoing.flush(1, never);
    expect(frames.map(({ plaintext, final }) => [plaintext.length, final])).toEqual([
      [FRAME_PLAINTEXT_BYTES_MAX, false],
      [FRAME_PLAINTEXT_BYTES_MAX, false],
      [1, false],
    ]);
  });

  it("ends behind what was rendered while the end waited for credit", async () => {
    start(0);
    outgoing.add("a");
    const ended = outgoing.end(1, never);
    await settle();
    outgoing.add("b");
    credit.give(MUCH);
    expect(await ended).toEqual({ body: nodeCrypto.sha256(Buffer.from("ab")) });
    expect(said()).toEqual(["a", "b"]);
    expect(frames.map(({ final }) => final)).toEqual([false, true]);
  });

  it("sends no byte that it has no credit for, and takes back what it reserved too much", async () => {
    start(OVERHEAD);
    outgoing.add("a");
    const flushed = outgoing.flush(1, never);
    await settle();
    expect(frames).toEqual([]);
    credit.give(1);
    await flushed;
    expect(said()).toEqual(["a"]);
    // The frame was smaller than what was held for it, and no more was given back than that.
    expect(credit.allows(1)).toBe(true);
    expect(credit.allows(OVERHEAD)).toBe(false);
  });

  it("keeps the order of what waits, and sends what comes meanwhile with the next", async () => {
    start(0);
    outgoing.add("a");
    const first = outgoing.flush(1, never);
    await settle();
    outgoing.add("b");
    const second = outgoing.flush(2, never);
    outgoing.add("c");
    credit.give(MUCH);
    await Promise.all([first, second]);
    await outgoing.end(3, never);
    expect(said().join("")).toBe("abc");
    expect(frames.map(({ completionTokens }) => completionTokens)).toEqual([1, 2, 3]);
  });

  it("keeps what was not sent when its wait was ended, and sends it with the end", async () => {
    start(0);
    const stop = new AbortController();
    outgoing.add("a");
    const flushed = outgoing.flush(1, stop.signal);
    await settle();
    stop.abort(new Error("cancelled"));
    await expect(flushed).rejects.toThrow("cancelled");
    credit.give(MUCH);
    outgoing.add("b");
    expect(await outgoing.end(1, never)).toEqual({ body: nodeCrypto.sha256(Buffer.from("ab")) });
    expect(said()).toEqual(["ab"]);
  });

  it.each([
    ["between two events", MUCH, "", [": c\n\n"]],
    ["not where something waits to be flushed", MUCH, "a", []],
    ["not where credit is short", 5 + OVERHEAD - 1, "", []],
    ["where credit is just enough", 5 + OVERHEAD, "", [": c\n\n"]],
  ])("says a comment %s", async (_, creditBytes, waiting, expected) => {
    start(creditBytes);
    outgoing.add(waiting);
    outgoing.comment(": c\n\n");
    expect(said()).toEqual(expected);
  });

  it.each(["a", "", "a".repeat(OVERHEAD)])("says no comment into a frame of %j that waits for credit", async (text) => {
    start(OVERHEAD - 1 + text.length);
    outgoing.add(text);
    const begun = outgoing.begin(1, never);
    await settle();
    outgoing.comment(": c\n\n");
    credit.give(MUCH);
    await begun;
    expect(said()).toEqual([text]);
  });

  it("knows how long nothing was rendered, once something was", async () => {
    await clock.advance(7);
    expect(outgoing.silentMs).toBeUndefined();
    outgoing.add("a");
    await clock.advance(5);
    outgoing.add("");
    expect(outgoing.silentMs).toBe(5);
  });
});

/** Takes, and notes how it ended. */
function taking(credit: Credit, bytes: number, signal = new AbortController().signal) {
  const told = { ended: "waits" as unknown };
  void credit.take(bytes, signal).then(
    () => (told.ended = "taken"),
    (error: unknown) => (told.ended = error),
  );
  return told;
}

describe("credit", () => {
  it.each([
    [10, 10, "taken"],
    [10, 11, "waits"],
    [0, 0, "taken"],
  ])("of %i bytes, %i wanted: %s", async (has, wanted, ended) => {
    const credit = new Credit(new ManualClock(), has);
    expect(credit.allows(wanted)).toBe(ended === "taken");
    const told = taking(credit, wanted);
    await settle();
    expect(told.ended).toBe(ended);
    // What was taken is gone, and nothing is where nothing was.
    expect(credit.allows(ended === "taken" ? has - wanted : has)).toBe(true);
    expect(credit.allows(ended === "taken" ? has - wanted + 1 : has + 1)).toBe(false);
  });

  it("wakes whoever waits when there is enough, and not before", async () => {
    const credit = new Credit(new ManualClock(), 0);
    const told = taking(credit, 10);
    credit.give(9);
    await settle();
    expect(told.ended).toBe("waits");
    credit.give(1);
    await settle();
    expect(told.ended).toBe("taken");
    expect(credit.allows(1)).toBe(false);
  });

  it("gives up after its time, counted anew from each that was given", async () => {
    const clock = new ManualClock();
    const credit = new Credit(clock, 0);
    const told = taking(credit, 10);
    await clock.advance(BACKPRESSURE_WAIT_MS - 1);
    credit.give(1);
    await clock.advance(BACKPRESSURE_WAIT_MS - 1);
    expect(told.ended).toBe("waits");
    await clock.advance(1);
    expect(told.ended).toBeInstanceOf(CreditTimeout);
    expect(credit.allows(1)).toBe(true);
  });

  it("lets a wait end with its signal, for the reason that it has", async () => {
    const stop = new AbortController();
    const told = taking(new Credit(new ManualClock(), 0), 1, stop.signal);
    await settle();
    const reason = new Error("cancelled");
    stop.abort(reason);
    await settle();
    expect(told.ended).toBe(reason);
  });

  /**
   * Goal: a coordinator that gives without end cannot have an answer pile up here. Method: the largest figures that a frame
   * can hold, at once and later.
   */
  it.each<[first: number, more: readonly number[]]>([
    [Number.MAX_SAFE_INTEGER, []],
    [0, [Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER]],
    [ANSWER_WINDOW_BYTES, [1]],
  ])("holds a window at most: %i, then %j", async (first, more) => {
    const credit = new Credit(new ManualClock(), first);
    for (const bytes of more) credit.give(bytes);
    expect(credit.allows(ANSWER_WINDOW_BYTES)).toBe(true);
    expect(credit.allows(ANSWER_WINDOW_BYTES + 1)).toBe(false);
    const told = taking(credit, 1);
    await settle();
    expect(told.ended).toBe("taken");
  });
});
