import { readdirSync, readFileSync, statSync } from "node:fs";
import { off, on, unread, type PostureEntry } from "./posture.ts";

/** The GUID of EFI's global variables (UEFI specification, 3.3), part of the file's name. */
const SECURE_BOOT_FILE = /^SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c$/i;
const EFI_VARIABLES = "/sys/firmware/efi/efivars";
const LIMIT_THAT_STOPS_PIPES = "1";
/** ELF: a limit below a page writes no file (core(5): "below the minimum size"). */
const PAGE_BYTES = 4096;

/** What Linux says of the machine. It can change with a restart only, but for `ptrace_restricted`. */
export function linuxMachinePosture(): PostureEntry[] {
  return [
    secureBoot(secureBootVariable()),
    kernelLockdown(textOf("/sys/kernel/security/lockdown")),
    ptraceRestricted(textOf("/proc/sys/kernel/yama/ptrace_scope")),
  ];
}

/** What Linux says of this process. @param dumpMode what PR_GET_DUMPABLE answered, where it could be asked */
export function linuxProcessPosture(dumpMode: number | undefined): PostureEntry[] {
  const memory = notDumpable(dumpMode, ownerOf("/proc/self/mem"), process.geteuid?.());
  return [coreDumpsOff(textOf("/proc/self/limits"), textOf("/proc/sys/kernel/core_pattern"), dumpMode), memory];
}

/**
 * The UEFI variable as efivarfs shows it: four bytes of attributes, then one byte, 1 for on
 * (https://docs.kernel.org/filesystems/efivarfs.html).
 */
export function secureBoot(variable: Uint8Array | undefined): PostureEntry {
  const name = "secure_boot";
  if (variable === undefined) return unread(name, "the firmware shows no SecureBoot variable");
  if (variable.length === 5 && variable[4] === 1) return on(name, "the firmware says that Secure Boot is on");
  if (variable.length === 5 && variable[4] === 0)
    return off(name, "the firmware says that Secure Boot is off", "Turn Secure Boot on in the firmware's setup.");
  return unread(name, "the firmware's SecureBoot variable is not one byte");
}

/** E.g. `none [integrity] confidentiality`: the mode in brackets (kernel_lockdown(7)). */
export function kernelLockdown(text: string | undefined): PostureEntry {
  const name = "kernel_lockdown";
  const mode = /\[(none|integrity|confidentiality)\]/.exec(text ?? "")?.[1];
  if (mode === undefined) return unread(name, "this kernel shows no lockdown mode");
  // `integrity` keeps root from changing the kernel, `confidentiality` from reading its memory too.
  return mode === "none"
    ? off(name, "the kernel's lockdown mode is none", "Boot with lockdown=integrity, or with Secure Boot on.")
    : on(name, `the kernel's lockdown mode is ${mode}`);
}

/** https://docs.kernel.org/admin-guide/LSM/Yama.html: 0 lets every program of this user read the others. */
export function ptraceRestricted(text: string | undefined): PostureEntry {
  const name = "ptrace_restricted";
  const scope = /^[0-3]$/.exec((text ?? "").trim())?.[0];
  if (scope === undefined) return unread(name, "this kernel has no Yama");
  return scope === "0"
    ? off(name, "Yama's ptrace_scope is 0", "sysctl kernel.yama.ptrace_scope=1")
    : on(name, `Yama's ptrace_scope is ${scope}`);
}

/**
 * A limit of zero keeps a crash from writing memory to a file, but not from handing it to a program that
 * the kernel pipes dumps to (core(5)). A limit of exactly one byte stops that too: the kernel takes it
 * for a dump handler that crashed itself (fs/coredump.c). A process whose dump mode is 0 leaves none
 * whatever the limit is.
 *
 * @param dumpMode as PR_GET_DUMPABLE answers
 */
export function coreDumpsOff(
  limits: string | undefined,
  pattern: string | undefined,
  dumpMode: number | undefined,
): PostureEntry {
  const name = "core_dumps_off";
  if (dumpMode === 0) return on(name, "the process is not dumpable");
  const soft = /^Max core file size\s+(?<soft>\d+|unlimited)\s/m.exec(limits ?? "")?.groups?.["soft"];
  if (soft === undefined || pattern === undefined) return unread(name, "the limit for core dumps cannot be read");
  const seen = `the limit for core dumps is ${soft}`;
  if (pattern.startsWith("@"))
    return unread(name, `${seen}, and the kernel hands dumps to a socket`, "Set kernel.core_pattern to a file name.");
  if (pattern.startsWith("|"))
    return soft === LIMIT_THAT_STOPS_PIPES
      ? on(name, `${seen}, which stops dumps to programs too`)
      : unread(
          name,
          `${seen}, and the kernel hands dumps to a program`,
          "Set kernel.core_pattern to a file name, or start the provider with a newer Node or with util-linux installed.",
        );
  if (soft !== "unlimited" && Number(soft) < PAGE_BYTES) return on(name, seen);
  return off(name, seen, "Run 'ulimit -c 0', then start the provider again.");
}

/**
 * Whether other programs of this user can read the process's memory. The kernel gives the files in
 * `/proc/PID` of a process that is not dumpable to root (proc(5)), so their owner tells, unless we are
 * root ourselves.
 */
export function notDumpable(
  dumpMode: number | undefined,
  ownerOfMemory: number | undefined,
  ownUser: number | undefined,
): PostureEntry {
  const name = "not_dumpable";
  const byOwner = ownUser === 0 || ownerOfMemory === undefined ? undefined : ownerOfMemory === ownUser;
  const isDumpable = dumpMode === undefined ? byOwner : dumpMode === 1;
  if (isDumpable === undefined) return unread(name, "whether the process is dumpable cannot be read as root");
  return isDumpable
    ? off(
        name,
        "other programs of this user can read the process's memory",
        "Start the provider with 'darkbloom provider start' and Node 26.1 or newer.",
      )
    : on(name, "no other program of this user can read the process's memory");
}

function secureBootVariable(): Uint8Array | undefined {
  try {
    const file = readdirSync(EFI_VARIABLES).find((candidate) => SECURE_BOOT_FILE.test(candidate));
    return file === undefined ? undefined : readFileSync(`${EFI_VARIABLES}/${file}`);
  } catch {
    return undefined;
  }
}

function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}

function ownerOf(path: string): number | undefined {
  try {
    return statSync(path).uid;
  } catch {
    return undefined;
  }
}
