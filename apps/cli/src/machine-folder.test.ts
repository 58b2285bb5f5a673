import type { ProviderStatus } from "@darkbloom/provider";
import { expect, it } from "vitest";
import { whyNotEarning } from "./machine-folder.ts";

const status: ProviderStatus = {
  pid: 1,
  serial: "SW-1",
  identity_sha256: "0".repeat(64),
  serial_alias: null,
  coordinator: "http://c",
  connected: false,
  provider_id: null,
  lost: null,
  trust_level: "none",
  eligible: false,
  checks: [],
  posture: [],
  answered: 0,
  failed: 0,
  last_failure: null,
  at: "2026-01-01T00:00:00.000Z",
};
const checks = [{ id: "blob.fresh", status: "fail" as const, seen: "300 s old", remedy: "Set the clock." }];

/** Goal: the one reason that is told is the one that the owner can mend. Method: a row for each state. */
it.each<[Partial<ProviderStatus>, string | undefined]>([
  [{ connected: true, eligible: true }, undefined],
  [{}, "It has not reached the coordinator http://c yet."],
  [{ lost: "unreachable", checks }, "The coordinator cannot be reached. It keeps trying."],
  [{ lost: "refused" }, expect.stringMatching(/^The coordinator refuses this machine\..* It keeps trying\.$/)],
  [{ lost: "refused", checks }, "The check blob.fresh fails: 300 s old. Set the clock."],
  [{ connected: true, checks }, "The check blob.fresh fails: 300 s old. Set the clock."],
  [{ connected: true }, "The coordinator has not confirmed the answer to its challenge yet."],
])("of %j is: %s", (changed, reason) => {
  expect(whyNotEarning({ ...status, ...changed })).toEqual(reason);
});
