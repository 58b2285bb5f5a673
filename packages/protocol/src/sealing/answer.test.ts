import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { changedBytes } from "../../test/changed.ts";
import { secretNamed } from "../../test/keys.ts";
import { concatBytes, fromUtf8, u32be, utf8 } from "../bytes.ts";
import { FRAME_PADDING_BYTES, FRAME_PLAINTEXT_BYTES_MAX } from "../limits.ts";
import { nodeHpke } from "../node/hpke.ts";
import { AnswerOpener, AnswerSealer, type OpenedFrame } from "./answer.ts";
import { AnswerTampered } from "./frames.ts";

type Bytes = Uint8Array<ArrayBuffer>;
const secret = { secret: secretNamed("response secret"), enc: secretNamed("enc") };
const responseNonce = secretNamed("response nonce");

interface Said {
  readonly text: string;
  readonly tokens: number;
}
const story: readonly Said[] = [
  { text: "", tokens: 1 },
  { text: "data: one\n\n", tokens: 2 },
  { text: "x".repeat(300), tokens: 2 },
  { text: "data: [DONE]\n\n", tokens: 9 },
];

function sealAll(said: readonly Said[], closed = true): Bytes[] {
  const sealer = new AnswerSealer(nodeHpke, secret, responseNonce);
  return said.map(({ text, tokens }, at) => sealer.frame(utf8(text), tokens, closed && at === said.length - 1));
}
const opened = (said: readonly Said[]): OpenedFrame[] =>
  said.map(({ text, tokens }, at) => ({
    plaintext: utf8(text),
    completionTokens: tokens,
    final: at === said.length - 1,
  }));

/** What comes of bytes: the frames, whether they ended properly, or that they were refused. */
function openAll(chunks: readonly Uint8Array[]): { frames: OpenedFrame[]; finished: boolean } | "tampered" {
  const opener = new AnswerOpener(nodeHpke, secret);
  try {
    const frames = chunks.flatMap((chunk) => opener.push(chunk));
    return { frames, finished: opener.finished };
  } catch (error) {
    if (!(error instanceof AnswerTampered)) throw error;
    expect(opener.finished).toBe(false);
    expect(() => opener.push(new Uint8Array(0))).toThrow(AnswerTampered);
    return "tampered";
  }
}
/** Neither a proper end nor, where it claims one, anything but the truth. */
const notWhole = (chunks: readonly Uint8Array[]): boolean => {
  const result = openAll(chunks);
  return result === "tampered" || !result.finished;
};

interface ByHand {
  readonly text: string;
  readonly tokens?: number;
  readonly flags?: number;
  /** What the header says, where it is not the frame's place. */
  readonly counter?: number;
  /** What the plaintext says of its length, and how long it is with it. */
  readonly says?: number;
  readonly paddedTo?: number;
}

/** A frame as RFC 9458 §4.4 has its keys, at its place in the answer, whatever stands in it. */
function sealedByHand({ text, tokens = 0, flags = 0, counter, says, paddedTo = 256 }: ByHand, place: number): Bytes {
  const salt = concatBytes(secret.enc, responseNonce);
  const nonce = nodeHpke.hkdf(secret.secret, salt, utf8("nonce"), 12);
  nonce.set([(nonce.at(-1) ?? 0) ^ place], 11);
  const header = concatBytes(u32be(counter ?? place), Uint8Array.of(flags), u32be(tokens));
  const plaintext = concatBytes(u32be(says ?? text.length), utf8(text), new Uint8Array(256)).subarray(0, paddedTo);
  const sealed = nodeHpke.seal(nodeHpke.hkdf(secret.secret, salt, utf8("key"), 32), nonce, header, plaintext);
  return concatBytes(u32be(header.length + sealed.length), header, sealed);
}

