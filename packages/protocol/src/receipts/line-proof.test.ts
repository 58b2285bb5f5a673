import * as fc from "fast-check";
import { expect, it } from "vitest";
import { sampleReceipt } from "../../test/samples.ts";
import { splitProof, withProof, type LineProof } from "./line-proof.ts";

const proof: LineProof = {
  responseHash: "a".repeat(64),
  responseSignature: "c2ln",
  receipt: {
    receipt: sampleReceipt(),
    provider_signature: "QUJD",
    coordinator_signature: "REVG",
    coordinator_key_id: "key-1",
    countersigned_at: "2026-01-01T00:00:00.000Z",
  },
  headers: { "x-chip": 'a "chip",' },
};

/** Goal: what was added comes off again, whatever the event holds. Method: any JSON, also with members of that name inside. */
it("comes off an event as it was put on", () => {
  const named = fc.dictionary(fc.constantFrom("darkbloom", ',"darkbloom":{}}', "a"), fc.jsonValue({ maxDepth: 2 }));
  fc.assert(
    fc.property(named, fc.string(), (inner, text) => {
      const line = `${JSON.stringify({ type: "response.completed", text, response: { a: 1, ...inner } })}\n`;
      const told = withProof(line, proof);
      expect(told.match(/\n/g)).toHaveLength(1);
      expect(Object.keys(JSON.parse(told) as object).at(-1)).toBe("darkbloom");
      expect(splitProof(told)).toEqual({ line, proof });
    }),
  );
});

const line = '{"type":"response.completed"}\n';
const MARK = ',"darkbloom":';
const member = withProof(line, proof).split(MARK)[1]?.slice(0, -2);
it.each<[what: string, text: string]>([
  ["to which nothing was added", line],
  ["that has such a member inside", '{"type":"a","response":{"b":1,"darkbloom":{}}}\n'],
  ["without its line end", withProof(line, proof).trimEnd()],
  ["with something behind it", `${withProof(line, proof)} `],
  ["whose end is another, as long", `${withProof(line, proof).slice(0, -2)}xy`],
  ["that has what is added, and nothing that says so", `{"type":"a",${member}}\n`],
  ["whose member is none of ours", '{"type":"a","darkbloom":{"receipt":"e30"}}\n'],
  ["whose receipt is none", withProof(line, proof).replace(/"receipt":"[^"]*"/, '"receipt":"e30"')],
  ["whose member is no JSON", '{"type":"a","darkbloom":{x}}\n'],
])("is not on a line %s", (_, text) => {
  expect(splitProof(text)).toBeUndefined();
});

it("is put on one whole line alone", () => {
  expect(() => withProof("{}", proof)).toThrow(RangeError);
});
