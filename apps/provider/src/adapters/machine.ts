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
