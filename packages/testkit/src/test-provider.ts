import { toBase64 } from "@darkbloom/protocol/bytes";
import { signOffer, softwareSerial } from "@darkbloom/protocol/evidence";
import type { Clock } from "@darkbloom/protocol/ports";
import type { Signer } from "@darkbloom/protocol/signer";
import { nodeCrypto, nodeHpke } from "@darkbloom/protocol/node";
import {
  Offers,
  SCRIPTED_FAULT,
  ScriptedEngine,
  SealingKeys,
  stayConnected,
  type Dialer,
  type Listener,
  type Message,
  type Offered,
  type ProviderEvents,
  type SelfDescription,
  type TrustFacts,
  type Witness,
} from "@darkbloom/provider/testing";
import { memorySigner } from "./memory-signer.ts";
import type { TestNetwork } from "./network.ts";

export type Behaviour = ConstructorParameters<typeof ScriptedEngine>[0]["script"];

export interface ProviderOptions {
  readonly slots?: number;
  readonly delayMs?: () => number;
  readonly signer?: Signer;
  /** By how much its wall clock is ahead, whenever it looks. */
  readonly clockAheadMs?: () => number;
  readonly witness?: Witness;
  /** By which it is somebody's. */
  readonly machineToken?: string;
  /** What it says of itself, beside what it must; read whenever it signs. */
  readonly describe?: () => Partial<SelfDescription>;
  /** What it offers, beside what it must; read whenever it looks whether that has changed. */
  readonly offers?: () => Partial<Offered>;
  /** Numbers in each of its vectors; as the catalog of every network here has it. */
  readonly vectorLength?: number;
  /** What arrives at either end in place of what was sent. */
  readonly meddle?: (message: Message, to: "provider" | "coordinator") => Message;
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
  posture: unknownPosture,
});

/** What every machine here can be asked for, unless a test says otherwise. */
export const offered: Offered = {
  slots: 4,
  models: [
    {
      build: "scripted",
      weights_sha256: "0".repeat(64),
      context_tokens: 2048,
      tasks: ["generate", "complete", "embed"],
    },
  ],
};

/** The signed offer, as `register` has it. */
export async function offerOf(signer: Signer, more: Partial<Offered> = {}) {
  const said = { v: 1, identity_key: toBase64(signer.publicKey), ...offered, ...more } as const;
  const { bytes, signature } = await signOffer(signer, said);
  return { offer: toBase64(bytes), offer_signature: toBase64(signature) };
}

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
      machineToken,
      clockAheadMs = () => 0,
      describe = () => ({}),
      offers = () => ({}),
      meddle = (message) => message,
      vectorLength,
    }: ProviderOptions,
  ) {
    const { random } = network;
    const clock: Clock = {
      now: () => network.clock.now() + clockAheadMs(),
      monotonicMs: () => network.clock.monotonicMs(),
      sleep: (ms, signal) => network.clock.sleep(ms, signal),
    };
    this.#network = network;
    this.#delayMs = delayMs;
    this.#meddle = meddle;
    this.engine = new ScriptedEngine({ clock, slots, script, ...(vectorLength && { model: { vectorLength } }) });
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
      engine: () => undefined,
      bug: (_, error) => {
        if (!(error instanceof Error && error.message === SCRIPTED_FAULT)) network.bugs.push(error);
      },
    };
    const net = {
      ...tools,
      engine: this.engine,
      keys,
      offers: new Offers(tools, () => ({ ...offered, slots, ...offers() })),
      events,
      authToken: undefined,
      machineToken,
      posture,
      witness,
      onTrust: () => {},
      defer: queueMicrotask,
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
        const toProvider = this.#pipe((message) => open && listener.received(this.#meddle(message, "provider")));
        const toCoordinator = this.#pipe(
          (message) => open && connection.received(this.#meddle(message, "coordinator")),
        );
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

  #pipe(deliver: (message: Message) => void): (message: Message) => void {
    let before = Promise.resolve();
    return (message) => {
      const wait = this.#later(() => {});
      before = before.then(() => wait).then(() => void (this.#frozen || deliver(message)));
    };
  }

  async #later(act: () => void): Promise<void> {
    await this.#network.clock.sleep(this.#delayMs());
    if (!this.#frozen) act();
  }
}
