import { REGISTER_WAIT_MS, type SerialDisclosure } from "@darkbloom/coordinator/testing";
import { fromBase64, toBase64, utf8 } from "@darkbloom/protocol/bytes";
import {
  attestationsSchema,
  readBlob,
  softwareSerial,
  verifyPublished,
  type Attestation,
} from "@darkbloom/protocol/evidence";
import { receiptDocument } from "@darkbloom/protocol/receipts";
import type { Signer } from "@darkbloom/protocol/signer";
import { fromCoordinator, PROTOCOL_VERSION, type FromCoordinator, type FromProvider } from "@darkbloom/protocol/wire";
import { nodeCrypto, nodeHpke } from "@darkbloom/protocol/node";
import { SealingKeys, type Script } from "@darkbloom/provider/testing";
import { describe, expect, it } from "vitest";
import { type Answered, HttpNetwork, questionFor } from "./http-network.ts";
import { memorySigner } from "./memory-signer.ts";
import { TestNetwork } from "./network.ts";
import { describeMachine, offerOf } from "./test-provider.ts";

const rain: Script = { pieces: [" Rain", "."] };
const CHAT = "/v1/chat/completions";
const settings: SerialDisclosure[] = ["serial", "pseudonym", "none"];
const hiding = settings.filter((setting) => setting !== "serial");
const PSEUDONYM = /^PS-[0-9A-HJKMNP-TV-Z]{12}$/;

async function networkOf(disclosure: SerialDisclosure, pins: readonly string[] = []): Promise<HttpNetwork> {
  const made = await HttpNetwork.open({ disclosure, pins });
  await made.credit();
  return made;
}

async function machinesOf(made: HttpNetwork): Promise<readonly Attestation[]> {
  const listed = await made.send("/v1/providers/attestation", { method: "GET" });
  return attestationsSchema.parse(JSON.parse(listed.body.toString())).providers;
}

const signedSerial = ({ evidence }: Attestation): string | undefined => readBlob(fromBase64(evidence.blob))?.serial;
const wordsOf = ({ headers, trailers, body }: Answered): string => JSON.stringify([headers, trailers, body.toString()]);

describe.each(settings)("disclosing %s", (disclosure) => {
  /**
   * Goal: header, list, signed evidence, receipt and key name the machine as the operator wants, and nothing tells its
   * own serial where that is not disclosed. Method: everything that a caller gets to see, from a key that is bound to the serial itself.
   */
  it("tells callers that and no more", async () => {
    const signer = memorySigner();
    const own = softwareSerial(nodeCrypto, signer.publicKey);
    await using made = await networkOf(disclosure, [own]);
    made.provider(() => rain, { signer });
    await made.clock.advance(1_000);

    const answered = await made.call(CHAT, questionFor(CHAT));
    expect(answered.status).toBe(200);
    const [machine] = await machinesOf(made);
    if (!machine) throw new Error("no machine is listed");
    const signed = signedSerial(machine);
    if (disclosure === "serial") expect(signed).toBe(own);
    else expect(signed).toMatch(PSEUDONYM);
    const told = disclosure === "none" ? undefined : signed;
    expect(answered.headers["x-provider-serial"]).toBe(told);
    expect(machine.provider_serial).toBe(told ?? null);

    const kept = await made.send(`/v1/receipts/${answered.headers["x-inference-job-id"]}`, { method: "GET" });
    const { receipt } = receiptDocument.parse(JSON.parse(kept.body.toString()));
    expect(receipt.evidence_sha256).toBe(machine.evidence_sha256);
    const verdict = await verifyPublished(nodeCrypto, machine, {}, made.clock.now());
    expect(verdict.level).toBe("self_signed");
    expect(verdict.checks.filter(({ status }) => status === "fail")).toEqual([]);
    const serialCheck = ({ checks }: { checks: readonly { id: string; status: string }[] }) =>
      checks.find(({ id }) => id === "machine.serial")?.status;
    expect(serialCheck(verdict)).toBe(disclosure === "serial" ? "pass" : "unknown");
    expect(serialCheck(machine.verdict)).toBe("pass");

    const key = await made.send("/v1/key", { method: "GET" });
    expect(JSON.parse(key.body.toString())).toMatchObject({ provider_serials: [signed] });
    const listed = await made.send("/v1/providers/attestation", { method: "GET" });
    const refused = await made.call(CHAT, questionFor(CHAT, { provider_serial: "SW-NOBODY" }));
    for (const seen of [answered, kept, key, listed, refused])
      if (disclosure !== "serial") expect(wordsOf(seen)).not.toContain(own);
    expect(made.bugs).toEqual([]);
  });

  /** Goal: who knows either name of a machine can pin it, and nobody else's name is taken for it. Method: two machines, one pinned by each of its names. */
  it("lets a machine be pinned by each name that it has", async () => {
    await using made = await networkOf(disclosure);
    const [wanted, other] = [made.provider(() => rain), made.provider(() => rain)];
    await made.clock.advance(1_000);
    const signed = made.serials.of(wanted.serial).serial;
    for (const pin of [wanted.serial, signed])
      for (let n = 0; n < 4; n++) {
        const answered = await made.call(CHAT, questionFor(CHAT, { provider_serial: pin }));
        expect(answered.status).toBe(200);
        const id = answered.headers["x-provider-id"];
        expect((await machinesOf(made)).filter(({ provider_id }) => provider_id === id).map(signedSerial)).toEqual([
          signed,
        ]);
      }
    other.stop();
    await made.clock.advance(1_000);
    for (const pin of ["SW-NOBODY", "PS-0123456789AB", other.serial]) {
      const refused = await made.call(CHAT, questionFor(CHAT, { provider_serial: pin }));
      expect([refused.status, refused.body.toString()]).toEqual([
        503,
        expect.stringContaining("1 is not the pinned machine"),
      ]);
    }
    expect(made.bugs).toEqual([]);
  });

  /** Goal: pins outlive a connection. Method: cut the line, and compare what the machine is called before and after. */
  it("calls a machine the same when it comes back", async () => {
    await using made = await networkOf(disclosure);
    const provider = made.provider(() => rain);
    await made.clock.advance(1_000);
    const [before] = await machinesOf(made);
    provider.cut();
    await made.clock.advance(5_000);
    const [after] = await machinesOf(made);
    expect(after?.provider_id).not.toBe(before?.provider_id);
    expect(after?.provider_serial).toBe(before?.provider_serial);
    expect(after && signedSerial(after)).toBe(before && signedSerial(before));
    expect(made.bugs).toEqual([]);
  });
});

