/**
 * Does things at the end of this turn of the loop, one after the other. What one of them puts off is done at that same end,
 * behind all that were there before: so what gathers what others give comes last.
 */
export function endOfTurn(): (act: () => void) => void {
  let acts: (() => void)[] = [];
  const end = () => {
    try {
      for (const act of acts) act();
    } finally {
      acts = [];
    }
  };
  return (act) => {
    if (acts.push(act) === 1) setImmediate(end);
  };
}
