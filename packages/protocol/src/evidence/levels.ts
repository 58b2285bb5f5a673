import type { RegistrationBlob } from "../wire/registration.ts";
import type { TrustLevel } from "./verdict.ts";
import type { Check } from "./check.ts";

type Platform = RegistrationBlob["platform"];

/** What is needed, each check by its id. */
interface Needs {
  /** Each is there and reads `pass`. */
  readonly pass: readonly string[];
  /** None reads `fail`. One that was not made, or reads `unknown`, takes nothing away. */
  readonly noFail: readonly string[];
  /** The same for entries of the posture, at registration and now. */
  readonly noFailedPosture: Readonly<Record<Platform, readonly string[]>>;
}

/** Where one of these is off, whoever is near the machine reads prompts, or changes the system that keeps them apart. */
const posture = ["core_dumps_off", "inspector_closed", "sip"];

const selfSigned: Needs = {
  pass: [
    "blob.shape",
    "blob.signature",
    "hpke.keys",
    "offer.signature",
    "challenge.answered",
    "challenge.signature",
    "challenge.nonce",
    "challenge.blob",
    "challenge.offer",
    "challenge.keys",
    "challenge.fresh",
  ],
  // Each is made only where there is something to check: a registration, a software key, a caller's nonce, a list.
  noFail: ["blob.fresh", "machine.serial", "challenge.caller_nonce", "identity.revoked"],
  noFailedPosture: {
    // Secure Boot with SIP keeps even root out of a process there; elsewhere root reads every process anyway.
    macos: [...posture, "secure_boot"],
    linux: posture,
    other: posture,
  },
};

const noPosture: Needs["noFailedPosture"] = { macos: [], linux: [], other: [] };

/** Each link from the maker's root to the identity key. */
const tpmResidency = [
  "tpm.ek.path",
  "tpm.ek.key",
  "tpm.ek.shape",
  "tpm.ak.attributes",
  "tpm.activation",
  "tpm.key.attributes",
  "tpm.key.is_identity",
  "tpm.key.certified",
];

/** What Apple says of which device answered, and for whom. */
const appleVouched = ["apple.mda.path", "apple.mda.algorithm", "apple.mda.serial", "apple.mda.freshness"];

/** What makes a machine `hardware` beside all that `self_signed` needs: a maker's root vouches for it in one of these ways. */
const vouched: readonly Needs[] = [
  {
    pass: [...tpmResidency, "tpm.quote.signature", "tpm.quote.nonce", "tpm.quote.pcrs"],
    noFail: ["tpm.pcr_policy", "tpm.event_log"],
    noFailedPosture: noPosture,
  },
  {
    // How it was started is told of Macs alone: a telephone does not vouch for a computer.
    pass: [...appleVouched, "apple.mda.sip", "apple.mda.secure_boot"],
    noFail: ["apple.mda.kext"],
    noFailedPosture: noPosture,
  },
];

/** As the checks of a posture are named: as it was at registration, and in the latest challenge. */
const POSTURE_IDS = /^posture\.(?:now\.)?(?<name>[a-z_]+)$/;

/**
 * The highest level whose needs these checks meet: `none` needs nothing. A check that no level names is made and
 * shown, and takes no level away; what is off or wrong reads `fail` all the same.
 */
export function levelOf(checks: readonly Check[], platform: Platform): TrustLevel {
  if (!isMet(selfSigned, checks, platform)) return "none";
  return vouched.some((needs) => isMet(needs, checks, platform)) ? "hardware" : "self_signed";
}

/** Whether a machine that is not shown to have this level may have it: nothing speaks against it but what could not be checked. */
export const isUndecided = (level: TrustLevel, checks: readonly Check[], platform: Platform): boolean =>
  level === "hardware" &&
  isMet(selfSigned, checks, platform) &&
  vouched.some((needs) =>
    isMet(
      needs,
      checks.map((check) => (check.status === "unknown" ? { ...check, status: "pass" } : check)),
      platform,
    ),
  );

/** Whether Apple vouches that the serial is that of the device which answered for this key. */
export const isSerialVouched = (checks: readonly Check[]): boolean => allPass(appleVouched, checks);

/** Whether it is shown that the identity key never leaves its chip. */
export const isResidencyShown = (checks: readonly Check[]): boolean => allPass(tpmResidency, checks);

function isMet(needs: Needs, checks: readonly Check[], platform: Platform): boolean {
  const failed = checks.filter(({ status }) => status === "fail");
  return allPass(needs.pass, checks) && !failed.some(({ id }) => isNamed(needs, id, platform));
}

function allPass(ids: readonly string[], checks: readonly Check[]): boolean {
  const passed = new Set(checks.filter(({ status }) => status === "pass").map(({ id }) => id));
  return ids.every((id) => passed.has(id));
}

/** The failed checks that speak against a machine: all but those of its posture that no level asks for. */
export const failuresOf = (checks: readonly Check[], platform: Platform): Check[] =>
  checks.filter(({ id, status }) => status === "fail" && !isShownOnly(id, platform));

/** Those of them without whose mending a machine serves nobody. */
export const fatalFailuresOf = (checks: readonly Check[], platform: Platform): Check[] =>
  checks.filter(({ id, status }) => status === "fail" && isNamed(selfSigned, id, platform));

/** Whether a check is of a posture that no level asks for on such a machine. */
export const isShownOnly = (id: string, platform: Platform): boolean =>
  POSTURE_IDS.test(id) && ![selfSigned, ...vouched].some((needs) => isNamed(needs, id, platform));

function isNamed({ pass, noFail, noFailedPosture }: Needs, id: string, platform: Platform): boolean {
  const entry = POSTURE_IDS.exec(id)?.groups?.["name"];
  return entry === undefined ? pass.includes(id) || noFail.includes(id) : noFailedPosture[platform].includes(entry);
}
