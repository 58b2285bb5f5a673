import { fromBase64, toHex } from "@darkbloom/protocol/bytes";
import {
  hardwareEvidenceFrom,
  isPseudonym,
  isSerialVouched,
  isSoftwareSerial,
  softwareSerial,
  verify,
  type Evidence,
  type Policy,
  type Verdict,
} from "@darkbloom/protocol/evidence";
import type { ProviderId } from "@darkbloom/protocol/ids";
import {
  fromProvider,
  JOIN_TOKEN_NEEDED,
  MACHINE_UNLINKED,
  olderRegistration,
  PROTOCOL_REFUSED,
  PROTOCOL_VERSION,
  type FromCoordinator,
  type FromProvider,
} from "@darkbloom/protocol/wire";
import { hashOfKey } from "../../accounts/keys.ts";
import type { JoinRefusal } from "../../events/events.ts";
import type { MachineName } from "../trust/serial-names.ts";
import { mayBeChallenged } from "../trust/challenger.ts";
import type { Arrival, SessionNet } from "./net.ts";
import { MachineEvidence } from "../trust/machine-evidence.ts";
import type { Mailbox } from "./mailbox.ts";
import { ProviderSession } from "./provider-session.ts";
import { evidenceOf, readShownBlob, readShownOffer, type Shown, type ShownBlob } from "../trust/shown.ts";
import { closeCodes, type Wire } from "./wire.ts";

/** A new connection must register within this, and show its pseudonym within this again where it is given one. */
export const REGISTER_WAIT_MS = 10_000;

/**
 * A provider's first words: it registers, its evidence is checked, and where the operator does not disclose
 * serials, or nobody vouches for this one, it signs a second blob under its pseudonym, which from then on is its evidence. The blob with its own
 * serial is dropped here: nothing keeps, logs, publishes or names it.
 *
 * A machine whose evidence fails stays connected at level `none` and is told why. It is given no pseudonym, though,
 * since the serial that it would stand for may be another's: it is told why and closed.
 *
 * @param frames the texts that it sends, in order
 * @returns undefined where it was refused; the wire is closed then, with the reason
 */
