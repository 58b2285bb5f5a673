import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { changedBytes } from "../../test/changed.ts";
import { secretNamed, testCountersigner } from "../../test/keys.ts";
import { concatBytes, utf8 } from "../bytes.ts";
import { canonicalBytes } from "../canonical.ts";
import { nodeCrypto } from "../node/crypto.ts";
import { tags } from "../wire/registration.ts";
import { activationStatement, statedActivation, type ActivationStatement } from "./activation.ts";

const coordinator = testCountersigner("coordinator");
const statement = { attest: secretNamed("attest"), signature: secretNamed("signature") };
const tpm = {
  ekPublic: secretNamed("ek"),
  akPublic: secretNamed("ak"),
  keyPublic: secretNamed("key"),
  certify: statement,
};
const keys = new Map([["c1", coordinator.publicKey]]);

function stated(bytes?: Uint8Array<ArrayBuffer>): ActivationStatement {
  const made = activationStatement(nodeCrypto, tpm, Date.parse("2026-01-01T00:00:00Z"));
  const statementBytes = bytes ?? made.statement;
  const message = bytes ? concatBytes(utf8(tags.tpmActivation), bytes) : made.message;
  return { statement: statementBytes, signature: coordinator.sign(message), keyId: "c1" };
}
/** The good one with white space behind it, which JSON allows. */
const filledTo = (bytes: number) =>
  stated(concatBytes(stated().statement, utf8(" ".repeat(bytes - stated().statement.length))));
const said = (more: object) =>
  stated(canonicalBytes({ ...(JSON.parse(new TextDecoder().decode(stated().statement)) as object), ...more }));

/** Goal: a coordinator's word counts for these two keys, of coordinators whose word is taken. Method: one thing changed in each row. */
describe("a coordinator's word on an activation", () => {
  it.each<
    [string, Parameters<typeof statedActivation>[1], ActivationStatement | undefined, "pass" | "fail" | "unknown"]
  >([
    ["good", tpm, stated(), "pass"],
    ["none", tpm, undefined, "unknown"],
    ["by another coordinator", tpm, { ...stated(), keyId: "c2" }, "unknown"],
    ["about a key that is withheld", { ...tpm, ekPublic: new Uint8Array(0) }, stated(), "unknown"],
    ["about another endorsement key", { ...tpm, ekPublic: secretNamed("other") }, stated(), "fail"],
    ["about another attestation key", { ...tpm, akPublic: secretNamed("other") }, stated(), "fail"],
    ["with another signature", tpm, { ...stated(), signature: coordinator.sign(utf8("other")) }, "fail"],
    ["without its tag", tpm, { ...stated(), signature: coordinator.sign(stated().statement) }, "fail"],
    ["of another version", tpm, said({ v: 2 }), "fail"],
    ["with more in it", tpm, said({ more: 1 }), "fail"],
    ["that is none", tpm, stated(utf8("[]")), "fail"],
    ["of the longest that is read", tpm, filledTo(1024), "pass"],
    ["of one byte more", tpm, filledTo(1025), "fail"],
  ])("%s", async (_, about, word, expected) =>
    expect(await statedActivation(nodeCrypto, about, word, keys)).toBe(expected),
  );

  /** Goal: nothing that was signed, or is told of, can be changed. Method: some bytes of each part changed. */
  it("is not taken where a byte was changed", async () => {
    const good = stated();
    const one = <Value>(arbitrary: fc.Arbitrary<Value>, put: (value: Value) => ReturnType<typeof statedActivation>) =>
      fc.assert(
        fc.asyncProperty(arbitrary, async (value) => {
          expect(await put(value)).toBe("fail");
        }),
        { numRuns: 100 },
      );
    const judged = (word: Partial<ActivationStatement>, about: Partial<typeof tpm> = {}) =>
      statedActivation(nodeCrypto, { ...tpm, ...about }, { ...good, ...word }, keys);
    await one(changedBytes(good.statement), (statementBytes) => judged({ statement: statementBytes }));
    await one(changedBytes(good.signature), (signature) => judged({ signature }));
    await one(changedBytes(tpm.akPublic), (akPublic) => judged({}, { akPublic }));
    await one(
      changedBytes(tpm.ekPublic).filter(({ length }) => length > 0),
      (ekPublic) => judged({}, { ekPublic }),
    );
  });

  it("of any other bytes is not taken", async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), async (bytes) => {
        expect(await statedActivation(nodeCrypto, tpm, stated(new Uint8Array(bytes)), keys)).toBe("fail");
      }),
    );
  });
});
