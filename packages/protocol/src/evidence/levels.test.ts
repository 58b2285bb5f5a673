import { describe, expect, it } from "vitest";
import { pass } from "./check.ts";
import {
  failuresOf,
  fatalFailuresOf,
  isSerialVouched,
  isShownOnly,
  isUndecided,
  levelOf,
  isResidencyShown,
} from "./levels.ts";
import type { Check } from "./check.ts";

const selfSigned = [
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
];
const residency = [
  "tpm.ek.path",
  "tpm.ek.key",
  "tpm.ek.shape",
  "tpm.ak.attributes",
  "tpm.activation",
  "tpm.key.attributes",
  "tpm.key.is_identity",
  "tpm.key.certified",
];
const quote = ["tpm.quote.signature", "tpm.quote.nonce", "tpm.quote.pcrs"];
const allowances = ["tpm.pcr_policy", "tpm.event_log"];
const named = ["apple.mda.path", "apple.mda.algorithm", "apple.mda.serial", "apple.mda.freshness"];
const mda = [...named, "apple.mda.sip", "apple.mda.secure_boot"];
const mac = ["apple.mda.kext"];

/** All of them pass, but for those that are named. */
const checks = (ids: readonly string[], change: Readonly<Record<string, Check["status"] | "absent">> = {}): Check[] =>
  ids.flatMap((id) => {
    const status = change[id] ?? "pass";
    return status === "absent" ? [] : [{ ...pass(id, ""), status }];
  });
const tpm = [...selfSigned, ...residency, ...quote, ...allowances];
const apple = [...selfSigned, ...mda, ...mac];

/** Goal: `hardware` is granted and lost exactly as the table says. Method: good evidence of each kind, with one check changed. */
describe("the level hardware", () => {
  it.each([
    ["a TPM", tpm],
    ["Apple", apple],
  ])("is granted where %s vouches for the machine", (_, ids) => expect(levelOf(checks(ids), "linux")).toBe("hardware"));

  it.each([...residency, ...quote, ...mda])("is lost where %s is not shown", (id) => {
    const ids = id.startsWith("tpm") ? tpm : apple;
    for (const status of ["fail", "unknown", "absent"] as const)
      expect(levelOf(checks(ids, { [id]: status }), "linux")).toBe("self_signed");
  });

  it.each([...allowances, ...mac])("is lost where %s fails, and not where it is not known", (id) => {
    const ids = id.startsWith("tpm") ? tpm : apple;
    expect(levelOf(checks(ids, { [id]: "fail" }), "linux")).toBe("self_signed");
    for (const status of ["unknown", "absent"] as const)
      expect(levelOf(checks(ids, { [id]: status }), "linux")).toBe("hardware");
  });

  it.each(selfSigned)("is nothing without %s", (id) => {
    for (const status of ["fail", "unknown", "absent"] as const)
      expect(levelOf(checks(tpm, { [id]: status }), "linux")).toBe("none");
  });

  it("is not made of halves", () => {
    expect(levelOf(checks([...selfSigned, ...residency, ...mda.slice(1)]), "linux")).toBe("self_signed");
  });
});

/** Goal: what somebody could not check is told from what is wrong. Method: one row per kind of gap. */
describe("a level that others claim", () => {
  it.each<[string, Check[], boolean]>([
    ["no root given", checks(tpm, { "tpm.ek.path": "unknown" }), true],
    ["chains withheld", checks(apple, Object.fromEntries(mda.map((id) => [id, "unknown" as const]))), true],
    ["one link refuted", checks(tpm, { "tpm.ek.path": "unknown", "tpm.key.certified": "fail" }), false],
    ["a policy not met", checks(tpm, { "tpm.ek.path": "unknown", "tpm.pcr_policy": "fail" }), false],
    ["no hardware shown", checks(selfSigned), false],
    ["a link left out", checks(tpm, { "tpm.activation": "absent" }), false],
    ["no challenge", checks(tpm, { "challenge.answered": "unknown" }), false],
  ])("with %s is undecided: %j", (_, found, expected) =>
    expect(isUndecided("hardware", found, "linux")).toBe(expected),
  );

  it("is never undecided below hardware", () => {
    for (const level of ["none", "self_signed"] as const) expect(isUndecided(level, checks(tpm), "linux")).toBe(false);
  });
});

describe("a serial of a maker's", () => {
  it("is vouched for by all that Apple says of which device answered, and by nothing less", () => {
    expect(isSerialVouched(checks(named))).toBe(true);
    for (const id of named)
      for (const status of ["fail", "unknown", "absent"] as const)
        expect(isSerialVouched(checks(named, { [id]: status }))).toBe(false);
    expect(isSerialVouched(checks(tpm))).toBe(false);
  });
});

describe("where the key is", () => {
  it("is shown by every link of a TPM's, and by nothing less", () => {
    expect(isResidencyShown(checks(residency))).toBe(true);
    for (const id of residency)
      for (const status of ["fail", "unknown", "absent"] as const)
        expect(isResidencyShown(checks(residency, { [id]: status }))).toBe(false);
  });

  it("is not shown by a device's attestation", () => expect(isResidencyShown(checks(apple))).toBe(false));
});

/** Goal: what fails speaks against a machine, but for protections that no level asks of its kind; what `self_signed` needs shuts it out. Method: one list of checks, on each kind. */
describe("what speaks against a machine", () => {
  const statuses: Readonly<Record<string, Check["status"]>> = {
    "blob.signature": "pass",
    "challenge.fresh": "unknown",
    "posture.core_dumps_off": "pass",
    "posture.sip": "unknown",
    "posture.now.core_dumps_off": "fail",
    "posture.secure_boot": "fail",
    "posture.ptrace_restricted": "fail",
    "machine.serial": "fail",
    "hpke.keys": "fail",
    "tpm.activation": "fail",
    "apple.mda.kext": "fail",
    "software.identity": "fail",
  };
  const found = checks(Object.keys(statuses), statuses);
  const ids = (of: readonly Check[]) => of.map(({ id }) => id);
  const fatal = ["posture.now.core_dumps_off", "machine.serial", "hpke.keys"];
  const others = ["tpm.activation", "apple.mda.kext", "software.identity"];

  it.each(["linux", "other"] as const)("on %s", (platform) => {
    expect(ids(failuresOf(found, platform))).toEqual([...fatal, ...others]);
    expect(ids(fatalFailuresOf(found, platform))).toEqual(fatal);
  });

  it("on a Mac, where Secure Boot counts", () => {
    const [first = "", ...rest] = fatal;
    expect(ids(failuresOf(found, "macos"))).toEqual([first, "posture.secure_boot", ...rest, ...others]);
    expect(ids(fatalFailuresOf(found, "macos"))).toEqual([first, "posture.secure_boot", ...rest]);
  });

  it.each<[id: string, linux: boolean, macos: boolean]>([
    ["posture.secure_boot", true, false],
    ["posture.now.secure_boot", true, false],
    ["posture.core_dumps_off", false, false],
    ["posture.ptrace_restricted", true, true],
    ["software.identity", false, false],
    ["tpm.activation", false, false],
    ["posture.of.another", false, false],
  ])("shows %s only: linux %s, a Mac %s", (id, linux, macos) => {
    expect([isShownOnly(id, "linux"), isShownOnly(id, "macos")]).toEqual([linux, macos]);
  });
});
