import { expect, it } from "vitest";
import { coreDumpsOff, kernelLockdown, notDumpable, ptraceRestricted, secureBoot } from "./linux-posture.ts";

const limits = (soft: string, hard = "unlimited") =>
  [
    "Limit                     Soft Limit           Hard Limit           Units     ",
    "Max stack size            8388608              unlimited            bytes     ",
    `Max core file size        ${soft.padEnd(20)} ${hard.padEnd(20)} bytes     `,
    "Max open files            1024                 1048576              files     ",
    "",
  ].join("\n");
const apport = "|/usr/share/apport/apport -p%p -s%s -c%c -d%d -P%P -u%u -g%g -F%F -- %E\n";
const systemd = "|/usr/lib/systemd/systemd-coredump %P %u %g %s %t %c %h %d\n";

/** Goal: `pass` is said only where no dump can be made, `fail` only where one would be. Method: limit and pattern as Linux writes them, and the dump mode. */
it.each<[string, string | undefined, string | undefined, number | undefined, string]>([
  ["a limit of zero and a file", limits("0"), "core\n", undefined, "pass"],
  ["a limit of one byte and a file", limits("1", "1"), "core\n", undefined, "pass"],
  ["a limit of a page less one", limits("4095"), "core\n", undefined, "pass"],
  ["a limit of a page", limits("4096"), "core\n", undefined, "fail"],
  ["no limit", limits("unlimited"), "/var/crash/core.%p\n", undefined, "fail"],
  ["a limit of zero and Ubuntu's handler", limits("0"), apport, undefined, "unknown"],
  ["no limit and systemd's handler", limits("unlimited"), systemd, undefined, "unknown"],
  ["a limit of one byte and systemd's handler", limits("1", "1"), systemd, undefined, "pass"],
  ["a limit of ten bytes and systemd's handler", limits("10", "10"), systemd, undefined, "unknown"],
  ["a limit of one byte and a socket", limits("1", "1"), "@/run/coredump.socket\n", undefined, "unknown"],
  ["not dumpable, whatever the limit", limits("unlimited"), systemd, 0, "pass"],
  ["dumpable as ever", limits("unlimited"), "core\n", 1, "fail"],
  ["dumped by root alone", limits("unlimited"), "core\n", 2, "fail"],
  ["no file of limits", undefined, "core\n", undefined, "unknown"],
  ["no pattern", limits("0"), undefined, undefined, "unknown"],
  ["another language's file", "Grenzen\n", "core\n", undefined, "unknown"],
])("core dumps: %s", (_, text, pattern, dumpMode, status) => {
  expect(coreDumpsOff(text, pattern, dumpMode)).toMatchObject({ name: "core_dumps_off", status });
});

/** Goal: the process's memory is called closed only where the kernel says so. Method: its own answer first, then the owner of the file. */
it.each<[string, number | undefined, number | undefined, number | undefined, string]>([
  ["the kernel says no", 0, 1000, 1000, "pass"],
  ["the kernel says by root alone", 2, 0, 1000, "pass"],
  ["the kernel says yes", 1, 0, 0, "fail"],
  ["root owns another user's memory", undefined, 0, 1000, "pass"],
  ["nobody does, in a container", undefined, 65_534, 1000, "pass"],
  ["the user owns it", undefined, 1000, 1000, "fail"],
  ["root owns root's", undefined, 0, 0, "unknown"],
  ["there is no /proc", undefined, undefined, 1000, "unknown"],
])("dumpable: %s", (_, dumpMode, owner, user, status) => {
  expect(notDumpable(dumpMode, owner, user)).toMatchObject({ name: "not_dumpable", status });
});

/** Goal: one byte behind the attributes decides, and nothing else. Method: the variable as efivarfs shows it. */
it.each<[string, number[] | undefined, string]>([
  ["on", [6, 0, 0, 0, 1], "pass"],
  ["off", [6, 0, 0, 0, 0], "fail"],
  ["no EFI", undefined, "unknown"],
  ["empty", [], "unknown"],
  ["attributes alone", [6, 0, 0, 0], "unknown"],
  ["a byte too many", [6, 0, 0, 0, 1, 0], "unknown"],
  ["neither", [6, 0, 0, 0, 2], "unknown"],
])("Secure Boot: %s", (_, bytes, status) => {
  expect(secureBoot(bytes && Uint8Array.from(bytes))).toMatchObject({ name: "secure_boot", status });
});

it.each<[string | undefined, string]>([
  ["none [integrity] confidentiality\n", "pass"],
  ["none integrity [confidentiality]\n", "pass"],
  ["[none] integrity confidentiality\n", "fail"],
  ["none integrity confidentiality\n", "unknown"],
  ["[something]\n", "unknown"],
  [undefined, "unknown"],
])("kernel lockdown: %j", (text, status) => {
  expect(kernelLockdown(text)).toMatchObject({ name: "kernel_lockdown", status });
});

it.each<[string | undefined, string]>([
  ["1\n", "pass"],
  ["2\n", "pass"],
  ["3\n", "pass"],
  ["0\n", "fail"],
  ["4\n", "unknown"],
  ["", "unknown"],
  [undefined, "unknown"],
])("ptrace scope: %j", (text, status) => {
  expect(ptraceRestricted(text)).toMatchObject({ name: "ptrace_restricted", status });
});