describe("a sealed answer", () => {
  /** Goal: the network may cut bytes anywhere. Method: any frames, cut at any places, open to the same frames. */
  it("opens whatever the chunks", () => {
    const said = fc
      .array(fc.record({ text: fc.string({ maxLength: 600 }), more: fc.nat(100) }), { minLength: 1, maxLength: 6 })
      .map((list) => {
        let tokens = 0;
        return list.map(({ text, more }) => ({ text, tokens: (tokens += more) }));
      });
    fc.assert(
      fc.property(said, fc.array(fc.nat(5000), { maxLength: 12 }), (list, cuts) => {
        const whole = concatBytes(...sealAll(list));
        const at = [0, ...cuts.map((cut) => cut % (whole.length + 1)), whole.length].toSorted((a, b) => a - b);
        const chunks = at.slice(1).map((end, index) => whole.subarray(at[index], end));
        expect(openAll(chunks)).toEqual({ frames: opened(list), finished: true });
      }),
      { numRuns: 60 },
    );
    expect(openAll([...concatBytes(...sealAll(story))].map((byte) => Uint8Array.of(byte)))).toEqual({
      frames: opened(story),
      finished: true,
    });
  });

  /** Goal: no byte can be changed unseen. Method: flip one bit of each byte, the nonce and all lengths included. */
  it("refuses every flipped byte", () => {
    const whole = concatBytes(...sealAll(story));
    for (let at = 0; at < whole.length; at++) {
      const flipped = whole.with(at, (whole[at] ?? 0) ^ (1 << (at % 8)));
      if (!notWhole([flipped])) expect.fail(`byte ${at} was flipped and the answer still ended properly`);
    }
  });

  /** Goal: no bytes throw anything else, and none end properly but those that were sealed. Method: some bytes changed, added or missing; any bytes. */
  it("refuses whatever else comes", () => {
    const whole = concatBytes(...sealAll(story));
    fc.assert(
      fc.property(fc.oneof(changedBytes(whole), fc.uint8Array({ maxLength: 500 })), (bytes) => {
        expect(notWhole([bytes])).toBe(true);
      }),
      { numRuns: 300 },
    );
  });

  /** Goal: frames cannot be dropped, moved, repeated or spliced. Method: every such change of a four-frame answer. */
  it("refuses frames that are missing, moved, repeated or foreign", () => {
    const whole = sealAll(story);
    const [first, ...rest] = whole;
    const prefix = first?.subarray(0, 32) ?? new Uint8Array(0);
    const bare = [first?.subarray(32) ?? new Uint8Array(0), ...rest];
    const refused = (frames: readonly Uint8Array[]) => expect(openAll([prefix, ...frames])).toBe("tampered");
    for (const [at, frame] of bare.entries()) {
      const without = bare.toSpliced(at, 1);
      // Dropping the last frame leaves an answer that has not ended; dropping any other is refused.
      if (at === bare.length - 1) expect(notWhole([prefix, ...without])).toBe(true);
      else refused(without);
      refused(bare.toSpliced(at, 0, frame));
      for (let to = 0; to < without.length + 1; to++) if (to !== at) refused(without.toSpliced(to, 0, frame));
    }
    const foreign = new AnswerSealer(nodeHpke, secret, secretNamed("another nonce"));
    refused(bare.with(0, foreign.frame(utf8(""), 1, false).subarray(32)));
    refused([...bare, Uint8Array.of(0)]);
    const other = { ...secret, enc: secretNamed("another enc") };
    expect(() => new AnswerOpener(nodeHpke, other).push(concatBytes(...whole))).toThrow(AnswerTampered);
  });

  /** Goal: a provider that seals what is not so is refused like anybody else. Method: frames sealed by hand, over clear bytes that are authentic. */
  it.each<[string, ByHand[], "tampered" | string[]]>([
    ["is good", [{ text: "a" }, { text: "b", flags: 1 }], ["a", "b"]],
    [
      "pads nothing",
      [
        { text: "", paddedTo: 4 },
        { text: "abc", paddedTo: 7, flags: 1 },
      ],
      ["", "abc"],
    ],
    ["has no place for a length", [{ text: "", paddedTo: 3, flags: 1 }], "tampered"],
    ["is as long as it says", [{ text: "abc", says: 3, paddedTo: 7, flags: 1 }], ["abc"]],
    ["is shorter than it says", [{ text: "abc", says: 4, paddedTo: 7, flags: 1 }], "tampered"],
    [
      "counts on",
      [
        { text: "a", tokens: 5 },
        { text: "b", tokens: 5, flags: 1 },
      ],
      ["a", "b"],
    ],
    [
      "counts back",
      [
        { text: "a", tokens: 5 },
        { text: "b", tokens: 4, flags: 1 },
      ],
      "tampered",
    ],
    ["has another flag", [{ text: "a", flags: 2 }], "tampered"],
    ["has two flags", [{ text: "a", flags: 3 }], "tampered"],
    ["says another counter", [{ text: "a", counter: 1, flags: 1 }], "tampered"],
    [
      "goes on after its end",
      [
        { text: "a", flags: 1 },
        { text: "b", flags: 1 },
      ],
      "tampered",
    ],
  ])("that %s", (_, frames, expected) => {
    const result = openAll([concatBytes(responseNonce, ...frames.map(sealedByHand))]);
    expect(result === "tampered" ? result : result.frames.map(({ plaintext }) => fromUtf8(plaintext))).toEqual(
      expected,
    );
    // And the same where each comes alone.
    const alone = openAll([responseNonce, ...frames.map(sealedByHand)]);
    expect(alone).toEqual(result);
  });

  /** Goal: an answer that was cut off never looks whole. Method: every prefix of it. */
  it("notices every truncation", () => {
    const whole = concatBytes(...sealAll(story));
    for (let length = 0; length < whole.length; length++) {
      const result = openAll([whole.subarray(0, length)]);
      expect(result).not.toBe("tampered");
      expect(result).toMatchObject({ finished: false });
    }
  });

  /** Goal: sizes tell little. Method: the sealed length over plaintext lengths around the steps. */
  it("grows in steps", () => {
    const lengthOf = (plain: number) =>
      (sealAll([{ text: "x".repeat(plain), tokens: 0 }])[0]?.length ?? 0) - 32 - 4 - 9 - 16;
    for (const [plain, steps] of [
      [0, 1],
      [1, 1],
      [252, 1],
      [253, 2],
      [508, 2],
      [509, 3],
    ] as const)
      expect(lengthOf(plain)).toBe(steps * FRAME_PADDING_BYTES);
  });

  /** Goal: memory is bounded on both ends. Method: the longest frame and one byte more; a length that promises too much. */
  it("bounds a frame", () => {
    const longest = "x".repeat(FRAME_PLAINTEXT_BYTES_MAX);
    expect(openAll(sealAll([{ text: longest, tokens: 1 }]))).toMatchObject({ finished: true });
    expect(() => sealAll([{ text: `${longest}x`, tokens: 1 }])).toThrow(RangeError);
    expect(openAll([responseNonce, Uint8Array.of(0, 2, 0, 0)])).toBe("tampered");
    expect(openAll([responseNonce, Uint8Array.of(0, 0, 0, 24)])).toBe("tampered");
  });

  /** Goal: a sealer that is used wrongly stops. Method: after the end, with fewer tokens, with a short nonce. */
  it("refuses a wrong use of the sealer", () => {
    const sealer = new AnswerSealer(nodeHpke, secret, responseNonce);
    sealer.frame(utf8("a"), 5, false);
    expect(() => sealer.frame(utf8("b"), 4, false)).toThrow("went down");
    sealer.frame(utf8("b"), 5, true);
    expect(() => sealer.frame(utf8("c"), 5, true)).toThrow("ended");
    expect(() => new AnswerSealer(nodeHpke, secret, new Uint8Array(31))).toThrow(RangeError);
  });
});
