import { url as inspectorUrl } from "node:inspector";
import { arch, cpus, machine, platform, release, totalmem, version } from "node:os";
import { readFileSync } from "node:fs";
import type { RegistrationBlob } from "@darkbloom/protocol";

/** Text of the operating system in the bounds of the blob; never empty. */
const short = (text: string | undefined, otherwise: string): string => {
  const clean = (text ?? "").replace(/[^\x20-\x7e]/g, "").trim();
  return (clean === "" ? otherwise : clean).slice(0, 128);
};

type Described = Pick<RegistrationBlob, "chip_name" | "hardware_model" | "platform" | "os_version" | "memory_bytes">;

/** What this machine is, as its operating system says it. */
export function describeMachine(): Described {
  return {
    chip_name: short(cpus()[0]?.model, `${arch()} processor`),
    hardware_model: short(hardwareModel(), machine()),
    platform: platform() === "darwin" ? "macos" : platform() === "linux" ? "linux" : "other",
    os_version: short(`${version()} ${release()}`, "unknown"),
    memory_bytes: totalmem(),
  };
}

/** Firmware's name of the machine, where Linux shows it. */
function hardwareModel(): string | undefined {
  try {
    return readFileSync("/sys/devices/virtual/dmi/id/product_name", "utf8");
  } catch {
    return undefined;
  }
}

/** What protects this process, as far as it can be read from inside: `unknown` where it cannot. */
export function readPosture(): RegistrationBlob["posture"] {
  return { core_dumps_off: coreDumpsOff(), inspector_closed: inspectorUrl() === undefined ? "pass" : "fail" };
}

/**
 * A limit of zero keeps a crash from writing memory to a file, but not from handing it to a program that
 * the kernel is told to pipe dumps to (core(5)). A limit above zero does not say that dumps are written.
 */
function coreDumpsOff(): "pass" | "unknown" {
  try {
    const limit = /^Max core file size\s+(?<soft>\S+)/m.exec(readFileSync("/proc/self/limits", "utf8"));
    const piped = readFileSync("/proc/sys/kernel/core_pattern", "utf8").startsWith("|");
    return limit?.groups?.["soft"] === "0" && !piped ? "pass" : "unknown";
  } catch {
    return "unknown";
  }
}
