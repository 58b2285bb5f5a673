import { fromBase64, toBase64, utf8 } from "@darkbloom/protocol/bytes";
import type { TpmQuote } from "@darkbloom/protocol/evidence";
import type { FromCoordinator } from "@darkbloom/protocol/wire";
import { systemRandom } from "@darkbloom/protocol/node";
import { beforeEach, describe, expect, it } from "vitest";
import { Machine } from "../../test/machine.ts";
import { ManualClock } from "../../test/manual-clock.ts";
import { ChallengeAnswers, TESTIMONY_WAIT_MS } from "./challenge-answers.ts";
import type { Witness } from "./witness.ts";

type Challenge = Extract<FromCoordinator, { type: "attestation_challenge" }>;
type Testimony = Awaited<ReturnType<Witness["testify"]>>;

const nonce = toBase64(systemRandom.bytes(32));
const pcr = (value: number) => ({ index: 0, sha256: new Uint8Array(32).fill(value) });
const quote: TpmQuote = { attest: utf8("attest"), signature: utf8("signature"), pcrs: [pcr(1)] };
const log = { event_log: toBase64(utf8("log")) };

describe("an answer to a challenge", () => {
  let clock: ManualClock;
  let machine: Machine;
  let over: AbortController;
  let asked: Parameters<Witness["testify"]>[];

  beforeEach(async () => {
    clock = new ManualClock();
    machine = new Machine(clock);
    over = new AbortController();
    asked = [];
    await machine.show();
  });

  /** Answers with a chip that says so, one testimony after the other. */
  const answersWith = (...says: (Testimony | Promise<Testimony>)[]) => {
    const witness: Witness = {
      evidence: {},
      testify: async (...how) => {
        asked.push(how);
        return (await says.shift()) ?? {};
      },
    };
    const { signer, keys, offers } = machine;
    return new ChallengeAnswers({ clock, signer, keys, offers, posture: () => ({}), witness }, over.signal);
  };
  const challenge = (more: Partial<Challenge> = {}): Challenge => ({
    type: "attestation_challenge",
    nonce,
    callers_root: null,
    timestamp: new Date(clock.now()).toISOString(),
    ...more,
  });

  it("has no word of a chip where the machine has none", async () => {
    const { signer, keys, offers } = machine;
    const answers = new ChallengeAnswers(
      { clock, signer, keys, offers, posture: () => ({}), witness: undefined },
      over.signal,
    );
    const answer = await answers.to(challenge());
    expect(answer).toStrictEqual({
      type: "attestation_response",
      answer: expect.any(String),
      signature: expect.any(String),
    });
  });

  it("asks the chip about this machine's keys and that nonce, and for the credential, as bytes", async () => {
    const credential = { id_object: toBase64(utf8("blob")), enc_secret: toBase64(utf8("encrypted")) };
    const answers = answersWith({ quote, secret: utf8("opened") }, { quote });
    const first = await answers.to(challenge({ credential }));
    const { quote: _, ...withoutQuote } = await answers.to(challenge());
    const subject = {
      identityKey: machine.signer.publicKey,
      hpkePublicKeys: machine.keys.latest.publicKeys,
      nonce: fromBase64(nonce),
    };
    expect(asked).toEqual([
      [subject, { idObject: utf8("blob"), encSecret: utf8("encrypted") }],
      [subject, undefined],
    ]);
    expect(first).toMatchObject({ quote: { attest: toBase64(utf8("attest")) }, secret: toBase64(utf8("opened")) });
    expect(Object.keys(withoutQuote)).toEqual(["type", "answer", "signature"]);
  });

  /** Goal: a chip signs over nonces of one length alone, so that what it signs cannot be taken for something else. Method: others. */
  it.each([
    ["is too short", toBase64(new Uint8Array(31))],
    ["is too long", toBase64(new Uint8Array(33))],
    ["is missing", ""],
    ["can be written in two ways", `${"A".repeat(42)}B=`],
  ])("asks no chip where the nonce %s", async (_, other) => {
    const answer = await answersWith({ quote }).to(challenge({ nonce: other }));
    expect(asked).toEqual([]);
    expect(answer).not.toHaveProperty("quote");
  });

  /** Goal: the firmware's log comes along when it is new, and again where it leads to something else. Method: one quote after the other. */
  it.each<[string, TpmQuote[], boolean[]]>([
    ["once", [1, 1].map(() => ({ ...quote, eventLog: utf8("log") })), [true, false]],
    [
      "again where the PCRs are others",
      [1, 2, 2, 1].map((value) => ({ ...quote, pcrs: [pcr(value)], eventLog: utf8("log") })),
      [true, true, false, true],
    ],
    ["when it can be read at last", [quote, { ...quote, eventLog: utf8("log") }], [false, true]],
    [
      "with more than one PCR",
      [
        [1, 2],
        [2, 2],
      ].map((values) => ({ ...quote, pcrs: values.map(pcr), eventLog: utf8("log") })),
      [true, true],
    ],
  ])("carries the log %s", async (_, quotes, carried) => {
    const answers = answersWith(...quotes.map((one) => ({ quote: one })));
    for (const isCarried of carried) {
      const { quote: got } = await answers.to(challenge());
      if (isCarried) expect(got).toMatchObject(log);
      else expect(got).not.toHaveProperty("event_log");
    }
  });

  /** Goal: a slow chip costs what it would have said, and no more. Method: one that never answers. */
  it("comes in time, without what the chip has not said by then", async () => {
    const answers = answersWith(new Promise<never>(() => {}));
    let answered: object | undefined;
    void answers.to(challenge()).then((answer) => (answered = answer));
    await machine.quiet();
    await clock.advance(TESTIMONY_WAIT_MS - 1);
    expect(answered).toBeUndefined();
    await clock.advance(1);
    expect(answered).toBeDefined();
    expect(answered).not.toHaveProperty("quote");
  });

  it("is none where the chip fails", async () => {
    const broken = Promise.withResolvers<never>();
    const answers = answersWith(broken.promise);
    const refused = expect(answers.to(challenge())).rejects.toThrow("the chip is broken");
    await machine.quiet();
    broken.reject(new RangeError("the chip is broken"));
    await refused;
  });

  it("waits for no chip once the connection is gone", async () => {
    const answers = answersWith(new Promise<never>(() => {}));
    const answer = answers.to(challenge());
    await machine.quiet();
    over.abort(new Error("gone"));
    expect(await answer).not.toHaveProperty("quote");
  });
});
