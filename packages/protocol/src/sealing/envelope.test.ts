import * as fc from "fast-check";
import { describe, expect, it, vi } from "vitest";
import { changedBytes, changedJson, changedText, replacedAt } from "../../test/changed.ts";
import { secretNamed } from "../../test/keys.ts";
import { hpkeKey, sampleHeader, startMs, timeAt } from "../../test/samples.ts";
import { concatBytes, fromBase64, toBase64, u32be, utf8 } from "../bytes.ts";
import { CLOCK_SKEW_MS, ENVELOPE_LIFE_MS } from "../limits.ts";
import { nodeCrypto, nodeHpke, systemRandom } from "../node/index.ts";
import type { Suite } from "../wire/registration.ts";
import { AnswerOpener, AnswerSealer } from "./answer.ts";
import { readEnvelope, writeEnvelope, type Envelope } from "./envelope-bytes.ts";
import {
  EnvelopeOpener,
  SEAL_INFO,
  sealRequest,
  type OpeningKey,
  type SealHeader,
  readSealHeader,
} from "./envelope.ts";
import type { Hpke, HpkeContext, HpkeKey } from "./hpke.ts";
import { SeenRequests } from "./seen-requests.ts";

const tools = { hpke: nodeHpke, crypto: nodeCrypto, random: systemRandom };
const evidenceSha256 = "e".repeat(64);
const firstKey = hpkeKey("first");
const secondKey = hpkeKey("second");
const keys = [firstKey, secondKey];
const opening = (key: HpkeKey): OpeningKey[] => [{ key, evidenceSha256 }];
const body = utf8('{"model":"tiny"}');
const contextFor = (key: HpkeKey): HpkeContext => nodeHpke.sealContext(key.suite, key.publicKey, SEAL_INFO);

function seal(change: Partial<SealHeader> = {}, contexts = keys.map(contextFor)) {
  const header = { ...sampleHeader(keys, evidenceSha256), id: toBase64(systemRandom.bytes(16)), ...change };
  const recipients = keys.map((key, index) => ({
    keyId: key.id,
    context: contexts[index] ?? expect.fail("no context"),
  }));
  return { header, ...sealRequest(tools, { header, body, recipients }) };
}
const refused = { refused: "cannot_open" };
const openFresh = (envelope: Envelope, providerId = "prov_0", now = startMs, own = opening(firstKey)) =>
  new EnvelopeOpener(tools).open(envelope, providerId, own, now);

/** As many contexts as a provider keeps in memory. */
const CONTEXTS_KEPT = 256;

/** A point of small order, with which nothing is agreed. */
const smallOrder = toBase64(new Uint8Array(32).with(0, 1));

