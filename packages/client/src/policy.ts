import { fromBase64OrNothing, toHex, utf8 } from "@darkbloom/protocol/bytes";
import {
  APPLE_ENTERPRISE_ATTESTATION_PIN,
  coordinatorKeyId,
  pinnedRoot,
  type MachinePolicy,
  type PinnedRoot,
  type TrustLevel,
} from "@darkbloom/protocol/evidence";
import { readVerifierKey, signatureTypes, type NoteKey } from "@darkbloom/protocol/log";
import { PINNED_SERIALS_MAX } from "@darkbloom/protocol/limits";
import type { Crypto } from "@darkbloom/protocol/ports";
import { certificateInFile } from "@darkbloom/protocol/x509";
import type { AllowedBuild, CheckpointStore, LogPolicy, Policy, Roots } from "./types.ts";

/** A policy that was read, and that contradicts itself nowhere. */
export interface Rules {
  readonly mode: NonNullable<Policy["mode"]>;
  readonly minTrust: TrustLevel;
  /** Undefined where any machine will do. */
  readonly pins: ReadonlySet<string> | undefined;
  readonly builds: readonly AllowedBuild[] | undefined;
  readonly receiptsRequired: boolean;
  /** By their ids; undefined where the coordinator's word is taken. */
  readonly coordinatorKeys: ReadonlyMap<string, Uint8Array> | undefined;
  readonly log: LogRules | undefined;
  /** By which evidence is judged. */
  readonly machines: MachinePolicy;
}

interface LogRules {
  readonly key: NoteKey | undefined;
  readonly store: CheckpointStore;
  readonly witnesses: readonly NoteKey[];
  /** So many of them must have signed. */
  readonly quorum: number;
}

/** A policy, or one that asks for no level at all. */
export type AnyPolicy = Omit<Policy, "minTrust"> & { readonly minTrust?: TrustLevel };

const HEX_64 = /^[0-9a-f]{64}$/;
const KEY_BYTES = 32;

/**
 * Reads a policy at the door.
 *
 * @param levels those that may be asked for
 * @throws TypeError that says which field is wrong, and what it must be
 */
export function rulesOf(
  crypto: Crypto,
  policy: AnyPolicy,
  levels: readonly TrustLevel[] = ["self_signed", "hardware"],
): Rules {
  const { mode = "sealed", minTrust, pins, builds, receipts = "required", log } = policy;
  if (mode !== "sealed" && mode !== "transparent") throw wrong("mode", '"sealed" or "transparent"');
  if (minTrust !== undefined && !levels.includes(minTrust)) throw wrong("minTrust", levels.join(" or "));
  if (pins && (pins.length === 0 || pins.length > PINNED_SERIALS_MAX || !pins.every((pin) => isName(pin))))
    throw wrong("pins", `1 to ${PINNED_SERIALS_MAX} serials`);
  if (builds && (builds.length === 0 || !builds.every(isBuild)))
    throw wrong("builds", "a list with { build, weightsSha256 } or one of both in each entry");
  if (receipts !== "required" && receipts !== "optional") throw wrong("receipts", '"required" or "optional"');
  const coordinatorKeys = policy.coordinatorKeys && keysOf(crypto, policy.coordinatorKeys);
  if (policy.activationBy !== undefined && (policy.activationBy !== "coordinator" || !coordinatorKeys))
    throw wrong("activationBy", '"coordinator", beside coordinatorKeys');
  return {
    mode,
    minTrust: minTrust ?? (pins ? "self_signed" : "hardware"),
    pins: pins && new Set(pins),
    builds,
    receiptsRequired: receipts === "required",
    coordinatorKeys,
    log: log && { key: logKeyOf(crypto, log.key), store: log.store ?? memoryStore(), ...witnessesOf(crypto, log) },
    machines: {
      roots: rootsOf(crypto, policy.roots ?? {}),
      pcrs: policy.pcrs,
      coordinatorKeys: policy.activationBy && coordinatorKeys,
      ...(policy.revoked && { revocations: revocationsOf(policy.revoked) }),
    },
  };
}