/**
 * Goal: what a maker says of a machine names it as much as its serial does, so it is judged here and not published.
 * Method: evidence whose parts are marked; the check of what is published beside the same of the coordinator.
 */
it.each(settings)("keeps a maker's words with the serial, disclosing %s", async (disclosure) => {
  const made = new TestNetwork(1, disclosure);
  const [chain, ekCertificate, ekPublic] = ["mda leaf", "ek certificate", "ek public"].map((text) => utf8(text));
  if (!chain || !ekCertificate || !ekPublic) throw new Error("there are three");
  const rest = { akPublic: utf8("ak"), keyPublic: utf8("key"), certify: { attest: utf8("a"), signature: utf8("s") } };
  const evidence = {
    tpm: { ekCertificates: [ekCertificate], ekPublic, ...rest },
    mda: { chain: [chain], random: utf8("random") },
  };
  made.provider(() => rain, { witness: { evidence, testify: async () => ({}) } });
  await made.clock.advance(1_000);
  const [shown] = made.fleet.published();
  if (!shown) throw new Error("no machine has joined");
  expect(shown.machine.verdict.checks.find(({ id }) => id === "apple.mda.path")?.status).not.toBeUndefined();
  const { hardware } = shown.evidence;
  expect(hardware?.mda?.random).toEqual(evidence.mda.random);
  expect(hardware?.tpm?.akPublic).toEqual(rest.akPublic);
  const names = [hardware?.mda?.chain?.[0], hardware?.tpm?.ekCertificates?.[0], hardware?.tpm?.ekPublic];
  expect(names.map((part) => part && Buffer.from(part).toString())).toEqual(
    disclosure === "serial" ? ["mda leaf", "ek certificate", "ek public"] : [undefined, undefined, ""],
  );
  expect(made.bugs).toEqual([]);
});

/** Goal: a key's bounds hold, whichever name they are written with. Method: bound by one name, asked by the other, and by a third. */
it.each(hiding)("holds a key to its machine by either name, disclosing %s", async (disclosure) => {
  const signer = memorySigner();
  const own = softwareSerial(nodeCrypto, signer.publicKey);
  const alias = new TestNetwork(1, disclosure).serials.of(own).serial;
  for (const [bound, asked] of [
    [own, alias],
    [alias, own],
  ] as const) {
    await using made = await networkOf(disclosure, [bound]);
    made.provider(() => rain, { signer });
    await made.clock.advance(1_000);
    expect((await made.call(CHAT, questionFor(CHAT, { provider_serial: asked }))).status).toBe(200);
    expect((await made.call(CHAT, questionFor(CHAT, { provider_serial: "SW-NOBODY" }))).status).toBe(400);
  }
});

