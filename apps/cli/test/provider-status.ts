import type { ProviderStatus } from "@darkbloom/provider/files/status-file";

/** What a provider that has a model and no connection writes of itself. */
export const idleStatus: ProviderStatus = {
  pid: 1,
  serial: "SW-1",
  identity_sha256: "0".repeat(64),
  serial_alias: null,
  coordinator: "http://c",
  connected: false,
  provider_id: null,
  lost: null,
  engine: "ready",
  engine_reason: null,
  trust_level: "none",
  eligible: false,
  owner: null,
  checks: [],
  posture: [],
  answered: 0,
  failed: 0,
  last_failure: null,
  at: "2026-01-01T00:00:00.000Z",
};
