import { Client } from "./client.ts";
import { platform } from "./platform.ts";
import { rulesOf } from "./policy.ts";
import type { Darkbloom, DarkbloomOptions, Policy } from "./types.ts";

/** As `createDarkbloom` takes them, with less asked of machines. */
export interface UnsafeOptions extends Omit<DarkbloomOptions, "policy"> {
  readonly policy: Omit<Policy, "minTrust"> & { readonly minTrust: "none" };
}

/**
 * For a network on one's own desk whose machines have shown nothing yet. Whoever answers can be anybody: receipts and hashes
 * are checked all the same, and say that it was the same anybody.
 */
export function createUnsafeDarkbloom({ policy, fetch, ...told }: UnsafeOptions): Darkbloom {
  const ports = platform(fetch);
  return new Client(ports, rulesOf(ports.crypto, policy, ["none"]), told);
}
