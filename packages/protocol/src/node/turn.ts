/**
 * Does things at the end of this turn of the loop, one after the other. What one of them puts off is done at that same end,
 * behind all that were there before: so what gathers what others give comes last.
 */
export function endOfTurn(): (act: () => void) => void {
  let acts: (() => void)[] = [];
  const end = () => {
    let done = 0;
    try {
      for (const act of acts) {
        done++;
        act();
      }
    } finally {
      // What one of them throws is its own matter: the others are done at the end of the next turn.
      acts = acts.slice(done);
      if (acts.length > 0) setImmediate(end);
    }
  };
  return (act) => {
    if (acts.push(act) === 1) setImmediate(end);
  };
}
