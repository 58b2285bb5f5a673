import { readFileSync } from "node:fs";
import { arch, cpus, machine, platform, release, totalmem, version } from "node:os";
import type { RegistrationBlob } from "@darkbloom/protocol/wire";
import { linuxMachinePosture } from "./linux-posture.ts";
import { readMac, type MacFacts } from "./mac-posture.ts";
import type { PostureEntry } from "./posture.ts";

/** Text of the operating system in the bounds of the blob; never empty. */
const short = (text: string | undefined, otherwise: string): string => {
  const clean = (text ?? "").replace(/[^\x20-\x7e]/g, "").trim();
  return (clean === "" ? otherwise : clean).slice(0, 128);
};

type Described = Pick<RegistrationBlob, "chip_name" | "hardware_model" | "platform" | "os_version" | "memory_bytes">;

/** As the blob calls the system that this runs on. */
export const platformHere: RegistrationBlob["platform"] =
  platform() === "darwin" ? "macos" : platform() === "linux" ? "linux" : "other";

/** A machine as its operating system says it is, and what protects it. */
export interface Machine {
  readonly described: Described;
  /** As its maker gave it; undefined where the system does not tell. */
  readonly serial: string | undefined;
  readonly posture: readonly PostureEntry[];
}

/** Reads it once: it changes with a restart of the machine, which ends the provider too; FileVault and Yama may change before. */
export async function readMachine(): Promise<Machine> {
  if (platformHere === "macos") {
    const { posture, facts } = await readMac();
    return { described: describe(facts), serial: facts.serial, posture };
  }
  return {
    described: describe({ model: hardwareModel() }),
    // Root alone may read it here, and nobody would vouch for it.
    serial: undefined,
    posture: platformHere === "linux" ? linuxMachinePosture() : [],
  };
}

function describe({ chip, model, osVersion }: MacFacts): Described {
  return {
    chip_name: short(chip ?? cpus()[0]?.model, `${arch()} processor`),
    hardware_model: short(model, machine()),
    platform: platformHere,
    os_version: osVersion === undefined ? short(`${version()} ${release()}`, "unknown") : `macOS ${osVersion}`,
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