describe("an envelope", () => {
  /** Goal: each candidate reads the request, and its answer comes back to the caller. Method: open as each, answer, open the answer. */
  it("is opened by every candidate", () => {
    const { envelope, secrets, header } = seal();
    for (const [index, key] of keys.entries()) {
      const result = openFresh(envelope, `prov_${index}`, startMs, opening(key));
      if ("refused" in result) return expect.fail(`candidate ${index} was refused`);
      expect(result.header).toEqual(header);
      expect(result.body).toEqual(body);
      const { secret, enc } = secrets[index] ?? expect.fail("no secret");
      expect([result.secret.secret, result.secret.enc]).toEqual([secret, enc]);
      const sealer = new AnswerSealer(nodeHpke, result.secret, systemRandom.bytes(32));
      const opener = new AnswerOpener(nodeHpke, secrets[index] ?? result.secret);
      expect(opener.push(sealer.frame(utf8("hi"), 1, true))).toMatchObject([{ plaintext: utf8("hi"), final: true }]);
    }
    expect(secrets[0]?.secret).not.toEqual(secrets[1]?.secret);
  });

  /** Goal: one public-key step serves many requests, with keys of their own. Method: one context, three requests, one opener. */
  it("shares a context between requests", () => {
    const contexts = keys.map(contextFor);
    let publicKeySteps = 0;
    const counted: HpkeKey = {
      ...firstKey,
      openContext: (enc, info) => {
        publicKeySteps++;
        return firstKey.openContext(enc, info);
      },
    };
    const opener = new EnvelopeOpener(tools);
    const secrets = [1, 2, 3].map(() => {
      const result = opener.open(seal({}, contexts).envelope, "prov_0", opening(counted), startMs);
      return "refused" in result ? expect.fail("refused") : toBase64(result.secret.secret);
    });
    expect(publicKeySteps).toBe(1);
    expect(new Set(secrets).size).toBe(3);
    opener.forget();
    opener.open(seal({}, contexts).envelope, "prov_0", opening(counted), startMs);
    expect(publicKeySteps).toBe(2);
  });

  it("names so many machines and no more", () => {
    const { header } = seal();
    const [one] = header.candidates;
    const readOf = (count: number) =>
      readSealHeader(JSON.stringify({ ...header, candidates: Array.from({ length: count }, () => one) }));
    expect([readOf(4)?.candidates.length, readOf(5)]).toEqual([4, undefined]);
  });

  /** Goal: nothing of it can be changed. Method: flip a bit of each byte of each part; change each field of the header. */
  it("refuses what was altered", () => {
    const { envelope, header } = seal();
    const wrapAt = (index: number) => envelope.wraps[index] ?? expect.fail("no wrap");
    const flipsOf = (bytes: Uint8Array) =>
      [...bytes.keys()].map((at) => Uint8Array.from(bytes).with(at, (bytes[at] ?? 0) ^ 1));
    const flips = (text: string): string[] => flipsOf(fromBase64(text)).map(toBase64);
    const altered: Envelope[] = [
      ...flipsOf(envelope.body).map((bytes) => ({ ...envelope, body: bytes })),
      ...(["enc", "wrap"] as const).flatMap((part) =>
        flips(wrapAt(0)[part]).map((text) => ({ ...envelope, wraps: [{ ...wrapAt(0), [part]: text }, wrapAt(1)] })),
      ),
      { ...envelope, hdr: `${envelope.hdr} ` },
      { ...envelope, hdr: "{" },
      { ...envelope, body: envelope.body.subarray(1) },
      { ...envelope, body: concatBytes(envelope.body, Uint8Array.of(0)) },
      { ...envelope, wraps: envelope.wraps.toReversed() },
      { ...envelope, wraps: [wrapAt(0)] },
      { ...envelope, wraps: [...envelope.wraps, wrapAt(1)] },
      { ...envelope, wraps: [{ ...wrapAt(0), key_id: secondKey.id }, wrapAt(1)] },
      { ...envelope, body: seal().envelope.body },
      { ...envelope, wraps: seal().envelope.wraps },
    ];
    const other = {
      mode: "transparent",
      id: toBase64(secretNamed("other id").subarray(0, 16)),
      expires_at: timeAt(startMs + 61_000),
      model: "other",
      build: "other",
      stream: false,
      max_tokens: 257,
      features: ["tools"],
      min_trust: "none",
      pins: ["SW-1"],
      nonce: "other",
      candidates: header.candidates.toReversed(),
    } satisfies Partial<SealHeader>;
    for (const [name, value] of Object.entries(other))
      altered.push({ ...envelope, hdr: JSON.stringify({ ...header, [name]: value }) });
    for (const [at, bad] of altered.entries()) expect(openFresh(bad), `alteration ${at}`).toEqual(refused);
    expect(openFresh(envelope)).not.toEqual(refused);
  });

  /** Goal: no two headers are one to the cipher. Method: half a character, which UTF-8 has as the replacement character. */
  it("refuses half a character", () => {
    const { envelope } = seal({ asked_model: "\ufffd" });
    expect(openFresh(envelope)).not.toEqual(refused);
    expect(openFresh({ ...envelope, hdr: envelope.hdr.replace("\ufffd", "\ud800") })).toEqual(refused);
  });

  /**
   * Goal: no envelope throws, and one that opens is the one that was sealed. Method: one value of it, or of its
   * header, changed in any way; any JSON in its place; and any of its bytes. What cannot be read never gets here.
   */
  it("is refused, whatever was changed", () => {
    const { envelope, header } = seal({ asked_model: "\ufffd" });
    const { body: sealedBody, ...clear } = envelope;
    const withJson = (json: unknown) => {
      const text = utf8(JSON.stringify(json) ?? "");
      return concatBytes(u32be(text.length), text, sealedBody);
    };
    const changed = fc.oneof(
      changedJson(clear).map(withJson),
      changedText(envelope.hdr).map((hdr) => withJson({ ...clear, hdr })),
      changedJson(header).map((hdr) => withJson({ ...clear, hdr: JSON.stringify(hdr) })),
      fc.constant(withJson(replacedAt(clear, ["wraps", 0, "enc"], smallOrder))),
      fc.jsonValue().map(withJson),
      changedBytes(writeEnvelope(envelope)),
    );
    fc.assert(
      fc.property(changed, (bytes) => {
        const data = readEnvelope(bytes);
        const opens = data !== undefined && !("refused" in openFresh(data));
        const [own] = data?.wraps ?? [];
        // The other candidate's wrap is that candidate's alone to check.
        const same = { hdr: data?.hdr, body: data && toBase64(data.body), own, wraps: data?.wraps.length };
        const sealed = { hdr: envelope.hdr, body: toBase64(envelope.body), own: envelope.wraps[0], wraps: 2 };
        expect(opens).toBe(JSON.stringify(same) === JSON.stringify(sealed));
      }),
      { numRuns: 500 },
    );
  });

  /** Goal: only the named machine with the named key and evidence opens it. Method: each of the three wrong. */
  it("refuses other candidates", () => {
    const { envelope } = seal();
    expect(openFresh(envelope, "prov_2")).toEqual(refused);
    expect(openFresh(envelope, "prov_1")).toEqual(refused);
    expect(openFresh(envelope, "prov_0", startMs, [])).toEqual(refused);
    expect(openFresh(envelope, "prov_0", startMs, opening(secondKey))).toEqual(refused);
    const otherSuite = [{ key: { ...firstKey, suite: "another" as Suite }, evidenceSha256 }];
    expect(openFresh(envelope, "prov_0", startMs, otherSuite)).toEqual(refused);
    const otherEvidence = [{ key: firstKey, evidenceSha256: "f".repeat(64) }];
    expect(openFresh(envelope, "prov_0", startMs, otherEvidence)).toEqual(refused);
    const impostor: HpkeKey = { ...hpkeKey("impostor"), id: firstKey.id };
    expect(openFresh(envelope, "prov_0", startMs, opening(impostor))).toEqual(refused);
    const erased = hpkeKey("first");
    erased.erase();
    expect(openFresh(envelope, "prov_0", startMs, opening(erased))).toEqual(refused);
  });

  /** Goal: a sealer that seals nonsense takes no place. Method: one whose wraps are good, and whose body is not; then the same id. */
  it("refuses a body that is not authentic, and does not remember it", () => {
    const id = toBase64(systemRandom.bytes(16));
    const header = { ...sampleHeader(keys, evidenceSha256), id };
    let sealed = 0;
    const garbling: Hpke = {
      ...nodeHpke,
      seal: (...what) => {
        const bytes = nodeHpke.seal(...what);
        return sealed++ === 0 ? bytes.with(0, (bytes[0] ?? 0) ^ 1) : bytes;
      },
    };
    const recipients = keys.map((key) => ({ keyId: key.id, context: contextFor(key) }));
    const { envelope } = sealRequest({ ...tools, hpke: garbling }, { header, body, recipients });
    const opener = new EnvelopeOpener(tools);
    expect(opener.open(envelope, "prov_0", opening(firstKey), startMs)).toEqual(refused);
    expect(opener.open(seal({ id }).envelope, "prov_0", opening(firstKey), startMs)).not.toEqual(refused);
  });

  it("that is broken at by a bug of ours is no refusal", () => {
    const bug = new TypeError("a bug");
    const open = () => {
      throw bug;
    };
    const opener = new EnvelopeOpener({ ...tools, hpke: { ...nodeHpke, open } });
    expect(() => opener.open(seal().envelope, "prov_0", opening(firstKey), startMs)).toThrow(bug);
  });

  /** Goal: contexts take no more than so much memory, and those in use stay. Method: one more than are kept, and the first one used in between. */
  it("keeps the contexts that were used last", () => {
    let publicKeySteps = 0;
    const counted: HpkeKey = {
      ...firstKey,
      openContext: (...how) => {
        publicKeySteps++;
        return firstKey.openContext(...how);
      },
    };
    const opener = new EnvelopeOpener(tools);
    const other = contextFor(secondKey);
    const contexts = Array.from({ length: CONTEXTS_KEPT + 1 }, () => contextFor(firstKey));
    const steps = (at: number): number => {
      const before = publicKeySteps;
      const context = contexts[at] ?? expect.fail("no context");
      expect(opener.open(seal({}, [context, other]).envelope, "prov_0", opening(counted), startMs)).not.toEqual(
        refused,
      );
      return publicKeySteps - before;
    };
    for (let at = 0; at < CONTEXTS_KEPT; at++) expect(steps(at)).toBe(1);
    expect(steps(0)).toBe(0);
    expect(steps(CONTEXTS_KEPT)).toBe(1);
    expect([steps(0), steps(2), steps(CONTEXTS_KEPT), steps(1)]).toEqual([0, 0, 0, 1]);
  });

  /** Goal: an envelope has a life. Method: the ends of it, with clocks that differ as far as is allowed, and one step beyond. */
  it("expires", () => {
    const whole = seal({ expires_at: timeAt(startMs + ENVELOPE_LIFE_MS) }).envelope;
    const accepted = (now: number) => !("refused" in openFresh(whole, "prov_0", now));
    expect(accepted(startMs + ENVELOPE_LIFE_MS + CLOCK_SKEW_MS)).toBe(true);
    expect(accepted(startMs + ENVELOPE_LIFE_MS + CLOCK_SKEW_MS + 1)).toBe(false);
    expect(accepted(startMs - CLOCK_SKEW_MS)).toBe(true);
    expect(accepted(startMs - CLOCK_SKEW_MS - 1)).toBe(false);
  });

  /** Goal: a request is served once. Method: the same envelope again, up to its last millisecond; the same id in another envelope; one that could not be opened first. */
  it("is opened once", () => {
    const opener = new EnvelopeOpener(tools);
    const id = toBase64(systemRandom.bytes(16));
    const { envelope, header } = seal({ id });
    const open = (which: Envelope, now = startMs) => opener.open(which, "prov_0", opening(firstKey), now);
    expect(open({ ...envelope, body: seal().envelope.body })).toEqual(refused);
    expect(open(envelope)).not.toEqual(refused);
    expect(open(seal().envelope)).not.toEqual(refused);
    expect(open(envelope, Date.parse(header.expires_at))).toEqual(refused);
    expect(open(seal({ id }).envelope)).toEqual(refused);
    opener.forget();
    expect(open(envelope)).toEqual(refused);
  });

  /** Goal: nothing is opened twice by a clock that goes back. Method: forget one by time, go back, show it again; a new one opens. */
  it("is opened once though the clock is set back", () => {
    const opener = new EnvelopeOpener(tools);
    const at = (nowMs: number, which: Envelope) => opener.open(which, "prov_0", opening(firstKey), nowMs);
    const { envelope } = seal({ expires_at: timeAt(startMs + ENVELOPE_LIFE_MS) });
    expect(at(startMs, envelope)).not.toEqual(refused);
    const laterMs = startMs + 2 * ENVELOPE_LIFE_MS;
    expect(at(laterMs, seal({ expires_at: timeAt(laterMs + ENVELOPE_LIFE_MS) }).envelope)).not.toEqual(refused);
    expect(at(startMs, envelope)).toEqual(refused);
    const backMs = laterMs - ENVELOPE_LIFE_MS;
    expect(at(backMs, seal({ expires_at: timeAt(backMs + ENVELOPE_LIFE_MS) }).envelope)).not.toEqual(refused);
  });

  /** Goal: a sealer cannot mix up whom it seals for. Method: recipients missing, and in another order. */
  it("is sealed for its header's candidates only", () => {
    const header = sampleHeader(keys);
    const recipients = keys.map((key) => ({ keyId: key.id, context: contextFor(key) }));
    for (const wrong of [
      recipients.slice(1),
      recipients.slice(0, 1),
      [],
      recipients.toReversed(),
      [...recipients, ...recipients],
    ])
      expect(() => sealRequest(tools, { header, body, recipients: wrong })).toThrow(RangeError);
  });
});

/** Goal: what is remembered is shared between callers, and a whole envelope is no forged one. Method: a memory that says each of its words. */
it.each([
  ["new", undefined],
  ["again", "cannot_open"],
  ["over_share", "over_share"],
] as const)("is, where the memory says %s, refused as %s", (seen, told) => {
  const take = vi.spyOn(SeenRequests.prototype, "take").mockReturnValueOnce(seen);
  const opener = new EnvelopeOpener(tools);
  const opened = opener.open(seal().envelope, "prov_0", opening(firstKey), startMs, "a caller");
  expect("refused" in opened ? opened.refused : undefined).toBe(told);
  expect(take.mock.lastCall?.[3]).toBe("a caller");
});
