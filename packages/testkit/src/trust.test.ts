import { Catalog, type Connection } from "@darkbloom/coordinator/testing";
import { fromBase64, toBase64, toHex, utf8 } from "@darkbloom/protocol/bytes";
import { appleNonce, signChallengeAnswer, softwareSerial } from "@darkbloom/protocol/evidence";
import { CHALLENGE_ANSWER_MS, CHALLENGE_EVERY_MS, HPKE_KEY_LIFE_MS } from "@darkbloom/protocol/limits";
import type { Signer } from "@darkbloom/protocol/signer";
import { fromCoordinator, PROTOCOL_VERSION, type FromCoordinator, type FromProvider } from "@darkbloom/protocol/wire";
import { nodeCrypto, nodeHpke } from "@darkbloom/protocol/node";
import { SealingKeys } from "@darkbloom/provider/testing";
import { describe, expect, it } from "vitest";
import { appleShape } from "../../protocol/test/apple.ts";
import { certify, testKeys } from "../../protocol/test/certificates.ts";
import { Caller, codeOf } from "./caller.ts";
import { memorySigner } from "./memory-signer.ts";
import { TestNetwork } from "./network.ts";
import { offerOf, type TestProvider } from "./test-provider.ts";

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

async function ask(made: TestNetwork, pin?: string): Promise<string> {
  const outcome = await made.clock.until(
    codeOf(made.serve(new Caller(), { ...(pin !== undefined && { pin }) })),
    60_000,
  );
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
    expect(provider.told?.checks.slice(-4)).toMatchObject([
      { id: "standing", status: "pass" },
      { id: "serving.trust", status: "pass" },
      { id: "serving.models", status: "pass" },
      { id: "serving.faults", status: "pass" },
    ]);
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
    // Withdrawn when it comes, and taken off the list while it waits.
    made.policy = listOf(signer.publicKey);
    await reconnect(made, provider);
    expect(made.fleet.machines()).toMatchObject([{ failing: true, attestedUntilMs: -Infinity }]);
    expect(failed(provider)).toEqual(["identity.revoked"]);
    made.policy = {};
    await made.clock.advance(30_000);
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
        { oid: "1.2.840.113635.100.8.13.1", value: Uint8Array.of(2, 1, 0) },
        { oid: "1.2.840.113635.100.8.13.2", value: utf8("Full Security") },
        {
          oid: "1.2.840.113635.100.8.11.1",
          value: appleNonce(nodeCrypto, signer.publicKey, random),
        },
      ],
    });
    const witness = { evidence: { mda: { chain: [leaf, apple.intermediateDer], random } }, testify: async () => ({}) };
    const [made, provider] = await machine({ signer, witness, describe: () => ({ platform: "macos", serial }) });
    expect(await ask(made)).toBe("whole");
    expect(provider.told).toMatchObject({ trustLevel: "self_signed" });
    const nameOf = () => made.fleet.machines().map((view) => view.serial);
    // Nobody vouches for the serial yet, so it is nobody's name.
    expect(nameOf()).toEqual([expect.stringMatching(/^PS-/)]);
    expect(await ask(made, serial)).toBe("no_provider");
    made.policy = { roots: { appleEnterprise: [apple.pinned] } };
    // The test authority's certificates begin some hours after the simulated day does.
    await made.clock.advance(4 * 60 * 60_000);
    expect(provider.told).toMatchObject({ trustLevel: "hardware", eligible: true });
    expect(failed(provider)).toEqual([]);
    await reconnect(made, provider);
    expect(nameOf()).toEqual([serial]);
    expect(await ask(made, serial)).toBe("whole");
  });
});

/** Goal: a machine that no request can reach is told so. Method: an operator who asks for more than it has. */
describe("a machine that is honest and not wanted", () => {
  it.each<[string, Partial<TestNetwork["floor"]>, string]>([
    ["its level is too low", { minTrust: "hardware" }, "serving.trust"],
    ["its model is not sold", { catalog: new Catalog([]) }, "serving.models"],
  ])("is told where %s", async (_, floor, id) => {
    const made = new TestNetwork();
    Object.assign(made.floor, floor);
    const provider = made.provider(() => rain);
    await made.clock.advance(1_000);
    expect(provider.told).toMatchObject({ eligible: false, trustLevel: "self_signed" });
    expect(failed(provider)).toEqual([id]);
  });
});

/** The wire's other end, in the hands of somebody who says what he likes. */
class Stranger {
  readonly heard: FromCoordinator[] = [];
  closed: string | undefined;
  readonly #connection: Connection;

  constructor(network: TestNetwork) {
    this.#connection = network.host({
      bufferedBytes: 0,
      send: (message) => void this.heard.push(fromCoordinator.parse(JSON.parse(message.toString()))),
      ping: () => this.#connection.heard(),
      close: (_, reason) => this.#close(reason),
      terminate: () => this.#close("terminated"),
    });
  }

  say(message: FromProvider): void {
    this.#connection.received(JSON.stringify(message));
  }
  get challenges() {
    return this.heard.filter(({ type }) => type === "attestation_challenge");
  }

  #close(reason: string): void {
    this.closed ??= reason;
    this.#connection.closed();
  }
}

const junk = toBase64(new Uint8Array(70));
const registered = (blob: Uint8Array, signature: string, offer: Awaited<ReturnType<typeof offerOf>>): FromProvider => ({
  type: "register",
  protocols: [PROTOCOL_VERSION],
  blob: toBase64(blob),
  signature,
  ...offer,
});

