import { fromBase64 } from "@darkbloom/protocol/bytes";
import { tpmQuoteFrom } from "@darkbloom/protocol/evidence";
import type { FromProvider } from "@darkbloom/protocol/wire";
import { Challenger } from "../trust/challenger.ts";
import { readShownBlob, readShownOffer } from "../trust/shown.ts";
import { Mailbox } from "./mailbox.ts";
import type { Arrival, SessionNet } from "./net.ts";
import type { ProviderSession } from "./provider-session.ts";
import { mismatchOf, readFrame, register } from "./register.ts";
import { closeCodes, type Message, type Wire } from "./wire.ts";

/** Whoever has not registered may send this, and no more. Evidence of the largest kind is a quarter of it. */
export const FIRST_BYTES_MAX = 1024 * 1024;
/** Frames of his that may wait meanwhile: a registration, a blob under a pseudonym, what comes in one breath with them. */
export const FIRST_FRAMES_MAX = 16;

/** A sign of life is asked for this often. */
export const PROVIDER_PING_EVERY_MS = 3_000;
/** A provider from which nothing was heard for this long is gone: a killed or frozen one is noticed within 15 s. */
export const PROVIDER_SILENCE_MS = 10_000;

/** What the edge tells of one socket. */
export interface Connection {
  received(message: Message): void;
  /** Any sign of life, a pong too. */
  heard(): void;
  /** A sign of life that was not asked for. */
  pinged(): void;
  /** The socket has written something. */
  drained(): void;
  closed(): void;
  /** Whether it was let in, once that is known. */
  readonly registered: Promise<boolean>;
}

export interface Stay extends Connection {
  /** Its end, once its socket has gone. */
  readonly done: Promise<void>;
}

/**
 * One provider's stay, start to end: it registers, its evidence is checked, it joins the fleet, it is
 * challenged again and again, and whatever it says about its attempts is handed to them. When its
 * socket goes, every attempt on it is told, and the fleet forgets it.
 */
export function hostProvider(net: SessionNet, wire: Wire, arrival: Arrival): Stay {
  const over = new AbortController();
  const first = new Mailbox<{ text: string }>(net.deadlines);
  over.signal.addEventListener("abort", () => first.interrupt(over.signal.reason));
  const registered = Promise.withResolvers<boolean>();
  let firstFrames = 0;
  let firstChars = 0;
  /** Before it has registered; later its session counts. */
  const isTooMuch = (chars: number): boolean => {
    firstChars += chars;
    if (++firstFrames <= FIRST_FRAMES_MAX && firstChars <= FIRST_BYTES_MAX) return false;
    net.events.joinRefused({ reason: "flood", address: arrival.bucket });
    receive = ignore;
    wire.close(closeCodes.policy, "too much before the registration");
    // Its registration may just be in the middle of being checked.
    over.abort(new Error("the provider sent too much before it was registered"));
    return true;
  };
  let receive = (message: Message): void | Promise<void> => {
    // Records are about attempts, of which there are none yet.
    if (!isTooMuch(message.length)) first.put({ text: typeof message === "string" ? message : "" });
  };
  let session: ProviderSession | undefined;
  let heardAtMs = net.clock.monotonicMs();

  /** What cannot be read ends this connection and nothing else. */
  const failed = (error: unknown) => {
    if (!(error instanceof RangeError)) net.events.bug({ where: "session" }, error);
    session?.leave("protocol");
  };
  const received = (message: Message) => {
    heardAtMs = net.clock.monotonicMs();
    try {
      receive(message)?.catch(failed);
    } catch (error) {
      failed(error);
    }
  };

  const stay = async () => {
    const joined = await register(net, wire, first, arrival, over.signal);
    registered.resolve(joined !== undefined);
    if (!joined) {
      // Refused: what it still sends until the socket ends is nobody's.
      receive = ignore;
      return;
    }
    session = joined;
    const challenger = new Challenger(net, joined);
    receive = (next) => {
      if (!joined.mayCost(next.length)) return undefined;
      if (typeof next !== "string") return joined.hearRecords(next);
      return dispatch(net, joined, challenger, readFrame(next));
    };
    // What came in one breath with its registration.
    for (const { text } of first.rest()) received(text);

    using _member = net.fleet.join(joined);
    const joinedAtMs = net.clock.monotonicMs();
    const { evidence, shown, verdict } = joined.trust;
    net.events.providerJoined({
      providerId: joined.providerId,
      serial: evidence.name.serial,
      trustLevel: verdict.level,
      slots: shown.offer.slots,
      models: shown.offer.models.length,
    });
    try {
      await Promise.all([challenger.run(over.signal), watchSilence(net, joined, wire, () => heardAtMs, over.signal)]);
    } finally {
      net.events.providerLeft({
        providerId: joined.providerId,
        reason: joined.leaving ?? "closed",
        running: joined.running,
        connectedMs: net.clock.monotonicMs() - joinedAtMs,
      });
      joined.closed();
    }
  };

  const done = stay().catch((error: unknown) => {
    registered.resolve(false);
    if (!over.signal.aborted) net.events.bug({ where: "session" }, error);
    wire.close(closeCodes.policy, "the coordinator failed");
  });

  return {
    done,
    registered: registered.promise,
    received,
    heard: () => void (heardAtMs = net.clock.monotonicMs()),
    pinged: () => {
      heardAtMs = net.clock.monotonicMs();
      if (session) session.mayCost(0);
      else if (receive !== ignore) isTooMuch(0);
    },
    drained: () => session?.outbox.flush(),
    closed: () => over.abort(new Error("the provider's socket closed")),
  };
}

const ignore = (): void => {};

/**
 * Reads one frame of a registered provider. What is unknown or out of place is skipped. Only a new blob or offer takes
 * longer than this turn: what comes behind it is read while its signature is checked.
 */
function dispatch(
  net: SessionNet,
  session: ProviderSession,
  challenger: Challenger,
  frame: FromProvider | undefined,
): void | Promise<void> {
  switch (frame?.type) {
    case undefined:
      return net.events.frameSkipped({ providerId: session.providerId });
    case "register":
      return session.leave("protocol");
    case "renew": {
      const shown = readShownBlob(net.crypto, frame);
      if (!shown || mismatchOf(shown, session.view.identityKey, session.trust.evidence.name))
        return session.leave("protocol");
      return challenger.renew(shown);
    }
    case "offer": {
      const shown = readShownOffer(net.crypto, frame);
      return shown ? challenger.renew(shown) : session.leave("protocol");
    }
    case "heartbeat":
      return session.beat(frame.status === "restarting");
    case "attestation_response":
      return challenger.answered({
        answer: fromBase64(frame.answer),
        signature: fromBase64(frame.signature),
        ...(frame.quote && { quote: tpmQuoteFrom(frame.quote) }),
        ...(frame.secret !== undefined && { secret: fromBase64(frame.secret) }),
      });
    case "provider_drain":
      return session.drain();
    case "reading":
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
