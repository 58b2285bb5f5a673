import {
  fromBase64,
  fromProvider,
  PROTOCOL_VERSION,
  readBlob,
  toHex,
  verify,
  type Clock,
  type Crypto,
  type FromProvider,
  type Hpke,
  type MachinePolicy,
  type ProviderId,
  type Random,
  type Sha256Hex,
} from "@darkbloom/protocol";
import type { Events } from "../events/events.ts";
import type { Fleet } from "../fleet/fleet.ts";
import type { MachineRecords } from "../fleet/records.ts";
import { Challenger, evidenceOf } from "./challenger.ts";
import { Mailbox } from "./mailbox.ts";
import { ProviderSession, type Shown } from "./provider-session.ts";
import { closeCodes, type Wire } from "./wire.ts";

/** What hosting a provider needs from outside. */
export interface SessionNet {
  readonly clock: Clock;
  readonly random: Random;
  readonly crypto: Crypto;
  readonly hpke: Hpke;
  readonly fleet: Fleet;
  readonly records: MachineRecords;
  /** By which evidence is judged now. */
  readonly policy: () => MachinePolicy;
  readonly events: Events;
  /** Whether this peer may join: it is on this machine, or it shows the operator's join token. */
  readonly mayJoin: (authToken: string | undefined, onThisMachine: boolean) => boolean;
}

/** A new connection must register within this. */
export const REGISTER_WAIT_MS = 10_000;
/** A sign of life is asked for this often. */
export const PING_EVERY_MS = 3_000;
/** A provider from which nothing was heard for this long is gone: a killed or frozen one is noticed within 15 s. */
export const SILENCE_MS = 10_000;

/** What the edge tells of one socket. */
export interface Connection {
  received(text: string): void;
  /** Any sign of life, a pong too. */
  heard(): void;
  /** The socket has written something. */
  drained(): void;
  closed(): void;
}

/**
 * One provider's stay, start to end: it registers, its evidence is checked, it joins the fleet, it is
 * challenged again and again, and whatever it says about its attempts is handed to them. When its
 * socket goes, every attempt on it is told, and the fleet forgets it.
 */
export function hostProvider(
  net: SessionNet,
  wire: Wire,
  onThisMachine: boolean,
): Connection & { done: Promise<void> } {
  const over = new AbortController();
  const first = new Mailbox<{ text: string }>(net.clock);
  let receive = (text: string) => first.put({ text });
  let session: ProviderSession | undefined;
  let heardAtMs = net.clock.monotonicMs();

  const stay = async () => {
    const opening = await first.take(REGISTER_WAIT_MS, over.signal);
    const joined = register(net, wire, opening && readFrame(opening.text), onThisMachine);
    if (!joined) return;
    session = joined;
    const challenger = new Challenger(net, joined);
    receive = (next) => dispatch(net, joined, challenger, readFrame(next));

    using _member = net.fleet.join(joined);
    const { blob } = joined.shown;
    net.events.providerJoined({
      providerId: joined.providerId,
      serial: joined.view().serial,
      trustLevel: joined.verdict.level,
      slots: joined.view().slots,
      models: blob.models.length,
    });
    try {
      await Promise.all([challenger.run(over.signal), watchSilence(net, joined, wire, () => heardAtMs, over.signal)]);
    } finally {
      net.events.providerLeft({
        providerId: joined.providerId,
        reason: joined.leaving ?? "closed",
        running: joined.running,
        connectedMs: net.clock.now() - joined.view().connectedAt,
      });
      joined.closed();
    }
  };

  const done = stay().catch((error: unknown) => {
    if (!over.signal.aborted) net.events.bug({ where: "session" }, error);
    wire.close(closeCodes.policy, "the coordinator failed");
  });

  return {
    done,
    received: (text) => {
      heardAtMs = net.clock.monotonicMs();
      try {
        receive(text);
      } catch (error) {
        // What cannot be read ends this connection and nothing else.
        if (!(error instanceof RangeError)) net.events.bug({ where: "session" }, error);
        session?.leave("protocol");
      }
    },
    heard: () => void (heardAtMs = net.clock.monotonicMs()),
    drained: () => session?.outbox.flush(),
    closed: () => over.abort(new Error("the provider's socket closed")),
  };
}

/** Checks who registers. A machine whose evidence fails stays connected at level `none`, and is told why. */
function register(
  net: SessionNet,
  wire: Wire,
  frame: FromProvider | undefined,
  onThisMachine: boolean,
): ProviderSession | undefined {
  if (frame?.type !== "register" || frame.protocol !== PROTOCOL_VERSION) {
    wire.close(closeCodes.policy, `register first, with protocol ${PROTOCOL_VERSION}`);
    return undefined;
  }
  if (!net.mayJoin(frame.auth_token, onThisMachine)) {
    wire.close(closeCodes.policy, "a join token is needed to join from another machine");
    return undefined;
  }
  const shown = readShown(net.crypto, frame);
  if (!shown) {
    wire.close(closeCodes.policy, "the registration blob cannot be read");
    return undefined;
  }
  const verdict = verify(net.crypto, evidenceOf(shown), { ...net.policy(), moment: "registration" }, net.clock.now());
  const providerId = `prov_${toHex(net.random.bytes(12))}` as ProviderId;
  const session = new ProviderSession(net, wire, providerId, frame.slots, shown, verdict);
  session.outbox.control({ type: "registered", protocol: PROTOCOL_VERSION, provider_id: providerId });
  session.tellTrust();
  return session;
}

/** Reads one frame of a registered provider. What is unknown or out of place is skipped. */
function dispatch(
  net: SessionNet,
  session: ProviderSession,
  challenger: Challenger,
  frame: FromProvider | undefined,
): void {
  switch (frame?.type) {
    case undefined:
      return net.events.frameSkipped({ providerId: session.providerId });
    case "register":
      return session.leave("protocol");
    case "renew": {
      const shown = readShown(net.crypto, frame);
      if (shown?.blob.identity_key !== session.identityKey) return session.leave("protocol");
      return challenger.renew(shown);
    }
    case "heartbeat":
      return;
    case "attestation_response":
      return challenger.answered({ answer: fromBase64(frame.answer), signature: fromBase64(frame.signature) });
    case "provider_drain":
      return session.drain();
    case "inference_accepted":
    case "inference_response_chunk":
    case "inference_complete":
    case "inference_error":
      return session.hear(frame);
  }
}

function readShown(crypto: Crypto, frame: { blob: string; signature: string }): Shown | undefined {
  const blobBytes = fromBase64(frame.blob);
  const blob = readBlob(blobBytes);
  if (!blob) return undefined;
  const sha256 = toHex(crypto.sha256(blobBytes)) as Sha256Hex;
  return { blob, blobBytes, blobSignature: fromBase64(frame.signature), sha256 };
}

/** Asks for signs of life, and drops a connection that gives none. */
async function watchSilence(
  net: SessionNet,
  session: ProviderSession,
  wire: Wire,
  heardAtMs: () => number,
  over: AbortSignal,
): Promise<void> {
  while (!over.aborted) {
    await net.clock.sleep(PING_EVERY_MS, over);
    if (net.clock.monotonicMs() - heardAtMs() > SILENCE_MS) session.leave("silent");
    else wire.ping();
  }
}

/** A frame as text, parsed; undefined where it is not one that we know. */
function readFrame(text: string): FromProvider | undefined {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return undefined;
  }
  const parsed = fromProvider.safeParse(json);
  return parsed.success ? parsed.data : undefined;
}
