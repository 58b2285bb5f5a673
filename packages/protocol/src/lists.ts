/**
 * A list that somebody else made the length of is never spread into the arguments of a call: about 120,000 of them
 * overflow the stack. These take it one by one.
 */
export function pushAll<Item>(list: Item[], more: Iterable<Item>): void {
  for (const item of more) list.push(item);
}

/** The largest, or `floor` where that is larger or there is none. */
export const mostOf = (numbers: Iterable<number>, floor = -Infinity): number => {
  let most = floor;
  for (const number of numbers) if (number > most) most = number;
  return most;
};

/** The smallest, or `ceiling` where that is smaller or there is none. */
export const leastOf = (numbers: Iterable<number>, ceiling = Infinity): number => {
  let least = ceiling;
  for (const number of numbers) if (number < least) least = number;
  return least;
};