export async function register(
  net: SessionNet,
  wire: Wire,
  frames: Mailbox<{ text: string }>,
  arrival: Arrival,
  over: AbortSignal,
): Promise<ProviderSession | undefined> {
  const refuse = (reason: JoinRefusal, words: string): undefined => {
    net.events.joinRefused({ reason, address: arrival.bucket });
    wire.close(closeCodes.policy, words);
  };
  const send = (message: FromCoordinator) => wire.send(JSON.stringify(message));

  const opening = await frames.take(REGISTER_WAIT_MS);
  const frame = opening && readFrame(opening.text);
  if (frame?.type === "register" ? !frame.protocols.includes(PROTOCOL_VERSION) : isOlder(opening?.text))
    return refuse("protocol", PROTOCOL_REFUSED);
  if (frame?.type !== "register") return refuse("no_registration", "register first");
  const { machine_token: token } = frame;
  const linked = token === undefined ? undefined : net.owners.byToken(hashOfKey(net.crypto, token));
  // What somebody shows counts, also where they need not show it: else a machine would earn for nobody, and its owner not know.
  if (token !== undefined && !linked) return refuse("machine_token", MACHINE_UNLINKED);
  if (!linked && !net.mayJoin(frame.auth_token, arrival.isLocal))
    return refuse(frame.auth_token === undefined ? "token_missing" : "token_refused", JOIN_TOKEN_NEEDED);
  const ownBlob = readShownBlob(net.crypto, frame);
  if (!ownBlob) return refuse("blob", "the registration blob cannot be read");
  if (linked && linked.machineId !== ownBlob.machineId) return refuse("machine_token", MACHINE_UNLINKED);
  const offer = readShownOffer(net.crypto, { offer: frame.offer, signature: frame.offer_signature });
  if (!offer) return refuse("blob", "the offer cannot be read");
  const own = { ...ownBlob, ...offer };
  if (isPseudonym(own.blob.serial)) return refuse("blob", "no machine's own serial begins with PS-");

  const hardware = frame.hardware && hardwareEvidenceFrom(frame.hardware);
  const verdictOn = async (evidence: Evidence, policy: Policy, now: number): Promise<Verdict> => {
    const found = await verify(net.crypto, evidence, policy, now);
    // Who has gone while it was checked is let in no more.
    over.throwIfAborted();
    return found;
  };
  const registration = { ...net.policy(), moment: "registration" } as const;
  const verdict = await verdictOn(evidenceOf(own, hardware), registration, net.clock.now());
  const { serial, identity_key } = own.blob;
  const isVouched = isSoftwareSerial(serial) || isSerialVouched(verdict.checks);
  const name = isVouched
    ? net.serials.of(serial)
    : net.serials.ofUnvouched(serial, softwareSerial(net.crypto, fromBase64(identity_key)));
  const providerId = `prov_${toHex(net.random.bytes(12))}` as ProviderId;
  const registered = { type: "registered", protocol: PROTOCOL_VERSION, provider_id: providerId } as const;
  const joining = { providerId, evidence: new MachineEvidence(net, name, hardware), linked };
  if (name.alias === undefined) {
    send(registered);
    return joined(new ProviderSession(net, wire, { ...joining, shown: own, verdict }));
  }

  const standsAtItsOwnTime = async (checked: Shown, policy: Policy): Promise<boolean> =>
    mayBeChallenged(await verdictOn(evidenceOf(checked, hardware), policy, Date.parse(checked.blob.at)), checked);
  if (!(await standsAtItsOwnTime(own, registration))) {
    send({ type: "trust_status", trust_level: "none", eligible: false, checks: [...verdict.checks] });
    return refuse("evidence", "its evidence fails a check, so it gets no pseudonym");
  }
  send({ ...registered, serial_alias: name.alias });
  const renewed = await renewal(net, frames, over);
  if (!renewed) return refuse("pseudonym", "a blob with the serial_alias did not come in time");
  const shown = { ...renewed, ...offer };
  const mismatch = mismatchOf(shown, own.blob.identity_key, name);
  if (mismatch) return refuse("pseudonym", mismatch);
  const { evidence } = joining;
  const aliased = await verdictOn(evidence.of(shown), evidence.policy("registration"), net.clock.now());
  if (!(await standsAtItsOwnTime(shown, evidence.policy("registration"))))
    return refuse("evidence", "the blob with the serial_alias fails a check");
  return joined(new ProviderSession(net, wire, { ...joining, shown, verdict: aliased }));
}

function joined(session: ProviderSession): ProviderSession {
  session.tellTrust();
  return session;
}

/** Whether a later blob is the same machine's, under its pseudonym if it has one; if not, what is wrong with it. */
export function mismatchOf({ blob }: ShownBlob, identityKey: string, { alias }: MachineName): string | undefined {
  if (blob.identity_key !== identityKey) return "the blob is of another identity key";
  return alias === undefined || blob.serial === alias ? undefined : "the blob has another serial than it must have";
}

/** The next blob; what comes before it is skipped. */
async function renewal(
  net: SessionNet,
  frames: Mailbox<{ text: string }>,
  over: AbortSignal,
): Promise<ShownBlob | undefined> {
  const untilMs = net.clock.monotonicMs() + REGISTER_WAIT_MS;
  for (;;) {
    over.throwIfAborted();
    const next = await frames.take(Math.max(0, untilMs - net.clock.monotonicMs()));
    if (!next) return undefined;
    const frame = readFrame(next.text);
    if (frame?.type === "renew") return readShownBlob(net.crypto, frame);
  }
}

/** A frame as text, parsed; undefined where it is not one that we know. */
export const readFrame = (text: string): FromProvider | undefined => fromProvider.safeParse(jsonOf(text)).data;

const isOlder = (text = ""): boolean => olderRegistration.safeParse(jsonOf(text)).success;

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
