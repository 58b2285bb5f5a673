import { execFile } from "node:child_process";
import { promisify } from "node:util";
import * as z from "zod";
import { off, on, unread, type PostureEntry } from "./posture.ts";

/** A program's output, or undefined where it failed, was silent for too long or is not there. */
export type RunProgram = (program: string, args: readonly string[]) => Promise<string | undefined>;

/** What a Mac says of itself; a field is missing where it did not say. */
export interface MacFacts {
  readonly chip?: string | undefined;
  /** E.g. `Mac16,5`. */
  readonly model?: string | undefined;
  /** As Apple gave it. */
  readonly serial?: string | undefined;
  /** E.g. `15.3.1`. */
  readonly osVersion?: string | undefined;
}

/** `system_profiler` takes a second; a Mac that is busy takes several. */
const PROGRAM_WAIT_MS = 20_000;
const PROGRAM_BYTES_MAX = 1024 * 1024;

/**
 * Asks the programs of macOS, by absolute path: they lie on the sealed system volume, and PATH decides
 * nothing. The language is English, since their words are translated.
 *
 * The programs and their words are from Apple's manual pages and from what others have published of their
 * output. Nothing of this has been run on a Mac.
 */
export async function readMac(
  run: RunProgram = runProgram,
): Promise<{ readonly posture: readonly PostureEntry[]; readonly facts: MacFacts }> {
  const [sip, root, profile, fileVault, virtual, osVersion] = await Promise.all([
    run("/usr/bin/csrutil", ["status"]),
    run("/usr/bin/csrutil", ["authenticated-root", "status"]),
    run("/usr/sbin/system_profiler", ["SPHardwareDataType", "SPiBridgeDataType", "-json"]),
    run("/usr/bin/fdesetup", ["status"]),
    run("/usr/sbin/sysctl", ["-n", "kern.hv_vmm_present"]),
    run("/usr/sbin/sysctl", ["-n", "kern.osproductversion"]),
  ]);
  const { bridge, hardware } = parseProfile(profile);
  return {
    posture: [
      systemIntegrity(sip, bridge?.ibridge_sb_sip),
      authenticatedRoot(root),
      secureBoot(bridge?.ibridge_secure_boot),
      fileVaultOn(fileVault),
      notVirtual(virtual),
    ],
    facts: {
      chip: hardware?.chip_type ?? hardware?.cpu_type,
      model: hardware?.machine_model,
      serial: hardware?.serial_number,
      osVersion: /^\d+(\.\d+){0,2}$/.exec((osVersion ?? "").trim())?.[0],
    },
  };
}

/**
 * System Integrity Protection, of `csrutil status`. Anything but the plain word `enabled` is less than the
 * whole: "enabled (Custom Configuration)" of older versions, "unknown (Custom Configuration)" of newer ones.
 *
 * @param policy what the boot policy of an Apple chip says of it, where it does
 */
export function systemIntegrity(status: string | undefined, policy: string | undefined): PostureEntry {
  const name = "sip";
  const remedy = "In Recovery, run 'csrutil enable', then restart.";
  const said = /^System Integrity Protection status: (?<word>[a-z]+)(?<more> \([^)]*\))?\.?\s*$/m.exec(status ?? "");
  const { word, more } = said?.groups ?? {};
  if (word === undefined) return unread(name, "csrutil does not tell the state of System Integrity Protection");
  if (more !== undefined) return off(name, "System Integrity Protection is on in part", remedy);
  if (word === "disabled" || policy === "Disabled" || policy === "Custom Configuration")
    return off(name, "System Integrity Protection is off", remedy);
  return word === "enabled"
    ? on(name, "System Integrity Protection is on")
    : unread(name, "csrutil does not tell the state of System Integrity Protection");
}

/** The seal of the system volume, of `csrutil authenticated-root status`; macOS 10.15 knows no such command. */
export function authenticatedRoot(status: string | undefined): PostureEntry {
  const name = "authenticated_root";
  const word = /^Authenticated Root status: (enabled|disabled)\.?\s*$/m.exec(status ?? "")?.[1];
  if (word === undefined) return unread(name, "csrutil does not tell whether the system volume's seal is checked");
  return word === "enabled"
    ? on(name, "the system volume's seal is checked")
    : off(name, "the system volume's seal is not checked", "In Recovery, run 'csrutil authenticated-root enable'.");
}

const LESS_THAN_FULL = new Set(["Reduced Security", "Medium Security", "Permissive Security", "No Security"]);

/** The startup disk's policy, as `system_profiler` has it of Apple's chips, the T2 among them. */
export function secureBoot(policy: string | undefined): PostureEntry {
  const name = "secure_boot";
  if (policy === "Full Security") return on(name, "the startup disk's policy is Full Security");
  if (policy !== undefined && LESS_THAN_FULL.has(policy))
    return off(
      name,
      `the startup disk's policy is ${policy}`,
      "In Recovery, choose Full Security in Startup Security.",
    );
  // Also where the word is in another language.
  return unread(name, "system_profiler does not tell the startup disk's policy");
}

/** Of `fdesetup status`. While a disk is being encrypted, part of it is not. */
export function fileVaultOn(status: string | undefined): PostureEntry {
  const name = "filevault";
  const text = (status ?? "").trim();
  if (text === "FileVault is On.") return on(name, "FileVault is on");
  if (/^FileVault is Off\b/.test(text)) return off(name, "FileVault is off", "Turn FileVault on in System Settings.");
  return unread(name, "fdesetup does not say that FileVault is on or off");
}

/** `kern.hv_vmm_present` is 1 in a virtual machine, whose host reads all its memory. */
export function notVirtual(value: string | undefined): PostureEntry {
  const name = "not_virtual";
  const word = (value ?? "").trim();
  if (word === "0") return on(name, "macOS runs on the machine itself");
  if (word === "1") return off(name, "macOS runs in a virtual machine", "Run the provider on the Mac itself.");
  return unread(name, "whether this is a virtual machine is not told");
}

const text = z.string().max(128).optional().catch(undefined);
const firstOf = <T extends z.ZodType>(item: T) =>
  z
    .array(item)
    .transform(([first]) => first)
    .optional()
    .catch(undefined);
const profile = z.object({
  SPHardwareDataType: firstOf(z.object({ chip_type: text, cpu_type: text, machine_model: text, serial_number: text })),
  SPiBridgeDataType: firstOf(z.object({ ibridge_secure_boot: text, ibridge_sb_sip: text })),
});

/** What is read of `system_profiler`'s JSON; each section is undefined where it is missing or something else. */
export function parseProfile(json: string | undefined): {
  readonly hardware: z.infer<typeof profile>["SPHardwareDataType"];
  readonly bridge: z.infer<typeof profile>["SPiBridgeDataType"];
} {
  try {
    const { SPHardwareDataType: hardware, SPiBridgeDataType: bridge } = profile.parse(JSON.parse(json ?? ""));
    return { hardware, bridge };
  } catch {
    return { hardware: undefined, bridge: undefined };
  }
}

const runIt = promisify(execFile);

async function runProgram(program: string, args: readonly string[]): Promise<string | undefined> {
  try {
    const { stdout } = await runIt(program, args, {
      env: { LANG: "C", LC_ALL: "C", PATH: "/usr/bin:/bin:/usr/sbin:/sbin" },
      timeout: PROGRAM_WAIT_MS,
      killSignal: "SIGKILL",
      maxBuffer: PROGRAM_BYTES_MAX,
    });
    return stdout;
  } catch {
    return undefined;
  }
}
