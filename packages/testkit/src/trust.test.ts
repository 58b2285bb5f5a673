import { appleNonce, CHALLENGE_EVERY_MS, HPKE_KEY_LIFE_MS, toHex, utf8, type Signer } from "@darkbloom/protocol";
import { nodeCrypto } from "@darkbloom/protocol/node";
import { describe, expect, it } from "vitest";
import { appleShape } from "../../protocol/test/apple.ts";
import { certify, testKeys } from "../../protocol/test/certificates.ts";
import { Caller, codeOf } from "./caller.ts";
import { memorySigner } from "./memory-signer.ts";
import { TestNetwork, type TestProvider } from "./network.ts";

/**
 * Goal: a machine is trusted by what it showed last and by what it ever did, whichever connection it comes by, and its
 * owner is told why not. Method: one machine that changes in one thing, on a simulated clock.
 */
const rain = { pieces: ["Ra", "in", "."], tokenMs: 1 };
const RECONNECT_MS = 5_000;

async function machine(more: Parameters<TestNetwork["provider"]>[1] = {}): Promise<[TestNetwork, TestProvider]> {
  const made = new TestNetwork();
  await made.credit();
  const provider = made.provider(() => rain, more);
  await made.clock.advance(1_000);
  return [made, provider];
}

async function ask(made: TestNetwork): Promise<string> {
  const outcome = await made.clock.until(codeOf(made.serve(new Caller())), 60_000);
  // What follows of it for the machine is on its way to it.
  await made.clock.advance(100);
  return outcome;
}
const failed = ({ told }: TestProvider): string[] =>
  (told?.checks ?? []).filter(({ status }) => status === "fail").map(({ id }) => id);
const reconnect = async (made: TestNetwork, provider: TestProvider): Promise<void> => {
  provider.cut();
  await made.clock.advance(RECONNECT_MS);
};

describe("a machine", () => {
  it("is told that nothing is held against it", async () => {
    const [made, provider] = await machine();
    expect(await ask(made)).toBe("whole");
    expect(provider.told).toMatchObject({ eligible: true, trustLevel: "self_signed" });
    expect(provider.told?.checks.at(-1)).toMatchObject({ id: "standing", status: "pass" });
  });

  it("that lied once is not asked again, by whichever connection it comes", async () => {
    const honest = memorySigner();
    const signer: Signer = { ...honest, signResponseHash: () => honest.signResponseHash(new Uint8Array(32)) };
    const [made, provider] = await machine({ signer });
    expect(await ask(made)).toBe("receipt_mismatch");
    for (let times = 0; times < 2; times++) {
      expect(await ask(made)).toBe("no_provider");
      expect(provider.told).toMatchObject({ eligible: false, trustLevel: "self_signed" });
      expect(failed(provider)).toEqual(["standing"]);
      await reconnect(made, provider);
    }
  });

  it("that signs challenges with another key is let in again in time, and not by a new connection", async () => {
    const honest = memorySigner();
    const other = memorySigner();
    let lies = false;
    const signer: Signer = {
      ...honest,
      signTagged: (tag, message) => (lies && tag.includes("challenge") ? other : honest).signTagged(tag, message),
    };
    const [made, provider] = await machine({ signer });
    lies = true;
    await made.clock.advance(CHALLENGE_EVERY_MS + 60_000);
    expect(failed(provider)).toEqual(["challenge.signature", "standing"]);
    lies = false;
    await reconnect(made, provider);
    expect(await ask(made)).toBe("no_provider");
    expect(failed(provider)).toEqual(["standing"]);
    await made.clock.advance(21 * 60_000);
    expect(await ask(made)).toBe("whole");
  });

  it("whose posture turns false is out at once, and in again when it shows a good one anew", async () => {
    let posture: "pass" | "fail" = "pass";
    const [made, provider] = await machine({ describe: () => ({ posture: { sip: posture } }) });
    expect(await ask(made)).toBe("whole");
    posture = "fail";
    await made.clock.advance(CHALLENGE_EVERY_MS);
    expect(failed(provider)).toContain("posture.now.sip");
    posture = "pass";
    await made.clock.advance(CHALLENGE_EVERY_MS);
    expect(await ask(made)).toBe("no_provider");
    expect(failed(provider)).toEqual(["standing"]);
    await reconnect(made, provider);
    expect(await ask(made)).toBe("whole");
  });

  it("that shows other software with its new keys is out at once", async () => {
    let version = "1";
    const [made, provider] = await machine({ describe: () => ({ software: { name: "darkbloom", version } }) });
    version = "2";
    await made.clock.advance(HPKE_KEY_LIFE_MS - 60 * 60_000 + 10_000);
    expect(provider.told).toMatchObject({ eligible: false });
    expect(failed(provider)).toContain("standing");
    expect(await ask(made)).toBe("no_provider");
    await reconnect(made, provider);
    expect(await ask(made)).toBe("whole");
  });

  it("that somebody withdrew is out from its next challenge on, and in again with a list without it", async () => {
    const signer = memorySigner();
    const listOf = (...keys: Uint8Array[]) => ({
      revocations: { at: 0, identityKeySha256: new Set(keys.map((key) => toHex(nodeCrypto.sha256(key)))) },
    });
    const [made, provider] = await machine({ signer });
    made.policy = listOf(signer.publicKey);
    await made.clock.advance(CHALLENGE_EVERY_MS);
    expect(failed(provider)).toContain("identity.revoked");
    expect(await ask(made)).toBe("no_provider");
    made.policy = listOf(memorySigner().publicKey);
    await made.clock.advance(25 * 60_000);
    expect(await ask(made)).toBe("whole");
  });

  it("that Apple vouches for is hardware where Apple's root is known, and self-signed elsewhere", async () => {
    const signer = memorySigner();
    const apple = await appleShape("Enterprise");
    const serial = "C02TESTSERIAL";
    const random = new Uint8Array(32).fill(7);
    const leaf = await certify({
      subject: { name: "CN=0123456789abcdef", keys: await testKeys("p384") },
      issuer: apple.intermediate,
      hash: "SHA-384",
      extensions: [
        { oid: "1.2.840.113635.100.8.9.1", value: utf8(serial) },
        {
          oid: "1.2.840.113635.100.8.11.1",
          value: appleNonce(nodeCrypto, "mda", signer.publicKey, random),
        },
      ],
    });
    const witness = { evidence: { mda: { chain: [leaf, apple.intermediateDer], random } }, testify: async () => ({}) };
    const [made, provider] = await machine({ signer, witness, describe: () => ({ platform: "macos", serial }) });
    expect(await ask(made)).toBe("whole");
    expect(provider.told).toMatchObject({ trustLevel: "self_signed" });
    made.policy = { roots: { appleEnterprise: [apple.pinned] } };
    // The test authority's certificates begin some hours after the simulated day does.
    await made.clock.advance(4 * 60 * 60_000);
    expect(provider.told).toMatchObject({ trustLevel: "hardware", eligible: true });
    expect(failed(provider)).toEqual([]);
  });
});
