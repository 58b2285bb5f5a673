import type { Verification } from "@darkbloom/client";
import type { Counted, Records } from "./records.ts";

/** What does not change while a proxy runs. */
export interface ProxyFacts {
  readonly coordinator: string;
  readonly mode: Verification["mode"];
  readonly minTrust: string;
  readonly pins: readonly string[];
  /** RFC 3339. */
  readonly since: string;
}

/** `GET /status`. */
export interface ProxyStatus {
  readonly coordinator: string;
  readonly policy: { readonly mode: string; readonly min_trust: string; readonly pins: readonly string[] };
  readonly since: string;
  readonly running: number;
  readonly answers: Counted;
  /** Verification documents that could not be kept. */
  readonly unwritten: number;
  /** The newest first. */
  readonly recent: readonly Verification[];
}

export const statusOf = (
  { coordinator, mode, minTrust, pins, since }: ProxyFacts,
  { counted, recent, unwritten }: Pick<Records, "counted" | "recent" | "unwritten">,
  running: number,
): ProxyStatus => ({
  coordinator,
  policy: { mode, min_trust: minTrust, pins },
  since,
  running,
  answers: counted,
  unwritten,
  recent,
});