const wrong = (field: string, mustBe: string): TypeError => new TypeError(`policy.${field} must be ${mustBe}`);

const isName = (text: unknown): boolean => typeof text === "string" && /^[\x21-\x7e]{1,128}$/.test(text);

function isBuild({ build, weightsSha256 }: AllowedBuild): boolean {
  if (build === undefined && weightsSha256 === undefined) return false;
  return (build === undefined || isName(build)) && (weightsSha256 === undefined || HEX_64.test(weightsSha256));
}

function keysOf(crypto: Crypto, spelled: readonly string[]): ReadonlyMap<string, Uint8Array> {
  const keys = spelled.map(fromBase64OrNothing);
  if (keys.length === 0 || keys.some(({ length }) => length !== KEY_BYTES))
    throw wrong("coordinatorKeys", "a list of keys of 32 bytes, each in base64");
  return new Map(keys.map((key) => [coordinatorKeyId(crypto, key), key]));
}

function logKeyOf(crypto: Crypto, spelled: string | undefined): NoteKey | undefined {
  if (spelled === undefined) return undefined;
  const key = readVerifierKey(crypto, spelled);
  if (!key) throw wrong("log.key", "'name+id+key', as verifier_key at /.well-known/darkbloom");
  return key;
}

function witnessesOf(
  crypto: Crypto,
  { witnesses: spelled, quorum }: LogPolicy,
): Pick<LogRules, "witnesses" | "quorum"> {
  const witnesses = (spelled ?? []).flatMap((one) => readVerifierKey(crypto, one) ?? []);
  const areWitnesses = witnesses.every(({ type }) => type === signatureTypes.cosignature);
  // Under two names one key would count twice.
  const different = new Set(witnesses.map(({ publicKey }) => toHex(publicKey))).size;
  if (spelled && (spelled.length === 0 || !areWitnesses || different !== spelled.length))
    throw wrong("log.witnesses", "a list of different witnesses' keys, each 'name+id+key' (c2sp.org/tlog-cosignature)");
  if (quorum !== undefined && !(Number.isSafeInteger(quorum) && quorum >= 1 && quorum <= witnesses.length))
    throw wrong("log.quorum", "how many of log.witnesses must have signed, at least 1");
  return { witnesses, quorum: quorum ?? witnesses.length };
}

function rootsOf(crypto: Crypto, { apple, tpm = [] }: Roots): NonNullable<MachinePolicy["roots"]> {
  return {
    tpm: tpm.map(({ certificate, sha256 }) => rootOf(crypto, "roots.tpm", certificate, sha256)),
    ...(apple !== undefined && {
      appleEnterprise: [rootOf(crypto, "roots.apple", apple, APPLE_ENTERPRISE_ATTESTATION_PIN)],
    }),
  };
}

function rootOf(crypto: Crypto, field: string, certificate: string | Uint8Array, pin: string): PinnedRoot {
  const der = certificateInFile(typeof certificate === "string" ? utf8(certificate) : certificate);
  if (!der) throw wrong(field, "one certificate in PEM or DER");
  const root = pinnedRoot(crypto, der, pin);
  if (!root) throw wrong(field, `the certificate ${pin}; this one is ${toHex(crypto.sha256(der))}`);
  return root;
}

function revocationsOf({
  at,
  identityKeySha256,
}: NonNullable<Policy["revoked"]>): NonNullable<MachinePolicy["revocations"]> {
  const time = Date.parse(at);
  if (Number.isNaN(time) || !identityKeySha256.every((sha256) => HEX_64.test(sha256)))
    throw wrong("revoked", "a date and SHA-256 hashes in lower-case hex");
  return { at: time, identityKeySha256: new Set(identityKeySha256) };
}

/** For as long as the one object lives that it was made for. */
function memoryStore(): CheckpointStore {
  const kept = new Map<string, string>();
  return {
    read: async (origin) => kept.get(origin),
    write: async (origin, checkpoint) => void kept.set(origin, checkpoint),
  };
}
