import {
  Catalog,
  credentialFor,
  Fleet,
  hostProvider,
  MachineRecords,
  MemoryLedger,
  serialNames,
  serve,
  Slots,
  type Ask,
  type CatalogEntry,
  type Connection,
  type Events,
  type Net,
  type NetworkKey,
  type SerialDisclosure,
  type SerialNames,
} from "@darkbloom/coordinator/testing";
import {
  dialects,
  microUsd,
  NetworkError,
  softwareSerial,
  toHex,
  utf8,
  type AccountId,
  type BuildId,
  type KeyId,
  type MachinePolicy,
  type ModelId,
  type Random,
  type RequestId,
  type Sha256Hex,
  type Signer,
} from "@darkbloom/protocol";
import { nodeCrypto, nodeHpke } from "@darkbloom/protocol/node";
import {
  SCRIPTED_FAULT,
  ScriptedEngine,
  SealingKeys,
  stayConnected,
  type Dialer,
  type Listener,
  type ProviderEvents,
  type SelfDescription,
  type TrustFacts,
  type Witness,
} from "@darkbloom/provider/testing";
import { createHmac, generateKeyPairSync, sign } from "node:crypto";
import type { Caller } from "./caller.ts";
import { memorySigner } from "./memory-signer.ts";
import { SimulatedClock } from "./simulated-clock.ts";

export const account = "acct_test" as AccountId;
export const entry: CatalogEntry = {
  id: "scripted" as ModelId,
  build: "scripted" as BuildId,
  weightsSha256: "0".repeat(64) as Sha256Hex,
  displayName: "Scripted",
  contextTokens: 2048,
  maxOutputTokens: 1024,
  price: {
    inputPerMtok: microUsd(1_000_000n),
    outputPerMtok: microUsd(2_000_000n),
    cachedInputPerMtok: microUsd(500_000n),
  },
  createdSec: 0,
};
/** Of every network here, so that a coordinator that starts again gives the same pseudonyms. */
const NETWORK_KEY: NetworkKey = {
  mac: (message) => new Uint8Array(createHmac("sha256", "the network's key").update(message).digest()),
};
export const CREDIT = microUsd(10_000_000n);

/** Numbers that look random and are the same for the same seed (mulberry32). */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  return { fraction: next, bytes: (length) => Uint8Array.from({ length }, () => Math.floor(next() * 256)) };
}

/** Events that nobody reads, but for bugs: an assumption that broke fails the test. */
function quietEvents(bugs: unknown[]): Events {
  const ignore = (): void => {};
  return {
    started: ignore,
    stopping: ignore,
    requestSettled: ignore,
    requestFailed: ignore,
    attemptFailed: ignore,
    providerJoined: ignore,
    providerLeft: ignore,
    verdictChanged: ignore,
    frameSkipped: ignore,
    bug: (_, error) => void bugs.push(error),
  };
}

/** A coordinator's core and its providers, in one process, on a simulated clock and simulated wires. */
export class TestNetwork {
  readonly clock = new SimulatedClock();
  readonly random: Random;
  readonly ledger = new MemoryLedger();
  readonly fleet = new Fleet();
  readonly bugs: unknown[] = [];
  readonly net: Net;
  readonly #ending = new AbortController();
  readonly serials: SerialNames;
  readonly #records = new MachineRecords(this.clock);
  /** By which machines are judged; a test may change it. */
  policy: MachinePolicy = {};
  floor: Parameters<typeof hostProvider>[0]["floor"] = { minTrust: "self_signed", catalog: new Catalog([entry]) };

