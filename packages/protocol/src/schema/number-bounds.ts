import { mostOf, leastOf } from "../lists.ts";
/** A number that is held to bounds, in units of 10^-places. Written without an exponent and with at most so many places. */
export interface NumberBounds {
  readonly places: number;
  readonly min: number | undefined;
  readonly max: number | undefined;
}

/**
 * Digits of a number that is held to bounds. Two decimals of no more digits are never the same double (IEEE
 * 754 binary64), so that what is written beside an open bound is not read as the bound itself.
 */
export const NUMBER_DIGITS_MAX = 15;
const BEYOND = 10 ** NUMBER_DIGITS_MAX;

export interface Edge {
  readonly at: number;
  /** It is itself outside. */
  readonly open: boolean;
}

/**
 * Bounds that hold all `edges`, rounded inward.
 *
 * @param placesMax none for whole numbers; fewer are written where more do not fit beside the edges
 * @returns `none`: no number of these digits is between them
 */
export function numberBounds(from: readonly Edge[], to: readonly Edge[], placesMax: number): NumberBounds | "none" {
  if (from.some(({ at }) => at >= BEYOND) || to.some(({ at }) => at <= -BEYOND)) return "none";
  const [least, most] = [from.filter(isNear), to.filter(isNear)];
  const before = mostOf(
    [...least, ...most].map(({ at }) => String(Math.trunc(Math.abs(at))).length),
    1,
  );
  const places = Math.min(placesMax, NUMBER_DIGITS_MAX - before);
  const mins = least.map((edge) => inward(edge, places, 1n));
  const maxs = most.map((edge) => inward(edge, places, -1n));
  const min = mins.length === 0 ? undefined : mostOf(mins);
  const max = maxs.length === 0 ? undefined : leastOf(maxs);
  return min !== undefined && max !== undefined && min > max ? "none" : { places, min, max };
}

const isNear = ({ at }: Edge): boolean => Math.abs(at) < BEYOND;

/** The first number at or, where it is open, inside an edge. Its decimal is what the edge's writer meant. */
function inward({ at, open }: Edge, places: number, direction: 1n | -1n): number {
  const [, sign = "", before = "0", behind = "", exponent = "0"] =
    /^(-?)(\d+)(?:\.(\d+))?(?:e([+-]\d+))?$/.exec(String(at)) ?? [];
  const digits = BigInt(`${sign}${before}${behind}`);
  const shift = Number(exponent) - behind.length + places;
  const scaled = shift >= 0 ? digits * 10n ** BigInt(shift) : digits / 10n ** BigInt(-shift);
  const isExact = shift >= 0 || digits % 10n ** BigInt(-shift) === 0n;
  // Division cuts toward 0, which is inward already on one side of it.
  const isInside = !isExact && (direction > 0n ? digits < 0n : digits > 0n);
  const isOn = isExact && !open;
  return Number(isInside || isOn ? scaled : scaled + direction);
}
