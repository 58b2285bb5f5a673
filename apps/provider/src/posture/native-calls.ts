import { platform } from "node:process";

/** The few calls of the operating system that protect a process and that Node has no name for. */
export interface NativeCalls {
  /** Soft and hard RLIMIT_CORE, in bytes (setrlimit(2)). @returns whether the system did it */
  limitCore(bytes: bigint): boolean;
  /** Linux: PR_SET_DUMPABLE to 0 (prctl(2)): no core dump, and no memory for other programs of this user. */
  forbidDumps(): boolean;
  /** Linux: what PR_GET_DUMPABLE answers, 0 no, 1 yes, 2 by root alone; undefined elsewhere. */
  dumpMode(): number | undefined;
  /** Linux: PR_SET_PDEATHSIG (prctl(2)): the kernel kills this process when its parent ends. @returns whether it will */
  dieWithParent(): boolean;
  /** macOS: PT_DENY_ATTACH (ptrace(2)): no debugger may attach from here on. Has never been run. */
  denyDebugger(): boolean;
}

/** <sys/resource.h>, the same on Linux and macOS. */
const RLIMIT_CORE = 4;
/** <linux/prctl.h> */
const PR_SET_PDEATHSIG = 1;
const PR_GET_DUMPABLE = 3;
const PR_SET_DUMPABLE = 4;
const SIGKILL = 9n;
/** <sys/ptrace.h> of macOS */
const PT_DENY_ATTACH = 31;

const limits = { setrlimit: { arguments: ["i32", "buffer"], return: "i32" } } as const;
const linux = { prctl: { arguments: ["i32", "u64", "u64", "u64", "u64"], return: "i32" } } as const;
const mac = { ptrace: { arguments: ["i32", "i32", "u64", "i32"], return: "i32" } } as const;

/**
 * The calls through `node:ffi` (https://nodejs.org/api/ffi.html), which Node has since 26.1; undefined
 * where it has not, and on systems whose constants are not above.
 */
export function nativeCalls(): NativeCalls | undefined {
  const ffi = withoutWarnings(() => process.getBuiltinModule("node:ffi"));
  if (ffi === undefined || (platform !== "linux" && platform !== "darwin")) return undefined;
  try {
    const { setrlimit } = ffi.dlopen(null, limits).functions;
    const prctl = platform === "linux" ? ffi.dlopen(null, linux).functions.prctl : undefined;
    const ptrace = platform === "darwin" ? ffi.dlopen(null, mac).functions.ptrace : undefined;
    return {
      limitCore: (bytes) => setrlimit(RLIMIT_CORE, new Uint8Array(BigUint64Array.of(bytes, bytes).buffer)) === 0,
      forbidDumps: () => prctl?.(PR_SET_DUMPABLE, 0n, 0n, 0n, 0n) === 0,
      dumpMode: () => prctl?.(PR_GET_DUMPABLE, 0n, 0n, 0n, 0n),
      dieWithParent: () => prctl?.(PR_SET_PDEATHSIG, SIGKILL, 0n, 0n, 0n) === 0,
      denyDebugger: () => ptrace?.(PT_DENY_ATTACH, 0, 0n, 0) === 0,
    };
  } catch {
    // A C library without one of the names: nothing is done, and the posture says so.
    return undefined;
  }
}

/** That the module is experimental is no news for the owner of the machine; without it we do with less. */
function withoutWarnings<T>(load: () => T): T {
  const emitWarning = process.emitWarning.bind(process);
  process.emitWarning = () => {};
  try {
    return load();
  } finally {
    process.emitWarning = emitWarning;
  }
}