  constructor(seed = 1, disclosure: SerialDisclosure = "serial") {
    this.random = seededRandom(seed);
    this.serials = serialNames(NETWORK_KEY, disclosure);
    const { privateKey, publicKey } = generateKeyPairSync("ed25519");
    this.net = {
      clock: this.clock,
      random: this.random,
      crypto: nodeCrypto,
      hpke: nodeHpke,
      catalog: new Catalog([entry]),
      ledger: this.ledger,
      fleet: this.fleet,
      slots: new Slots(this.fleet, this.clock, this.random),
      countersigner: {
        keyId: "test",
        publicKey: new Uint8Array(publicKey.export({ type: "spki", format: "der" }).subarray(-32)),
        sign: (message) => new Uint8Array(sign(null, message, privateKey)),
      },
      events: quietEvents(this.bugs),
      platformFeePercent: 0,
    };
  }

  async credit(amount = CREDIT): Promise<void> {
    await this.ledger.credit(`credit_${toHex(this.random.bytes(8))}`, account, amount, this.clock.now());
  }

  /** The coordinator's end of a new connection. */
  host(wire: Parameters<typeof hostProvider>[1]): Connection {
    return hostProvider(this.sessionNet, wire, true);
  }

  get sessionNet(): Parameters<typeof hostProvider>[0] {
    return {
      ...this.net,
      serials: this.serials,
      records: this.#records,
      policy: () => this.policy,
      makeCredential: credentialFor,
      floor: this.floor,
      mayJoin: () => true,
    };
  }

  ask(caller: Caller, more: { stream?: boolean; maxTokens?: number; pin?: string } = {}): Ask {
    const { stream = true, maxTokens = 100, pin } = more;
    const body = utf8(
      JSON.stringify({
        model: entry.id,
        stream,
        max_tokens: maxTokens,
        seed: 7,
        messages: [{ role: "user", content: "What is rain?" }],
        ...(pin !== undefined && { provider_serial: pin }),
      }),
    );
    const dialect = dialects["/v1/chat/completions"];
    const { job } = dialect.decode(JSON.parse(new TextDecoder().decode(body)));
    return {
      requestId: `req_${toHex(this.random.bytes(6))}` as RequestId,
      account,
      keyId: "key_test" as KeyId,
      dialect,
      job,
      body,
      bodySha256: toHex(nodeCrypto.sha256(body)) as Sha256Hex,
      minTrust: "self_signed",
      pins: job.pins.map((name) => this.serials.ofPin(name)),
      hangUp: caller.signal,
      shutdown: this.shutdown,
    };
  }

  serve(caller: Caller, more?: Parameters<TestNetwork["ask"]>[1]): Promise<void> {
    return serve(this.net, this.ask(caller, more), caller);
  }

  get shutdown(): AbortSignal {
    return this.#ending.signal;
  }
  /** The coordinator waits no longer for what still runs. */
  endRequests(): void {
    this.#ending.abort(new NetworkError({ code: "draining", retryAfterSec: 3 }));
  }

  /** Joins a real provider with a scripted engine over a simulated wire. */
  provider(script: Behaviour, more: ProviderOptions = {}): TestProvider {
    return new TestProvider(this, script, more);
  }

  /** Requests that still take a slot. */
  get running(): number {
    return this.fleet.providers().reduce((sum, { running }) => sum + running, 0);
  }
}

type Behaviour = ConstructorParameters<typeof ScriptedEngine>[0]["script"];

interface ProviderOptions {
  readonly slots?: number;
  readonly delayMs?: () => number;
  readonly signer?: Signer;
  readonly witness?: Witness;
  /** What it says of itself, beside what it must; read whenever it signs. */
  readonly describe?: () => Partial<SelfDescription>;
  /** What arrives at either end in place of what was sent. */
  readonly meddle?: (text: string, to: "provider" | "coordinator") => string;
}

const unknownPosture = { core_dumps_off: "unknown" } as const;

/** What every machine here says of itself. */
export const describeMachine = (serial: string): SelfDescription => ({
  serial,
  chip_name: "simulated",
  hardware_model: "simulated",
  platform: "other",
  os_version: "1",
  memory_bytes: 1,
  engine: { name: "scripted", version: "1" },
  software: { name: "darkbloom", version: "0" },
  models: [{ build: "scripted", weights_sha256: "0".repeat(64), context_tokens: 2048 }],
  posture: unknownPosture,
});

