import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  authenticatedRoot,
  fileVaultOn,
  notVirtual,
  parseProfile,
  readMac,
  secureBoot,
  systemIntegrity,
} from "./mac-posture.ts";

// Every output in this file was written from documentation and from what others have published. None of it
// was recorded on a Mac.

const custom = (word: string, lines: string) =>
  `System Integrity Protection status: ${word} (Custom Configuration).\n\nConfiguration:\n${lines}\nThis is an unsupported configuration, likely to break in the future and leave your machine in an unknown state.\n`;

/** Goal: only the whole of it is `pass`, and what is not understood is `unknown`. Method: the forms of several versions. */
it.each<[string, string | undefined, string | undefined, string]>([
  ["on", "System Integrity Protection status: enabled.\n", undefined, "pass"],
  ["on, and so says the policy", "System Integrity Protection status: enabled.\n", "Enabled", "pass"],
  ["on, and the policy says otherwise", "System Integrity Protection status: enabled.\n", "Disabled", "fail"],
  ["on, and the policy says in part", "System Integrity Protection status: enabled.\n", "Custom Configuration", "fail"],
  ["on, and the policy in French", "System Integrity Protection status: enabled.\n", "Activé", "pass"],
  ["off", "System Integrity Protection status: disabled.\n", undefined, "fail"],
  ["on in part, macOS 10.15", custom("enabled", "\tKext Signing: disabled\n"), undefined, "fail"],
  ["on in part, macOS 14", custom("unknown", "\tDebugging Restrictions: disabled\n"), undefined, "fail"],
  ["Apple's own", "System Integrity Protection status: enabled (Apple Internal).\n", undefined, "fail"],
  ["off, Apple's own", "System Integrity Protection status: disabled (Apple Internal).\n", undefined, "fail"],
  ["a new word", "System Integrity Protection status: unknown.\n", undefined, "unknown"],
  ["the word elsewhere", "Filesystem Protections: enabled\n", undefined, "unknown"],
  ["a sentence around it", "Not: System Integrity Protection status: enabled.\n", undefined, "unknown"],
  ["more behind it", "System Integrity Protection status: enabled. Almost.\n", undefined, "unknown"],
  ["nothing", "", undefined, "unknown"],
  ["no such program", undefined, undefined, "unknown"],
])("SIP: %s", (_, status, policy, expected) => {
  expect(systemIntegrity(status, policy)).toMatchObject({ name: "sip", status: expected });
});

it.each<[string, string | undefined, string]>([
  ["macOS 11 and later", "Authenticated Root status: enabled\n", "pass"],
  ["with a full stop", "Authenticated Root status: enabled.\n", "pass"],
  ["off", "Authenticated Root status: disabled\n", "fail"],
  ["macOS 10.15", "usage: csrutil <command>\nModify the System Integrity Protection configuration.\n", "unknown"],
  ["no such program", undefined, "unknown"],
])("authenticated root: %s", (_, status, expected) => {
  expect(authenticatedRoot(status)).toMatchObject({ name: "authenticated_root", status: expected });
});

it.each<[string | undefined, string]>([
  ["Full Security", "pass"],
  ["Reduced Security", "fail"],
  ["Permissive Security", "fail"],
  ["Medium Security", "fail"],
  ["No Security", "fail"],
  ["full security", "unknown"],
  ["Sécurité maximale", "unknown"],
  ["", "unknown"],
  [undefined, "unknown"],
])("startup policy: %s", (policy, expected) => {
  expect(secureBoot(policy)).toMatchObject({ name: "secure_boot", status: expected });
});

it.each<[string | undefined, string]>([
  ["FileVault is On.\n", "pass"],
  ["FileVault is Off.\n", "fail"],
  ["FileVault is Off, but will be enabled after the next restart.\n", "fail"],
  ["FileVault is Off.\nDeferred enablement appears to be active for user 'ada'.\n", "fail"],
  ["FileVault is On, but needs to be restarted to finish.\n", "unknown"],
  ["FileVault is On.\nEncryption in progress: Percent completed = 20\n", "unknown"],
  ["Error: not supported.\n", "unknown"],
  ["", "unknown"],
  [undefined, "unknown"],
])("FileVault: %j", (status, expected) => {
  expect(fileVaultOn(status)).toMatchObject({ name: "filevault", status: expected });
});

it.each<[string | undefined, string]>([
  ["0\n", "pass"],
  ["1\n", "fail"],
  ["2\n", "unknown"],
  [undefined, "unknown"],
])("virtual machine: %j", (value, expected) => {
  expect(notVirtual(value)).toMatchObject({ name: "not_virtual", status: expected });
});

