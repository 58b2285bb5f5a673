/**
 * Runs `body` once for every sequence of choices that it can make. The body asks `pick(n)` for a number
 * below n; the next run takes the next branch, the last choice first.
 *
 * The idea is Alex Kladov's "Generate All The Things" (matklad.github.io, 2021).
 *
 * @returns how many runs there were
 */
export async function every(body: (pick: (bound: number) => number) => Promise<void>): Promise<number> {
  const choices: { value: number; readonly bound: number }[] = [];
  for (let runs = 1; ; runs++) {
    let depth = 0;
    await body((bound) => {
      const choice = (choices[depth] ??= { value: 0, bound });
      if (choice.bound !== bound) throw new RangeError("the body chose differently after the same choices");
      depth++;
      return choice.value;
    });
    choices.length = depth;
    let last = choices.at(-1);
    while (last && last.value + 1 === last.bound) {
      choices.pop();
      last = choices.at(-1);
    }
    if (!last) return runs;
    last.value++;
  }
}