/** One provider and its wire, which can be cut or frozen. */
export class TestProvider {
  readonly engine: ScriptedEngine;
  readonly serial: string;
  /** The last that the coordinator said of its trust. */
  told: TrustFacts | undefined;
  readonly #network: TestNetwork;
  readonly #delayMs: () => number;
  readonly #meddle: NonNullable<ProviderOptions["meddle"]>;
  readonly #leave = new AbortController();
  #cut: (() => void) | undefined;
  #frozen = false;

  constructor(
    network: TestNetwork,
    script: Behaviour,
    {
      slots = 4,
      delayMs = () => 1,
      signer = memorySigner(),
      witness,
      describe = () => ({}),
      meddle = (text) => text,
    }: ProviderOptions,
  ) {
    const { clock, random } = network;
    this.#network = network;
    this.#delayMs = delayMs;
    this.#meddle = meddle;
    this.engine = new ScriptedEngine({ clock, slots, script });
    this.serial = softwareSerial(nodeCrypto, signer.publicKey);
    const posture = (): SelfDescription["posture"] => describe().posture ?? unknownPosture;
    const tools = { clock, random, crypto: nodeCrypto, hpke: nodeHpke, signer };
    const keys = new SealingKeys(tools, () => ({
      ...describeMachine(this.serial),
      ...describe(),
      posture: posture(),
    }));
    const events: ProviderEvents = {
      joined: () => {},
      lost: () => {},
      trust: (facts) => void (this.told = facts),
      answered: () => {},
      chipFailed: () => {},
      // A fault that the script asked for is none.
      bug: (_, error) => {
        if (!(error instanceof Error && error.message === SCRIPTED_FAULT)) network.bugs.push(error);
      },
    };
    const net = {
      ...tools,
      engine: this.engine,
      keys,
      events,
      slots,
      authToken: undefined,
      posture,
      witness,
      onTrust: () => {},
    };
    void stayConnected(net, this.#dialer(), "simulated", this.#leave.signal, () => {});
  }

  /** The connection breaks; the provider will dial again. */
  cut(): void {
    this.#cut?.();
  }
  /** Nothing goes in or out any more, and nobody is told. */
  freeze(): void {
    this.#frozen = true;
  }
  stop(): void {
    this.#leave.abort(new Error("stopping"));
  }

  /** Two ends of one connection: what goes in at one comes out at the other, later and in order. */
  #dialer(): Dialer {
    return {
      dial: async (listener: Listener) => {
        let open = true;
        const close = (reason: string) => {
          if (!open) return;
          open = false;
          connection.closed();
          listener.closed(1006, reason);
        };
        this.#cut = () => close("");
        const toProvider = this.#pipe((text) => open && listener.received(this.#meddle(text, "provider")));
        const toCoordinator = this.#pipe((text) => open && connection.received(this.#meddle(text, "coordinator")));
        const connection = this.#network.host({
          bufferedBytes: 0,
          send: toProvider,
          ping: () => void this.#later(() => open && connection.heard()),
          close: (_, reason) => void this.#later(() => close(reason)),
          terminate: () => close(""),
        });
        return {
          bufferedBytes: 0,
          send: toCoordinator,
          ping: () => void this.#later(() => open && listener.heard()),
          close: (_, reason) => void this.#later(() => close(reason)),
          terminate: () => close(""),
        };
      },
    };
  }

  #pipe(deliver: (text: string) => void): (text: string) => void {
    let before = Promise.resolve();
    return (text) => {
      const wait = this.#later(() => {});
      before = before.then(() => wait).then(() => void (this.#frozen || deliver(text)));
    };
  }

  async #later(act: () => void): Promise<void> {
    await this.#network.clock.sleep(this.#delayMs());
    if (!this.#frozen) act();
  }
}
