import { describe, expect, it } from "vitest";
import { memoryFolder } from "../../test/machine.ts";
import { ManualClock } from "../../test/manual-clock.ts";
import { providerStatus, STATUS_FILE, STATUS_SILENT_MS, StatusFile } from "./status-file.ts";

describe("the status file", () => {
  const open = () => {
    const clock = new ManualClock();
    const folder = memoryFolder();
    const status = new StatusFile(
      folder,
      clock,
      { serial: "SW-1", identity_sha256: "0".repeat(64), coordinator: "http://c" },
      () => [{ name: "secure_boot", status: "pass", seen: "on", remedy: "" }],
    );
    return { clock, folder, status, read: () => providerStatus.parse(JSON.parse(String(folder.read(STATUS_FILE)))) };
  };

  it("says at each moment whether the machine may earn, and why not", () => {
    const { status, read } = open();
    expect(read()).toMatchObject({ connected: false, lost: null, eligible: false, pid: process.pid });
    expect(read().posture).toEqual([{ name: "secure_boot", status: "pass", seen: "on", remedy: "" }]);
    status.joined({ providerId: "prov_1", serialAlias: "PS-1" });
    const check = { id: "blob.fresh", status: "fail" as const, seen: "300 s old", remedy: "Set the clock." };
    status.trusted({ trustLevel: "none", eligible: false, checks: [check] });
    expect(read()).toMatchObject({ connected: true, provider_id: "prov_1", eligible: false, checks: [check] });
    expect(read()).toMatchObject({ serial: "SW-1", serial_alias: "PS-1" });
    status.trusted({ trustLevel: "self_signed", eligible: true, checks: [] });
    expect(read()).toMatchObject({ trust_level: "self_signed", eligible: true });
    status.lost({ reason: "silent" });
    expect(read()).toMatchObject({
      connected: false,
      provider_id: null,
      serial_alias: null,
      trust_level: "none",
      eligible: false,
      lost: "silent",
    });
  });

  it("says how the model's process stands", () => {
    const { status, read } = open();
    expect(read()).toMatchObject({ engine: "ready", engine_reason: null });
    status.engine({ state: "restarting", why: "It hung.", retryInMs: 1 });
    expect(read()).toMatchObject({ engine: "restarting", engine_reason: "It hung." });
    status.engine({ state: "ready" });
    expect(read()).toMatchObject({ engine: "ready", engine_reason: null });
  });

  /** Goal: its age tells whether the provider lives. Method: nothing happens for a minute; then it is over. */
  it("is written while nothing happens, and not when it is over", async () => {
    const { clock, status, read, folder } = open();
    for (let second = 0; second < 60; second += 5) {
      await clock.advance(5_000);
      expect(clock.now() - Date.parse(read().at)).toBeLessThan(STATUS_SILENT_MS / 3);
    }
    status[Symbol.dispose]();
    await clock.advance(60_000);
    expect(String(folder.read(STATUS_FILE))).toBe("");
  });

  it("writes counts seldom, and the last of them too", async () => {
    const { clock, status, read } = open();
    await clock.advance(5_000);
    status.answered({ outcome: "complete" });
    status.answered({ outcome: "complete" });
    status.answered({ outcome: "cancelled" });
    status.answered({ outcome: "context_exceeded" });
    status.answered({ outcome: "generation_failed" });
    expect(read().answered).toBe(1);
    await clock.advance(5_000);
    expect(read()).toMatchObject({ answered: 2, failed: 1, last_failure: "generation_failed" });
  });

  it("does not stop the provider where it cannot be written", () => {
    const folder = { ...memoryFolder(), write: () => expect.fail("disk full") };
    const status = new StatusFile(
      folder,
      new ManualClock(),
      { serial: "SW-1", identity_sha256: "0".repeat(64), coordinator: "http://c" },
      () => [],
    );
    expect(() => status.joined({ providerId: "prov_1", serialAlias: undefined })).not.toThrow();
    expect(() => status[Symbol.dispose]()).not.toThrow();
  });
});