describe("a whole Mac", () => {
  const appleSilicon = {
    SPHardwareDataType: [
      {
        _name: "hardware_overview",
        activation_lock_status: "activation_lock_disabled",
        boot_rom_version: "11881.81.4",
        chip_type: "Apple M4 Max",
        machine_model: "Mac16,5",
        machine_name: "MacBook Pro",
        number_processors: "proc 16:12:4:0",
        physical_memory: "128 GB",
        serial_number: "XXXXXXXXXX",
      },
    ],
    SPiBridgeDataType: [
      {
        _name: "Controller Information",
        ibridge_boot_uuid: "00000000-0000-0000-0000-000000000000",
        ibridge_build: "11881.81.4",
        ibridge_model_identifier_top: "Mac16,5",
        ibridge_sb_boot_args: "Enabled",
        ibridge_sb_ctrr: "Enabled",
        ibridge_sb_device_mdm: "No",
        ibridge_sb_manual_mdm: "No",
        ibridge_sb_other_kext: "No",
        ibridge_sb_sip: "Enabled",
        ibridge_sb_ssv: "Enabled",
        ibridge_secure_boot: "Full Security",
      },
    ],
  };
  const outputs: Record<string, string> = {
    "/usr/bin/csrutil status": "System Integrity Protection status: enabled.\n",
    "/usr/bin/csrutil authenticated-root status": "Authenticated Root status: enabled\n",
    "/usr/sbin/system_profiler SPHardwareDataType SPiBridgeDataType -json": JSON.stringify(appleSilicon),
    "/usr/bin/fdesetup status": "FileVault is Off.\n",
    "/usr/sbin/sysctl -n kern.hv_vmm_present": "0\n",
    "/usr/sbin/sysctl -n kern.osproductversion": "15.3.1\n",
  };

  it("is read by absolute paths, whole", async () => {
    const { posture, facts } = await readMac(async (program, args) => outputs[[program, ...args].join(" ")]);
    expect(Object.fromEntries(posture.map(({ name, status }) => [name, status]))).toEqual({
      sip: "pass",
      authenticated_root: "pass",
      secure_boot: "pass",
      filevault: "fail",
      not_virtual: "pass",
    });
    expect(facts).toEqual({ chip: "Apple M4 Max", model: "Mac16,5", serial: "XXXXXXXXXX", osVersion: "15.3.1" });
  });

  /** Goal: a program that is missing, hangs or says something else makes `unknown` and no more. Method: none; and any text from all. */
  it("is unknown where nothing answers", async () => {
    const { posture, facts } = await readMac(async () => undefined);
    expect(new Set(posture.map(({ status }) => status))).toEqual(new Set(["unknown"]));
    expect(facts).toEqual({ chip: undefined, model: undefined, serial: undefined, osVersion: undefined });
    await fc.assert(
      fc.asyncProperty(fc.oneof(fc.string(), fc.json()), async (said) => {
        const read = await readMac(async () => said);
        expect(read.posture.filter(({ name, status }) => status === "pass" && name !== "not_virtual")).toEqual([]);
      }),
    );
  });

  it.each<[string, unknown]>([
    ["no sections", {}],
    ["empty sections", { SPHardwareDataType: [], SPiBridgeDataType: [] }],
    ["sections that are no lists", { SPHardwareDataType: {}, SPiBridgeDataType: "x" }],
    [
      "fields that are no text",
      { SPHardwareDataType: [{ chip_type: 1 }], SPiBridgeDataType: [{ ibridge_secure_boot: true }] },
    ],
    ["text without end", { SPiBridgeDataType: [{ ibridge_secure_boot: "Full Security".padEnd(200) }] }],
    ["null", null],
  ])("has no profile in %s", (_, json) => {
    const { bridge, hardware } = parseProfile(JSON.stringify(json));
    expect(secureBoot(bridge?.ibridge_secure_boot).status).toBe("unknown");
    expect(hardware?.chip_type).toBeUndefined();
  });

  it("on Intel has its processor's name, and the T2's policy", () => {
    const intel = {
      SPHardwareDataType: [{ cpu_type: "8-Core Intel Core i9", machine_model: "MacBookPro16,1" }],
      SPiBridgeDataType: [{ ibridge_model_name: "Apple T2 Security Chip", ibridge_secure_boot: "Medium Security" }],
    };
    const { bridge, hardware } = parseProfile(JSON.stringify(intel));
    expect(hardware).toMatchObject({ cpu_type: "8-Core Intel Core i9", machine_model: "MacBookPro16,1" });
    expect(secureBoot(bridge?.ibridge_secure_boot).status).toBe("fail");
  });
});
