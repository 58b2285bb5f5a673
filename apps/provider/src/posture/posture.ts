import type { RegistrationBlob } from "@darkbloom/protocol/wire";

/**
 * One protection of this machine or process: whether it is on, and how that is known. Only the name and
 * the status go into the evidence; the sentences are for the machine's owner.
 *
 * - `pass`: seen to be on.
 * - `fail`: seen to be off.
 * - `unknown`: not readable here, or what was read does not decide it.
 */
export interface PostureEntry {
  /** Lower-case letters and `_`, as in the blob. The same name means the same protection on every system. */
  readonly name: string;
  readonly status: "pass" | "fail" | "unknown";
  /** What was read or done, in one short phrase. */
  readonly seen: string;
  /** What would turn it on; empty where nothing is to be done. */
  readonly remedy: string;
}

export const on = (name: string, seen: string): PostureEntry => ({ name, status: "pass", seen, remedy: "" });
export const off = (name: string, seen: string, remedy: string): PostureEntry => ({
  name,
  status: "fail",
  seen,
  remedy,
});
export const unread = (name: string, seen: string, remedy = ""): PostureEntry => ({
  name,
  status: "unknown",
  seen,
  remedy,
});

const worse = { pass: 0, unknown: 1, fail: 2 } as const;

/** A protection of a process holds where it holds for both: the provider's, and the one that the model is in. */
export const withEngine = (own: readonly PostureEntry[], engine: readonly PostureEntry[]): PostureEntry[] =>
  own.map((entry) => {
    const other = engine.find(({ name }) => name === entry.name);
    return other && worse[other.status] > worse[entry.status]
      ? { ...other, seen: `in the model's process: ${other.seen}` }
      : entry;
  });

/** As the blob and a challenge's answer carry it. */
export const postureWords = (entries: readonly PostureEntry[]): RegistrationBlob["posture"] =>
  Object.fromEntries(entries.map(({ name, status }) => [name, status]));