/** Goal: nobody harms a machine by what it publishes of itself. Method: its own blob in a stranger's hands. */
describe("whoever names another's identity key", () => {
  it.each(["with no signature of it", "with a blob that it has signed"])(
    "%s ends no connection and spoils no record",
    async (how) => {
      const [made, provider] = await machine();
      const [victim] = made.fleet.published();
      if (!victim) return expect.unreachable();
      const { blob, blobSignature, offer, offerSignature } = victim.evidence;
      const shown = { offer: toBase64(offer), offer_signature: toBase64(offerSignature) };
      const stranger = new Stranger(made);
      stranger.say(registered(blob, how.includes("no") ? junk : toBase64(blobSignature), shown));
      for (let n = 0; n < 6; n++) {
        stranger.say({ type: "attestation_response", answer: junk, signature: junk });
        await made.clock.advance(15_000);
      }
      if (how.includes("blob")) expect(stranger.challenges.length).toBeGreaterThan(3);
      expect(made.fleet.get(victim.machine.providerId)).toBeDefined();
      expect(await ask(made)).toBe("whole");
      await reconnect(made, provider);
      expect(await ask(made)).toBe("whole");
      expect(failed(provider)).toEqual([]);
      expect(made.grievances).toEqual([]);
    },
  );
});

/** Goal: one connection takes no more of the coordinator than its share. Method: many frames of a kind at once. */
describe("a machine in a hurry", () => {
  it("is challenged no sooner for all its answers, and closed where it renews without end", async () => {
    const made = new TestNetwork();
    const signer = memorySigner();
    const keys = blobsOf(made, signer);
    const stranger = new Stranger(made);
    const first = await keys.show(true);
    stranger.say(registered(first.bytes, toBase64(first.signature), await offerOf(signer)));
    await made.clock.advance(100);
    expect(stranger.challenges).toHaveLength(1);
    const next = await keys.show(true);
    const renewal: FromProvider = { type: "renew", blob: toBase64(next.bytes), signature: toBase64(next.signature) };
    stranger.say(renewal);
    for (let n = 0; n < 100; n++) stranger.say({ type: "attestation_response", answer: junk, signature: junk });
    await made.clock.advance(4_000);
    expect(stranger.challenges).toHaveLength(1);
    await made.clock.advance(2_000);
    expect(stranger.challenges).toHaveLength(2);
    expect(stranger.closed).toBeUndefined();
    stranger.say(renewal);
    stranger.say(renewal);
    expect(stranger.closed).toBe("protocol");
  });

  it("is closed where its new blob is not signed by it", async () => {
    const [made, stranger, keys] = await joinedStranger();
    const next = await keys.show(true);
    stranger.say({ type: "renew", blob: toBase64(next.bytes), signature: junk });
    await made.clock.advance(1);
    expect(stranger.closed).toBe("protocol");
  });
});

/** Goal: lateness is no sign of bad behaviour. Method: an answer that comes after its time, then all the others in time. */
it("forgives a late answer", async () => {
  const [made, stranger, keys, signer] = await joinedStranger();
  const answer = async (at: number): Promise<FromProvider> => {
    const challenge = stranger.challenges[at];
    if (challenge?.type !== "attestation_challenge") return expect.unreachable();
    const { bytes, signature } = await signChallengeAnswer(signer, {
      v: 1,
      nonce: challenge.nonce,
      callers_root: challenge.callers_root,
      blob_sha256: keys.latest.evidenceSha256,
      offer_sha256: toHex(nodeCrypto.sha256(fromBase64((await offerOf(signer)).offer))),
      hpke_key_ids: keys.latest.keyIds,
      posture: {},
      at: new Date(made.clock.now()).toISOString(),
    });
    return { type: "attestation_response", answer: toBase64(bytes), signature: toBase64(signature) };
  };
  await made.clock.advance(CHALLENGE_ANSWER_MS + 1_000);
  stranger.say(await answer(0));
  await made.clock.advance(20_000);
  expect(stranger.challenges).toHaveLength(2);
  // The former answer once more, while the next one is awaited.
  stranger.say(await answer(0));
  stranger.say(await answer(1));
  await made.clock.advance(1_000);
  expect(made.fleet.machines()).toMatchObject([{ distrustedUntilMs: -Infinity }]);
});

async function joinedStranger(): Promise<[TestNetwork, Stranger, SealingKeys, Signer]> {
  const made = new TestNetwork();
  const signer = memorySigner();
  const keys = blobsOf(made, signer);
  const stranger = new Stranger(made);
  const { bytes, signature } = await keys.show(true);
  stranger.say(registered(bytes, toBase64(signature), await offerOf(signer)));
  await made.clock.advance(100);
  return [made, stranger, keys, signer];
}

const blobsOf = ({ clock }: TestNetwork, signer: Signer): SealingKeys =>
  new SealingKeys({ clock, crypto: nodeCrypto, hpke: nodeHpke, signer }, () => ({
    serial: softwareSerial(nodeCrypto, signer.publicKey),
    chip_name: "simulated",
    hardware_model: "simulated",
    platform: "other",
    os_version: "1",
    memory_bytes: 1,
    engine: { name: "scripted", version: "1" },
    software: { name: "darkbloom", version: "0" },
    posture: {},
  }));
