import type { RegistrationBlob } from "../wire/registration.ts";
import { trustLevels, type Check, type TrustLevel } from "./verdict.ts";

type Platform = RegistrationBlob["platform"];

/** What a level needs, each check by its id. */
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

/**
 * The table of levels. A check that is not in it is made and shown, and takes no level away; a protection
 * that is off reads `fail` all the same.
 *
 * `none` needs nothing. `hardware` has no row and is not granted: no check shows a vendor's root.
 */
const table: Readonly<Partial<Record<TrustLevel, Needs>>> = {
  self_signed: {
    pass: [
      "blob.shape",
      "blob.signature",
      "hpke.keys",
      "challenge.answered",
      "challenge.signature",
      "challenge.nonce",
      "challenge.blob",
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
  },
};

/** As the checks of a posture are named: as it was at registration, and in the latest challenge. */
const POSTURE_IDS = /^posture\.(?:now\.)?(?<name>[a-z_]+)$/;

/** The highest level whose needs these checks meet. */
export const levelOf = (checks: readonly Check[], platform: Platform): TrustLevel =>
  trustLevels.findLast((level) => isEarned(table[level], checks, platform)) ?? "none";

function isEarned(needs: Needs | undefined, checks: readonly Check[], platform: Platform): boolean {
  if (!needs) return false;
  const passed = new Set(checks.filter(({ status }) => status === "pass").map(({ id }) => id));
  const failed = checks.filter(({ status }) => status === "fail");
  return needs.pass.every((id) => passed.has(id)) && !failed.some(({ id }) => isNamed(needs, id, platform));
}

/** The failed checks that speak against a machine: all but those of its posture that no level asks for. */
export const failuresOf = (checks: readonly Check[], platform: Platform): Check[] =>
  checks.filter(({ id, status }) => status === "fail" && !isShownOnly(id, platform));

/** Whether a check is of a posture that no level asks for on such a machine. */
export const isShownOnly = (id: string, platform: Platform): boolean =>
  POSTURE_IDS.test(id) && !Object.values(table).some((needs) => isNamed(needs, id, platform));

function isNamed({ pass, noFail, noFailedPosture }: Needs, id: string, platform: Platform): boolean {
  const entry = POSTURE_IDS.exec(id)?.groups?.["name"];
  return entry === undefined ? pass.includes(id) || noFail.includes(id) : noFailedPosture[platform].includes(entry);
}
