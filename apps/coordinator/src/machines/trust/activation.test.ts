import { statedActivation, type TpmEvidence } from "@darkbloom/protocol/evidence";
import { nodeCrypto } from "@darkbloom/protocol/node";
import { generateKeyPairSync, sign } from "node:crypto";
import { describe, expect, it } from "vitest";
import { Activation } from "./activation.ts";

const { privateKey, publicKey } = generateKeyPairSync("ed25519");
const raw = new Uint8Array(publicKey.export({ type: "spki", format: "der" }).subarray(-32));
const bytes = (fill: number) => new Uint8Array(4).fill(fill);
const tpm: TpmEvidence = {
  ekPublic: bytes(1),
  akPublic: bytes(2),
  keyPublic: bytes(3),
  certify: { attest: bytes(4), signature: bytes(5) },
};

/** Whoever opens a credential finds the secret in `idObject`. */
function activation(of: TpmEvidence | undefined, canSeal = true): Activation {
  let drawn = 0;
  return new Activation(
    {
      clock: { now: () => 0, monotonicMs: () => 0, sleep: async () => {} },
      random: { bytes: (length) => new Uint8Array(length).fill(++drawn), fraction: () => 0 },
      crypto: nodeCrypto,
      countersigner: {
        keyId: "c1",
        sign: (message) => new Uint8Array(sign(null, message, privateKey)),
      },
      makeCredential: (_, secret) => (canSeal ? { idObject: secret, encSecret: bytes(6) } : undefined),
    },
    of,
  );
}

/** Goal: only the latest secret, opened, counts; and it counts for good. Method: one row per way that it can go. */
describe("an activation", () => {
  it("passes with the secret, is stated for others, and is not asked for again", async () => {
    const made = activation(tpm);
    expect(made.status).toBe("unknown");
    made.answered(made.next()?.idObject);
    expect(made.status).toBe("pass");
    expect(made.next()).toBeUndefined();
    made.answered(undefined);
    expect(made.status).toBe("pass");
    expect(await statedActivation(nodeCrypto, tpm, made.statement, new Map([["c1", raw]]))).toBe("pass");
  });

  it.each<[string, (made: Activation) => void]>([
    ["with no secret", (made) => (made.next(), made.answered(undefined))],
    ["with another secret", (made) => (made.next(), made.answered(new Uint8Array(32)))],
    ["with a part of it", (made) => made.answered(made.next()?.idObject.subarray(1))],
    [
      "with that of before",
      (made) => {
        const before = made.next()?.idObject;
        made.next();
        made.answered(before);
      },
    ],
  ])("fails %s, and may be tried again", (_, act) => {
    const made = activation(tpm);
    act(made);
    expect(made.status).toBe("fail");
    expect(made.statement).toBeUndefined();
    made.answered(made.next()?.idObject);
    expect(made.status).toBe("pass");
  });

  it.each<[string, TpmEvidence | undefined, boolean]>([
    ["without a TPM", undefined, true],
    ["of an endorsement key that nothing can be sealed for", tpm, false],
  ])("stays unknown %s", (_, of, canSeal) => {
    const made = activation(of, canSeal);
    expect(made.next()).toBeUndefined();
    made.answered(new Uint8Array(32));
    expect(made.status).toBe("unknown");
  });

  it("takes no secret that was not asked for", () => {
    const made = activation(tpm);
    const secret = made.next()?.idObject;
    made.answered(new Uint8Array(32));
    made.answered(secret);
    expect(made.status).toBe("fail");
  });
});