/** Goal: an operator who goes back to serials breaks no pin. Method: the pseudonym of before, on a network with the same key. */
it("finds a machine by its pseudonym where serials are disclosed", async () => {
  await using made = await networkOf("serial");
  const { serial } = made.provider(() => rain);
  await made.clock.advance(1_000);
  const provider_serial = new TestNetwork(1, "pseudonym").serials.of(serial).serial;
  expect((await made.call(CHAT, questionFor(CHAT, { provider_serial }))).status).toBe(200);
});

/** A machine that says what the test wants, over a wire without delay. */
class Impostor {
  readonly heard: FromCoordinator[] = [];
  closed: string | undefined;
  readonly #keys: SealingKeys;
  readonly #signer: Signer;
  readonly #connection: ReturnType<TestNetwork["host"]>;

  constructor(network: TestNetwork, signer: Signer) {
    const { clock } = network;
    this.#signer = signer;
    this.#keys = new SealingKeys({ clock, crypto: nodeCrypto, hpke: nodeHpke, signer }, () =>
      describeMachine(softwareSerial(nodeCrypto, signer.publicKey)),
    );
    this.#connection = network.host({
      bufferedBytes: 0,
      send: (message) => void this.heard.push(fromCoordinator.parse(JSON.parse(message.toString()))),
      ping: () => {},
      close: (_, reason) => void (this.closed ??= reason),
      terminate: () => void (this.closed ??= "terminated"),
    });
  }

  async register(serial?: string): Promise<void> {
    const { blob, signature } = await this.blob(serial);
    this.say({ type: "register", protocols: [PROTOCOL_VERSION], blob, signature, ...(await offerOf(this.#signer)) });
  }

  async renew(serial?: string): Promise<void> {
    this.say({ type: "renew", ...(await this.blob(serial)) });
  }

  say(message: FromProvider): void {
    this.#connection.received(JSON.stringify(message));
  }

  /** What it was told to be called. */
  get alias(): string | undefined {
    const registered = this.heard.find((message) => message.type === "registered");
    return registered?.serial_alias;
  }

  async blob(serial?: string): Promise<{ blob: string; signature: string }> {
    const { bytes, signature } = await this.#keys.show(true, serial);
    return { blob: toBase64(bytes), signature: toBase64(signature) };
  }
}

describe.each(hiding)("a machine that does not keep to its pseudonym, disclosing %s,", (disclosure) => {
  const own = (signer: Signer) => softwareSerial(nodeCrypto, signer.publicKey);
  const made = () => new TestNetwork(1, disclosure);
  const victim = memorySigner();

  /** Goal: what is refused leaves no trace of itself. Method: read the fleet after each refusal. */
  async function expectRefused(network: TestNetwork, machine: Impostor, reason: string): Promise<void> {
    await network.clock.advance(0);
    expect(machine.closed).toBe(reason);
    expect(network.fleet.machines()).toEqual([]);
    expect(network.bugs).toEqual([]);
  }

  it.each<[string, (network: TestNetwork, signer: Signer) => string, string]>([
    [
      "claims another's",
      (network) => network.serials.of(own(victim)).serial,
      "the blob has another serial than it must have",
    ],
    ["keeps its own serial", (_, signer) => own(signer), "the blob has another serial than it must have"],
    ["takes a free one", () => "PS-0123456789AB", "the blob has another serial than it must have"],
  ])("and %s is refused", async (_, serialOf, reason) => {
    const network = made();
    const signer = memorySigner();
    const machine = new Impostor(network, signer);
    await machine.register();
    await network.clock.advance(0);
    expect(machine.alias).toMatch(PSEUDONYM);
    await machine.renew(serialOf(network, signer));
    await expectRefused(network, machine, reason);
  });

  it("and signs with another key is refused", async () => {
    const network = made();
    const [machine, other] = [memorySigner(), memorySigner()].map((signer) => new Impostor(network, signer));
    if (!machine || !other) throw new Error("there are two");
    await machine.register();
    await network.clock.advance(0);
    other.say = (message) => machine.say(message);
    await other.renew(machine.alias);
    await expectRefused(network, machine, "the blob is of another identity key");
  });

  it("and signs wrongly is refused", async () => {
    const network = made();
    const signer = memorySigner();
    let good = true;
    const machine = new Impostor(network, {
      ...signer,
      signTagged: (tag, message) => signer.signTagged(tag, good ? message : message.slice(1)),
    });
    await machine.register();
    await network.clock.advance(0);
    good = false;
    await machine.renew(machine.alias);
    await expectRefused(network, machine, "the blob with the serial_alias fails a check");
  });

  /** Goal: the pseudonym of another's serial is not to be had by claiming that serial. Method: a software serial of another key. */
  it("and registers with another's serial gets none, and is told why", async () => {
    const network = made();
    const machine = new Impostor(network, memorySigner());
    await machine.register(own(victim));
    await expectRefused(network, machine, "its evidence fails a check, so it gets no pseudonym");
    expect(machine.heard.map(({ type }) => type)).toEqual(["trust_status"]);
    const [status] = machine.heard;
    const checks = status?.type === "trust_status" ? status.checks : [];
    expect(checks.filter(({ status: found }) => found === "fail").map(({ id }) => id)).toEqual(["machine.serial"]);
  });

  it("and signs nothing is closed in time", async () => {
    const network = made();
    const machine = new Impostor(network, memorySigner());
    await machine.register();
    for (let n = 0; n < 3; n++) {
      machine.say({ type: "heartbeat", status: "ready" });
      await network.clock.advance(REGISTER_WAIT_MS / 3 - 1);
    }
    expect(machine.closed).toBeUndefined();
    await network.clock.advance(3);
    await expectRefused(network, machine, "a blob with the serial_alias did not come in time");
  });

  /** Goal: nothing is lost that follows its blob at once. Method: a drain in the same breath is acknowledged. */
  it("unless it does, and is heard from its next word on", async () => {
    const network = made();
    const machine = new Impostor(network, memorySigner());
    await machine.register();
    await network.clock.advance(0);
    const renew = await machine.blob(machine.alias);
    machine.say({ type: "renew", ...renew });
    machine.say({ type: "provider_drain" });
    await network.clock.advance(0);
    expect(machine.heard.map(({ type }) => type)).toContain("provider_drain_ack");
  });

  /** Goal: no later blob brings a serial back that was not disclosed, nor another's. Method: join properly, then renew. */
  it.each<[string, (network: TestNetwork, signer: Signer) => string, string | undefined]>([
    ["its pseudonym", (network, signer) => network.serials.of(own(signer)).serial, undefined],
    ["its own serial", (_, signer) => own(signer), "protocol"],
    ["another's pseudonym", (network) => network.serials.of(own(victim)).serial, "protocol"],
  ])("and later renews with %s ends with %s", async (_, serialOf, reason) => {
    const network = made();
    const signer = memorySigner();
    const machine = new Impostor(network, signer);
    await machine.register();
    await network.clock.advance(0);
    await machine.renew(machine.alias);
    await network.clock.advance(0);
    expect(network.fleet.machines().map(({ serial }) => serial)).toEqual([machine.alias]);
    await machine.renew(serialOf(network, signer));
    await network.clock.advance(0);
    expect(machine.closed).toBe(reason);
  });
});

/** Goal: nobody brings a pseudonym along, in any setting. Method: a machine that says that it is its serial. */
it.each(settings)("refuses a machine whose own serial looks like a pseudonym, disclosing %s", async (disclosure) => {
  const network = new TestNetwork(1, disclosure);
  const machine = new Impostor(network, memorySigner());
  await machine.register("PS-0123456789AB");
  await network.clock.advance(0);
  expect(machine.closed).toBe("no machine's own serial begins with PS-");
  expect(machine.heard).toEqual([]);
});

/** Goal: where serials are disclosed, a connection keeps the one that it began with. Method: renew with a maker's. */
it("shuts out a machine that later shows another serial", async () => {
  const network = new TestNetwork();
  const machine = new Impostor(network, memorySigner());
  await machine.register();
  await network.clock.advance(0);
  expect(machine.alias).toBeUndefined();
  await machine.renew("C02XK0AAJG5J");
  await network.clock.advance(0);
  const told = machine.heard.findLast((message) => message.type === "trust_status");
  expect(told?.eligible).toBe(false);
  expect(told?.checks.find(({ id }) => id === "standing")?.status).toBe("fail");
});
