import { fromBase64, tpmQuoteFrom, type FromProvider, type Hpke, type MachinePolicy } from "@darkbloom/protocol";
import type { Events } from "../events/events.ts";
import type { Fleet } from "../fleet/fleet.ts";
import type { MachineRecords } from "../fleet/records.ts";
import type { Floor } from "../trust/serving.ts";
import type { SerialNames } from "../trust/serial-names.ts";
import type { ActivationNet } from "./activation.ts";
import { Challenger } from "./challenger.ts";
import { Mailbox } from "./mailbox.ts";
import type { ProviderSession } from "./provider-session.ts";
import { mismatchOf, readFrame, register } from "./register.ts";
import { readShown } from "./shown.ts";
import { closeCodes, type Wire } from "./wire.ts";

/** What hosting a provider needs from outside. */
export interface SessionNet extends ActivationNet {
  readonly hpke: Hpke;
  readonly fleet: Fleet;
  readonly records: MachineRecords;
  /** By which evidence is judged now. */
  readonly policy: () => MachinePolicy;
  readonly floor: Floor;
  readonly events: Events;
  readonly serials: SerialNames;
  /** Whether this peer may join: it is on this machine, or it shows the operator's join token. */
  readonly mayJoin: (authToken: string | undefined, onThisMachine: boolean) => boolean;
}

/** A sign of life is asked for this often. */
export const PROVIDER_PING_EVERY_MS = 3_000;
/** A provider from which nothing was heard for this long is gone: a killed or frozen one is noticed within 15 s. */
export const PROVIDER_SILENCE_MS = 10_000;

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

  const received = (text: string) => {
    heardAtMs = net.clock.monotonicMs();
    try {
      receive(text);
    } catch (error) {
      // What cannot be read ends this connection and nothing else.
      if (!(error instanceof RangeError)) net.events.bug({ where: "session" }, error);
      session?.leave("protocol");
    }
  };

  const stay = async () => {
    const joined = await register(net, wire, first, onThisMachine, over.signal);
    if (!joined) {
      // Refused: what it still sends until the socket ends is nobody's.
      receive = () => {};
      return;
    }
    session = joined;
    const challenger = new Challenger(net, joined);
    receive = (next) => dispatch(net, joined, challenger, readFrame(next));
    // What came in one breath with its registration.
    for (const { text } of first.rest()) received(text);

    using _member = net.fleet.join(joined);
    const { blob } = joined.shown;
    net.events.providerJoined({
      providerId: joined.providerId,
      serial: joined.evidence.name.serial,
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
    received,
    heard: () => void (heardAtMs = net.clock.monotonicMs()),
    drained: () => session?.outbox.flush(),
    closed: () => over.abort(new Error("the provider's socket closed")),
  };
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
      if (!shown || mismatchOf(shown, session.identityKey, session.evidence.name)) return session.leave("protocol");
      return challenger.renew(shown);
    }
    case "heartbeat":
      return;
    case "attestation_response":
      return challenger.answered({
        answer: fromBase64(frame.answer),
        signature: fromBase64(frame.signature),
        ...(frame.quote && { quote: tpmQuoteFrom(frame.quote) }),
        ...(frame.secret !== undefined && { secret: fromBase64(frame.secret) }),
      });
    case "provider_drain":
      return session.drain();
    case "inference_accepted":
    case "inference_response_chunk":
    case "inference_complete":
    case "inference_error":
      return session.hear(frame);
  }
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
    await net.clock.sleep(PROVIDER_PING_EVERY_MS, over);
    if (net.clock.monotonicMs() - heardAtMs() > PROVIDER_SILENCE_MS) session.leave("silent");
    else wire.ping();
  }
}
