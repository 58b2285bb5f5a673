import { CHALLENGE_AGE_MAX_MS } from "@darkbloom/protocol/limits";
import type { Clock } from "@darkbloom/protocol/ports";
import type { Opener } from "../ports.ts";
import type { Shown } from "./shown.ts";

/** Keys of one machine that requests may still name: two of each blob, and those of the ones before it. */
const OPENERS_MAX = 8;

/** What a machine that shows this blob opens requests with. */
export type Showing = Pick<Shown, "sha256"> & { readonly blob: Pick<Shown["blob"], "hpke_keys"> };

const openersOf = ({ blob, sha256 }: Showing): Opener[] =>
  blob.hpke_keys.map(({ id }) => ({ evidenceSha256: sha256, keyId: id, untilMs: Number.POSITIVE_INFINITY }));

/**
 * With this blob as the newest. After another one: who has read the former one may seal to it for as long as evidence counts, so that no caller is sent
 * back in the moment in which a machine renews its keys. The machine keeps them for longer.
 */
export function renewedOpeners(
  former: readonly Opener[],
  shown: Showing,
  clock: Pick<Clock, "monotonicMs">,
): readonly Opener[] {
  if (former[0]?.evidenceSha256 === shown.sha256) return former;
  const nowMs = clock.monotonicMs();
  const left = former
    .filter(({ untilMs }) => untilMs > nowMs)
    .map((opener) => ({ ...opener, untilMs: Math.min(opener.untilMs, nowMs + CHALLENGE_AGE_MAX_MS) }));
  return [...openersOf(shown), ...left].slice(0, OPENERS_MAX);
}
