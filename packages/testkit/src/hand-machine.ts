import type { Connection, Member, Wire } from "@darkbloom/coordinator/testing";
import { toBase64 } from "@darkbloom/protocol/bytes";
import { signChallengeAnswer, softwareSerial } from "@darkbloom/protocol/evidence";
import type { Signer } from "@darkbloom/protocol/signer";
import {
  fromCoordinator,
  joinRecords,
  PROTOCOL_VERSION,
  readRecords,
  readRequest,
  type FromCoordinator,
  type FromProvider,
  type InferenceRequest,
} from "@darkbloom/protocol/wire";
import { nodeCrypto, nodeHpke } from "@darkbloom/protocol/node";
import { Offers, SealingKeys, type Offered, type SelfDescription } from "@darkbloom/provider/testing";
import { memorySigner } from "./memory-signer.ts";
import type { TestNetwork } from "./network.ts";
import { describeMachine, offered } from "./test-provider.ts";

type Of<Type extends FromCoordinator["type"]> = Extract<FromCoordinator, { type: Type }>;

/** The wire's other end in a test's own hands: it says what the test says, and nothing by itself. */
export class HandMachine {
  readonly heard: FromCoordinator[] = [];
  readonly requests: InferenceRequest[] = [];
  /** The reason with which it was closed. */
  closed: string | undefined;
  /** What the coordinator's socket has not written yet. */
  bufferedBytes = 0;
  pings = 0;
  readonly signer: Signer;
  readonly keys: SealingKeys;
  readonly offers: Offers;
  offered: Offered = offered;
  readonly connection: Connection;
  readonly #network: TestNetwork;

  constructor(
    network: TestNetwork,
    { signer = memorySigner(), describe = {} }: { signer?: Signer; describe?: Partial<SelfDescription> } = {},
  ) {
    this.#network = network;
    this.signer = signer;
    this.keys = new SealingKeys({ clock: network.clock, crypto: nodeCrypto, hpke: nodeHpke, signer }, () => ({
      ...describeMachine(softwareSerial(nodeCrypto, signer.publicKey)),
      ...describe,
    }));
    this.offers = new Offers({ crypto: nodeCrypto, signer }, () => this.offered);
    this.connection = network.host(this.#wire());
  }

  /** It joins and passes its first challenge. */
  static async joined(network: TestNetwork, more?: ConstructorParameters<typeof HandMachine>[1]): Promise<HandMachine> {
    const machine = new HandMachine(network, more);
    await machine.register();
    await network.clock.advance(1);
    machine.say(await machine.answerTo(machine.last("attestation_challenge")));
    await network.clock.advance(1);
    return machine;
  }

  say(message: FromProvider): void {
    this.sayText(JSON.stringify(message));
  }
  sayText(text: string): void {
    this.connection.received(text);
  }
  /** In one message. */
  sayRecords(...records: readonly Uint8Array[]): void {
    this.connection.received(joinRecords(records));
  }

  async register(more: Partial<Extract<FromProvider, { type: "register" }>> = {}): Promise<void> {
    const { bytes, signature } = await this.keys.show(true);
    const offer = await this.offers.show();
    this.say({
      type: "register",
      protocols: [PROTOCOL_VERSION],
      blob: toBase64(bytes),
      signature: toBase64(signature),
      offer: toBase64(offer.bytes),
      offer_signature: toBase64(offer.signature),
      ...more,
    });
  }

  /** Says that it offers something else. @returns the signed bytes */
  async offer(more: Partial<Offered>): Promise<Uint8Array> {
    this.offered = { ...this.offered, ...more };
    const { bytes, signature } = await this.offers.show();
    this.say({ type: "offer", offer: toBase64(bytes), signature: toBase64(signature) });
    return bytes;
  }

  async answerTo(
    challenge: Of<"attestation_challenge">,
    more: {
      readonly nonce?: string;
      readonly atMs?: number;
      readonly posture?: SelfDescription["posture"];
      readonly offerSha256?: string;
    } = {},
  ): Promise<FromProvider> {
    const { bytes, signature } = await signChallengeAnswer(this.signer, {
      v: 1,
      nonce: more.nonce ?? challenge.nonce,
      callers_root: challenge.callers_root,
      blob_sha256: this.keys.latest.evidenceSha256,
      offer_sha256: more.offerSha256 ?? this.offers.sha256,
      hpke_key_ids: this.keys.latest.keyIds,
      posture: more.posture ?? {},
      at: new Date(more.atMs ?? this.#network.clock.now()).toISOString(),
    });
    return { type: "attestation_response", answer: toBase64(bytes), signature: toBase64(signature) };
  }

  all<Type extends FromCoordinator["type"]>(type: Type): Of<Type>[] {
    return this.heard.filter((message): message is Of<Type> => message.type === type);
  }
  last<Type extends FromCoordinator["type"]>(type: Type): Of<Type> {
    const found = this.all(type).at(-1);
    if (!found) throw new Error(`the coordinator has sent no ${type}`);
    return found;
  }

  /** As the fleet sees it. */
  get member(): Member {
    const member = this.#network.fleet.get(this.last("registered").provider_id as Member["providerId"]);
    if (!member) throw new Error("it is not in the fleet");
    return member;
  }

  #wire(): Wire {
    const bufferedBytes = () => this.bufferedBytes;
    return {
      get bufferedBytes() {
        return bufferedBytes();
      },
      send: (message) => {
        if (typeof message === "string") this.heard.push(fromCoordinator.parse(JSON.parse(message)));
        else for (const request of requestsIn(message)) this.requests.push(request);
      },
      ping: () => {
        this.pings++;
        this.connection.heard();
      },
      close: (_, reason) => this.#close(reason),
      terminate: () => this.#close("terminated"),
    };
  }

  #close(reason: string): void {
    this.closed ??= reason;
    this.connection.closed();
  }
}

/** @throws RangeError for a record that is no request */
function requestsIn(message: Uint8Array): InferenceRequest[] {
  return [...readRecords(message)].map(({ jobId, bytes }) => {
    const request = readRequest(jobId, bytes);
    if (!request) throw new RangeError("the coordinator has sent what is no request");
    return request;
  });
}
