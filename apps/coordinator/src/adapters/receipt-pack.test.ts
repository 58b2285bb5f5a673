import { deflateRawSync } from "node:zlib";
import type { ReceiptDocument } from "@darkbloom/protocol/receipts";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { receiptOf } from "../ledger/ledger.samples.ts";
import { packReceipt, unpackReceipt } from "./receipt-pack.ts";

const sample = receiptOf("job_1");
const FIELDS = 2;
const DEFLATE = 1;

const withReceipt = (more: object): ReceiptDocument => ({ ...sample, receipt: { ...sample.receipt, ...more } });
const { sampling: _sampling, finish_reason: _reason, ...vectors } = sample.receipt;

const sealed = {
  request_commitment: "1".repeat(64),
  response_commitment: "2".repeat(64),
  private_commitment: "3".repeat(64),
  hpke_key_id: "4".repeat(64),
};

describe("a packed receipt", () => {
  /** Goal: it comes back as it was, in less than half of its bytes. Method: receipts of each kind, and values that are not written as their kind is. */
  it.each<[what: string, document: ReceiptDocument, version: number]>([
    ["of an answer", sample, FIELDS],
    ["of vectors", { ...sample, receipt: vectors }, FIELDS],
    ["of a sealed answer", { ...sample, receipt: { ...vectors, privacy: "sealed", ...sealed } }, FIELDS],
    ["with a nonce", withReceipt({ nonce: "größer ✓" }), FIELDS],
    ["with an empty nonce", withReceipt({ nonce: "" }), FIELDS],
    [
      "with further sampling",
      withReceipt({ sampling: { ...sample.receipt.sampling, min_p: 0.05, seed: 2 ** 53 - 1 } }),
      FIELDS,
    ],
    [
      "with other times",
      withReceipt({ started_at: "2026-01-01T00:00:00Z", finished_at: "2026-01-01T00:00:00.1234Z" }),
      FIELDS,
    ],
    ["with a time before 1970", withReceipt({ started_at: "1969-12-31T23:59:59.999Z" }), FIELDS],
    ["with a word where it is none of ours", withReceipt({ build: "stop", model: "/v1/messages" }), FIELDS],
    ["with a name that is too long", withReceipt({ model: "x".repeat(256) }), DEFLATE],
    ["with a name that has too many bytes", withReceipt({ model: "ü".repeat(128) }), DEFLATE],
    ["with its place in the log", { ...sample, log: { blind: "a".repeat(64), proof: "p" } }, DEFLATE],
  ])("%s", (_, document, version) => {
    const packed = packReceipt(document);
    expect(packed[0]).toBe(version);
    expect(unpackReceipt(packed)).toEqual(document);
    if (version === FIELDS) expect(packed.length).toBeLessThan(JSON.stringify(document).length / 2);
  });

  /** Goal: a member that nobody knows yet is not lost. Method: one more in each part of a receipt; what deflate keeps of it. */
  it.each(["document", "receipt", "engine", "sampling", "usage"] as const)(
    "keeps a further member of its %s",
    (part) => {
      const more = structuredClone(sample);
      const parts = { document: more, receipt: more.receipt, ...more.receipt };
      Object.assign(parts[part] ?? {}, { further: 1 });
      expect(packReceipt(more)[0]).toBe(DEFLATE);
    },
  );

  /** Goal: any words and figures come back. Method: random ones in each kind of field. */
  it("comes back, whatever it says", () => {
    const text = fc.oneof(fc.string(), fc.string({ unit: "binary", maxLength: 90 }), fc.constantFrom("sealed", "stop"));
    fc.assert(
      fc.property(
        text,
        text,
        fc.nat(),
        fc.double({ noNaN: true, noDefaultInfinity: true }),
        fc.date({ min: new Date(0), noInvalidDate: true }),
        (model, nonce, tokens, temperature, at) => {
          fc.pre([model, nonce].every((word) => word.isWellFormed()));
          const document = withReceipt({
            model,
            nonce,
            usage: { ...sample.receipt.usage, prompt_tokens: tokens },
            sampling: { ...sample.receipt.sampling, temperature },
            started_at: at.getUTCFullYear() > 9_999 ? sample.receipt.started_at : at.toISOString(),
          });
          // As JSON says it: there is one zero.
          expect(unpackReceipt(packReceipt(document))).toEqual(JSON.parse(JSON.stringify(document)));
        },
      ),
    );
  });

  /** Goal: what an older program packed is read; what is damaged is an error. Method: deflate without our words, fields cut and made longer, a version that is none. */
  it("is read from before, and not where it is damaged", () => {
    const old = new Uint8Array([DEFLATE, ...deflateRawSync(JSON.stringify(sample))]);
    expect(unpackReceipt(old)).toEqual(sample);
    const packed = packReceipt(sample);
    for (const damaged of [
      packed.subarray(0, -1),
      new Uint8Array([...packed, 0]),
      packed.subarray(0, 1),
      Uint8Array.of(99),
    ])
      expect(() => unpackReceipt(damaged)).toThrow();
  });
});
