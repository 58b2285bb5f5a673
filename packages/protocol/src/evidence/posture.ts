import type { RegistrationBlob } from "../wire/registration.ts";

/**
 * Protections that are shown and not judged: at this level nothing rests on them, or a machine's owner
 * may have good reasons to leave them off. Every other one that reads `fail` takes the level away.
 */
const shownOnly = new Set([
  "authenticated_root",
  "debugger_denied",
  "environment_clean",
  "filevault",
  "kernel_lockdown",
  "not_dumpable",
  "not_virtual",
  "ptrace_restricted",
]);

/**
 * Whether a posture of this name is shown and not judged. Secure Boot is judged on a Mac, where with SIP
 * it keeps even root out of a process; on other systems root reads every process anyway.
 */
export const isShownOnly = (name: string, platform: RegistrationBlob["platform"]): boolean =>
  shownOnly.has(name) || (name === "secure_boot" && platform !== "macos");
