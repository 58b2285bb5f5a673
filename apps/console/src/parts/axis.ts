/** A round amount that is no less, for the top of an axis: 1, 2 or 5 with noughts. */
export function roundUp(micro: number): number {
  const unit = 10 ** Math.floor(Math.log10(Math.max(micro, 1)));
  return unit * ([1, 2, 5].find((factor) => micro <= factor * unit) ?? 10);
}
