import { describe, expect, it } from "vitest";
import { hpkeKey, sampleHeader, startMs, timeAt } from "../../test/samples.ts";
import { fromUtf8, toBase64, toHex, utf8 } from "../bytes.ts";
import { ENVELOPE_LIFE_MS } from "../limits.ts";
import { nodeCrypto, nodeHpke, systemRandom } from "../node/index.ts";
import { sampleReceipt } from "../../test/samples.ts";
import { suites, type Suite } from "../wire/registration.ts";
import { commitmentsOf, type Committed } from "./commitments.ts";
import { EnvelopeOpener } from "./envelope.ts";
import type { HpkeKey } from "./hpke.ts";
import { paddedRequest, recipientOf, sealFor, suiteFor, type SealTerms } from "./seal-for.ts";

const tools = { hpke: nodeHpke, crypto: nodeCrypto, random: systemRandom };
const [XWING, X25519] = suites;
const evidenceSha256 = "e".repeat(64);
const { v: _v, suite: _s, id: _i, expires_at: _e, candidates: _c, ...sampleTerms } = sampleHeader([hpkeKey()]);
const terms: SealTerms = sampleTerms;
const body = utf8('{"model":"tiny"}');

const named = (key: HpkeKey) => ({ id: key.id, suite: key.suite, public_key: toBase64(key.publicKey) });
const machineOf = (key: HpkeKey, index: number) =>
  recipientOf(nodeHpke, { providerId: `prov_${index}`, evidenceSha256 }, named(key));
function sealTo(keys: readonly HpkeKey[]) {
  return sealFor(tools, { terms, body, recipients: keys.map(machineOf), nowMs: startMs });
}

describe("sealing for machines", () => {
  /** Goal: every machine that is named reads it, by every suite. Method: seal to as many as there may be, open as each. */
  it.each(suites)("is opened by each of them with %s", (suite) => {
    const keys = [1, 2, 3, 4].map(() => nodeHpke.generateKey(suite, startMs + 1e9));
    const { header, envelope, secrets } = sealTo(keys);
    expect(header).toMatchObject({ ...terms, suite, expires_at: timeAt(startMs + ENVELOPE_LIFE_MS) });
    const committed: Committed = {
      ...sampleReceipt(),
      requestSha256: nodeCrypto.sha256(body),
      responseSha256: nodeCrypto.sha256(utf8("said")),
    };
    const all = keys.map((key, index) => {
      const opener = new EnvelopeOpener(tools);
      const opened = opener.open(envelope, `prov_${index}`, [{ key, evidenceSha256 }], startMs);
      if ("refused" in opened) return expect.fail(`machine ${index} was refused`);
      expect(opened).toMatchObject({ header, body, keyId: key.id, evidenceSha256 });
      const shared = secrets[index] ?? expect.fail("no secret");
      expect([opened.secret.secret, opened.secret.enc]).toEqual([shared.secret, shared.enc]);
      const commitments = commitmentsOf(tools, opened.secret.commitmentKeys(), committed);
      // Both ends come to the same, and no two machines to the same.
      expect(commitmentsOf(tools, shared.commitmentKeys(), committed)).toEqual(commitments);
      return commitments;
    });
    const values = all.flatMap((commitments) => Object.values(commitments));
    expect(new Set(values).size).toBe(3 * keys.length);
    expect(values).not.toContain(toHex(committed.requestSha256));
  });

  it("takes one to four machines, of one suite", () => {
    const key = hpkeKey();
    expect(() => sealTo([])).toThrow(RangeError);
    expect(() => sealTo([1, 2, 3, 4, 5].map(() => key))).toThrow(RangeError);
    expect(() => sealTo([key, nodeHpke.generateKey(XWING, 0)])).toThrow(RangeError);
  });

  it("is another envelope every time", () => {
    const key = hpkeKey();
    const [one, other] = [sealTo([key]), sealTo([key])];
    expect(one.header.id).not.toBe(other.header.id);
    expect(one.envelope.body).not.toEqual(other.envelope.body);
  });
});

it("takes the best suite that all have", () => {
  const both: { suite: Suite }[] = suites.map((suite) => ({ suite }));
  const old: { suite: Suite }[] = [{ suite: X25519 }];
  expect(suiteFor(nodeHpke, [both, both])).toBe(XWING);
  expect(suiteFor(nodeHpke, [both, old])).toBe(X25519);
  expect(suiteFor({ suites: [X25519] }, [both])).toBe(X25519);
  expect(suiteFor({ suites: [XWING] }, [both, old])).toBeUndefined();
});

describe("a commitment", () => {
  const keys = { request: utf8("k1"), response: utf8("k2"), private: utf8("k3") };
  const { sampling, finish_reason } = sampleReceipt();
  const committed: Committed = {
    requestSha256: nodeCrypto.sha256(utf8("a")),
    responseSha256: nodeCrypto.sha256(utf8("b")),
    ...(sampling && { sampling }),
    ...(finish_reason && { finish_reason }),
  };
  const made = commitmentsOf(tools, keys, committed);
  const zero = new Uint8Array(32);

  it.each<[change: Partial<Committed>, other: string]>([
    [{ requestSha256: zero }, "request_commitment"],
    [{ responseSha256: zero }, "response_commitment"],
    [{ finish_reason: "length" }, "private_commitment"],
    [{ sampling: { ...(sampling ?? expect.fail("sampled")), seed: 43 } }, "private_commitment"],
  ])("is another with %j, and no other is", (change, other) => {
    const changed = Object.entries(commitmentsOf(tools, keys, { ...committed, ...change }));
    expect(changed.filter(([name, value]) => made[name as keyof typeof made] !== value)).toEqual([
      [other, expect.any(String)],
    ]);
  });

  it("needs no sampling: vectors have none", () => {
    const { requestSha256, responseSha256 } = committed;
    expect(commitmentsOf(tools, keys, { requestSha256, responseSha256 }).private_commitment).toBe(
      toHex(nodeHpke.hmac(keys.private, nodeCrypto.sha256(utf8("{}")))),
    );
  });
});

it("pads a request in steps, with what its JSON does not see", () => {
  for (const [length, padded] of [
    [2, 256],
    [255, 256],
    [256, 256],
    [257, 512],
  ] as const) {
    const request = utf8(`"${"x".repeat(length - 2)}"`);
    const bytes = paddedRequest(request);
    expect(bytes.length).toBe(padded);
    expect(JSON.parse(fromUtf8(bytes))).toBe("x".repeat(length - 2));
    expect(bytes.subarray(0, length)).toEqual(request);
  }
});
