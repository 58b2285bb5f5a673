/** Runs what it is given one after the other: what is looked up before something is changed then still holds. */
export function turns(): <Done>(act: () => Promise<Done>) => Promise<Done> {
  let before: Promise<unknown> = Promise.resolve();
  return (act) => {
    const done = before.then(act);
    before = done.catch(() => undefined);
    return done;
  };
}
