/**
 * When the Node.js project stops mending each major version that we run on (schedule.json of its Release repository). One
 * that is not here is newer than this table.
 */
const endsOfLife: ReadonlyMap<number, string> = new Map([
  [24, "2028-04-30"],
  [25, "2026-06-01"],
  [26, "2029-04-30"],
]);

const MS_PER_DAY = 86_400_000;

/** The day after which a version gets no more security fixes, if that day is over. */
export function endOfLife(version: string, nowMs: number): string | undefined {
  const end = endsOfLife.get(Number.parseInt(version, 10));
  return end !== undefined && nowMs >= Date.parse(end) + MS_PER_DAY ? end : undefined;
}

export const endOfLifeNote = (version: string, end: string): string =>
  `Warning: this is Node ${version}, which has had no security fixes since ${end}. Start with a newer one: a current checkout of Darkbloom brings it.`;
