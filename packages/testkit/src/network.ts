import {
  Budget,
  type BusSkip,
  Catalog,
  Core,
  credentialFor,
  Approvals,
  MemoryLedger,
  ownersInMemory,
  Transparent,
  type Ask,
  type CatalogEntry,
  type Connection,
  type CorePorts,
  type Events,
  type Grievance,
  type Net,
  type NetworkKey,
  type SerialDisclosure,
  type SerialNames,
  type SlotTurns,
  type Terms,
  type Wire,
} from "@darkbloom/coordinator/testing";
import { toHex, utf8 } from "@darkbloom/protocol/bytes";
import { dialects, inspect, type Endpoint, type Figures } from "@darkbloom/protocol/dialects";
import type { MachinePolicy, TrustLevel } from "@darkbloom/protocol/evidence";
import type { AccountId, BuildId, KeyId, ModelId, RequestId, Sha256Hex } from "@darkbloom/protocol/ids";
import { microUsd } from "@darkbloom/protocol/money";
import type { Random } from "@darkbloom/protocol/ports";
import { nodeCrypto, nodeHpke } from "@darkbloom/protocol/node";
import { createHmac, generateKeyPairSync, sign } from "node:crypto";
import type { Caller } from "./caller.ts";
import { HeldChecks } from "./held-checks.ts";
import { SimulatedClock } from "./simulated-clock.ts";
import { TestProvider, type Behaviour, type ProviderOptions } from "./test-provider.ts";

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
  tasks: ["generate", "complete", "embed"],
  embedding: { dimensions: 8, shortenedTo: [4] },
  createdSec: 0,
};
/** Of every network here, so that a coordinator that starts again gives the same pseudonyms. */
export const NETWORK_KEY: NetworkKey = {
  mac: (...message) => {
    const hmac = createHmac("sha256", "the network's key");
    for (const part of message) hmac.update(part);
    return new Uint8Array(hmac.digest());
  },
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
function quietEvents(bugs: unknown[], skipped: BusSkip[]): Events {
  const ignore = (): void => {};
  return {
    started: ignore,
    stopping: ignore,
    requestSettled: ignore,
    requestFailed: ignore,
    attemptFailed: ignore,
    providerJoined: ignore,
    joinRefused: ignore,
    clockOff: ignore,
    adminActed: ignore,
    providerLeft: ignore,
    verdictChanged: ignore,
    frameSkipped: ignore,
    databaseChanged: ignore,
    busChanged: ignore,
    busFailed: ignore,
    busSkipped: ({ why }) => void skipped.push(why),
    peerChanged: ignore,
    logFactsDropped: ignore,
    mailFailed: ignore,
    openIdFailed: ignore,
    bug: (_, error) => void bugs.push(error),
  };
}

/** What a request differs in from what its body alone comes to. */
export interface Asking extends Partial<Omit<Ask, "terms" | "content">> {
  readonly endpoint?: Endpoint;
  /** What is sent, in place of what was read. */
  readonly body?: Uint8Array<ArrayBuffer>;
  readonly terms?: Partial<Terms>;
  readonly figures?: Partial<Figures>;
}

/** A request as the edge hands it on. */
export function asking(said: object, asked: Asking = {}): Ask {
  const { endpoint = "/v1/chat/completions", body = utf8(JSON.stringify(said)), terms, figures, ...rest } = asked;
  const dialect = dialects[endpoint];
  const inspected = inspect(dialect, said);
  return {
    terms: {
      ...inspected.terms,
      requestId: "req_1" as RequestId,
      account,
      keyId: "key_test" as KeyId,
      caps: [],
      rates: { requests: null, promptTokens: null, answerTokens: null },
      minTrust: "self_signed",
      bodyBytes: body.length,
      bodySha256: toHex(nodeCrypto.sha256(body)) as Sha256Hex,
      ...terms,
    },
    content: new Transparent(dialect, { ...inspected.figures, ...figures }, body),
    answerRoom: new Budget(1e9).share(account),
    hangUp: new AbortController().signal,
    shutdown: new AbortController().signal,
    ...rest,
  };
}

/** What several coordinators of one network have together. */
export interface Shared {
  readonly clock: SimulatedClock;
  readonly ledger: MemoryLedger;
  readonly turns?: SlotTurns;
}

/** A coordinator's core and its providers, in one process, on a simulated clock and simulated wires. */
export class TestNetwork {
  readonly clock: SimulatedClock;
  readonly checks = new HeldChecks();
  readonly random: Random;
  readonly ledger: MemoryLedger;
  /** For what of answers may not go out yet. */
  readonly answers = new Budget(64 * 1024 * 1024);
  readonly bugs: unknown[] = [];
  /** What came over the bus and was not taken. */
  readonly skipped: BusSkip[] = [];
  /** What it holds against machines, beyond its own life. */
  readonly grievances: Grievance[] = [];
  readonly owners: ReturnType<typeof ownersInMemory>;
  readonly core: Core;
  /** Asks for none; a test may. */
  approvals = new Approvals(false);
  /** By which machines are judged; a test may change it. */
  policy: MachinePolicy = {};
  /** Lets everybody in; a test may not. */
  mayJoin: CorePorts["mayJoin"] = () => true;
  makeCredential: CorePorts["makeCredential"] = credentialFor;
  readonly floor: { minTrust: TrustLevel; catalog: Catalog };

  /**
   * @param sold the one model of the catalog; @param known what an earlier life held against machines; @param shared what is not
   * this coordinator's alone
   */
  constructor(
    seed = 1,
    disclosure: SerialDisclosure = "serial",
    sold: CatalogEntry = entry,
    known: readonly Grievance[] = [],
    shared: Shared = { clock: new SimulatedClock(), ledger: new MemoryLedger() },
  ) {
    this.clock = shared.clock;
    this.ledger = shared.ledger;
    this.owners = ownersInMemory(this.clock);
    const catalog = new Catalog([sold]);
    this.floor = { minTrust: "self_signed", catalog };
    this.random = seededRandom(seed);
    const { privateKey, publicKey } = generateKeyPairSync("ed25519");
    this.core = new Core({
      clock: this.clock,
      random: this.random,
      crypto: this.checks.crypto,
      hpke: nodeHpke,
      catalog,
      ledger: this.ledger,
      countersigner: {
        keyId: "test",
        publicKey: new Uint8Array(publicKey.export({ type: "spki", format: "der" }).subarray(-32)),
        sign: (message) => new Uint8Array(sign(null, message, privateKey)),
      },
      events: quietEvents(this.bugs, this.skipped),
      platformFeePercent: 0,
      networkKey: NETWORK_KEY,
      serialDisclosure: disclosure,
      owners: this.owners,
      approvals: { of: (id) => this.approvals.of(id) },
      policy: () => this.policy,
      makeCredential: (...of) => this.makeCredential(...of),
      floor: this.floor,
      mayJoin: (...shown) => this.mayJoin(...shown),
      defer: queueMicrotask,
      turns: shared.turns,
      grievances: { known, keep: (grievance) => void this.grievances.push(grievance) },
    });
  }

  get net(): Net {
    return this.core.net;
  }
  get fleet(): Net["fleet"] {
    return this.net.fleet;
  }
  get serials(): SerialNames {
    return this.core.sessionNet.serials;
  }

  async credit(amount = CREDIT): Promise<void> {
    await this.ledger.credit(`credit_${toHex(this.random.bytes(8))}`, account, amount, this.clock.now());
  }

  /** The coordinator's end of a new connection. */
  host(wire: Wire): Connection {
    return this.core.host(wire, { isLocal: true, bucket: "simulated" });
  }

  /** A request of a caller: a chat, or what is `said`. */
  ask(caller: Caller, more: { stream?: boolean; maxTokens?: number; pin?: string; said?: object } & Asking = {}): Ask {
    const { stream = true, maxTokens = 100, pin, said, ...rest } = more;
    const chat = {
      model: entry.id,
      stream,
      max_tokens: maxTokens,
      seed: 7,
      messages: [{ role: "user", content: "What is rain?" }],
      ...(pin !== undefined && { provider_serial: pin }),
    };
    const requestId = `req_${toHex(this.random.bytes(6))}` as RequestId;
    const given = { answerRoom: this.answers.share(account), hangUp: caller.signal, shutdown: this.shutdown };
    const ask = asking(said ?? chat, { ...given, ...rest, terms: { requestId, ...rest.terms } });
    return { ...ask, terms: { ...ask.terms, pins: ask.terms.pins.map((name) => this.serials.ofPin(name)) } };
  }

  serve(caller: Caller, more?: Parameters<TestNetwork["ask"]>[1]): Promise<void> {
    return this.core.serve(this.ask(caller, more), caller);
  }

  get shutdown(): AbortSignal {
    return this.core.shutdown;
  }
  /** The coordinator waits no longer for what still runs. */
  endRequests(): void {
    this.core.end();
  }

  /** Joins a real provider with a scripted engine over a simulated wire. */
  provider(script: Behaviour, more: ProviderOptions = {}): TestProvider {
    return new TestProvider(this, script, more);
  }

  /** Requests that still take a slot. */
  get running(): number {
    return this.fleet.machines().reduce((sum, { running }) => sum + running, 0);
  }
}
