import { describe, expect, it } from "vitest";
import { CLOCK_SKEW_MS, ENVELOPE_LIFE_MS } from "../limits.ts";
import { SeenRequests } from "./seen-requests.ts";

/** As many as a provider remembers. */
const REQUESTS_SEEN = 200_000;
const expiresMs = ENVELOPE_LIFE_MS;
const lastMs = expiresMs + CLOCK_SKEW_MS;

/** Takes as many of each caller as are taken, one of each in turn. @returns how many of each were */
function fill(seen: SeenRequests, callers: readonly string[], nowMs = 0): readonly number[] {
  const held = callers.map(() => 0);
  for (let isTaken = true; isTaken;) {
    isTaken = false;
    for (const [at, caller] of callers.entries()) {
      if (seen.take(`${caller} ${held[at]}`, expiresMs, nowMs, caller) !== "new") continue;
      held[at] = (held[at] ?? 0) + 1;
      isTaken = true;
    }
  }
  return held;
}

describe("requests that were seen", () => {
  it("are new once, until they have expired by any clock that is let differ", () => {
    const seen = new SeenRequests();
    expect(seen.take("a", expiresMs, 0, "x")).toBe("new");
    expect(seen.take("a", expiresMs, 0, "x")).toBe("again");
    expect(seen.take("a", expiresMs, 0, "y")).toBe("again");
    expect(seen.take("a", expiresMs, lastMs, "x")).toBe("again");
    expect(seen.remembers(expiresMs)).toBe(true);
    expect(seen.take("b", 2 * expiresMs, lastMs + 1, "x")).toBe("new");
    expect(seen.remembers(expiresMs)).toBe(false);
    expect(seen.remembers(expiresMs + 1)).toBe(true);
  });

  it("are forgotten up to the latest of them, in whatever order they came", () => {
    const seen = new SeenRequests();
    for (const [id, itsMs] of [
      ["a", expiresMs],
      ["b", expiresMs - 1],
    ] as const)
      seen.take(id, itsMs, 0, "x");
    seen.take("c", 2 * expiresMs, lastMs + 1, "x");
    expect(seen.remembers(expiresMs)).toBe(false);
  });

  /** Goal: who fills the memory is slowed, not everybody refused. Method: callers who take all that they get, and then one who wants little. */
  it.each([
    [1, REQUESTS_SEEN / 2],
    [3, REQUESTS_SEEN / 4],
    [19, REQUESTS_SEEN / 20],
  ])("of %i who take what they can, each holds %i, and another is served", (greedy, each) => {
    const seen = new SeenRequests();
    const held = fill(
      seen,
      Array.from({ length: greedy }, (_, at) => `greedy ${at}`),
    );
    for (const count of held) expect(Math.abs(count - each)).toBeLessThanOrEqual(1);
    expect(seen.take("more", expiresMs, 0, "greedy 0")).toBe("over_share");
    for (let number = 0; number < 1_000; number++)
      if (seen.take(`modest ${number}`, expiresMs, 0, "modest") !== "new") expect.fail(`${number} was refused`);
  });

  /** Goal: nothing is forgotten early, and what has expired gives its place back. Method: the half that one may hold, until it expires. */
  it("make place once they expire, to whom they were", () => {
    const seen = new SeenRequests();
    fill(seen, ["x"]);
    expect(seen.take("x 0", expiresMs, lastMs, "x")).toBe("again");
    expect(seen.take("more", 2 * expiresMs, lastMs, "x")).toBe("over_share");
    expect(seen.take("more", 2 * expiresMs, lastMs + 1, "x")).toBe("new");
    expect(fill(seen, ["x"])[0]).toBe(REQUESTS_SEEN / 2 - 1);
  });

  /** Goal: what is left of a caller's counts on. Method: the half that one may hold, of which one expires earlier: one more is taken, and no second one. */
  it("make place one by one", () => {
    const seen = new SeenRequests();
    seen.take("early", expiresMs - 1, expiresMs - 2, "x");
    fill(seen, ["x"], expiresMs - 2);
    expect(seen.take("more", 2 * expiresMs, lastMs, "x")).toBe("new");
    expect(seen.take("yet more", 2 * expiresMs, lastMs, "x")).toBe("over_share");
  });

  /** Goal: a clock that was ahead for a while costs the memory those places alone that it took. Method: some taken a year ahead, then more than all there is place for as time goes by. */
  it("expire beside those of a clock that was ahead", () => {
    const aheadMs = 365 * 86_400_000;
    const seen = new SeenRequests();
    for (let number = 0; number < 10; number++) seen.take(`ahead ${number}`, aheadMs, aheadMs, "x");
    for (let number = 0; number <= REQUESTS_SEEN; number++) {
      const nowMs = number * 1_000;
      if (seen.take(`${number}`, nowMs + ENVELOPE_LIFE_MS, nowMs, "x") !== "new") expect.fail(`${number} was refused`);
    }
    for (let number = 0; number < 10; number++)
      expect(seen.take(`ahead ${number}`, aheadMs, aheadMs, "x")).toBe("again");
  });

  it("expire behind one that is an hour ahead", () => {
    const seen = new SeenRequests();
    seen.take("ahead", 3_600_000, 3_600_000, "x");
    seen.take("a", expiresMs, 0, "x");
    seen.take("b", 2 * expiresMs, lastMs + 1, "x");
    expect(seen.remembers(expiresMs)).toBe(false);
  });

  /** Goal: the bound holds whatever a coordinator calls its callers. Method: each request of another caller. */
  it("are all that there is place for, by whatever names", () => {
    const seen = new SeenRequests();
    for (let number = 0; number < REQUESTS_SEEN; number++)
      if (seen.take(`${number}`, expiresMs, 0, `${number}`) !== "new") expect.fail(`${number} was refused`);
    expect(seen.take("more", expiresMs, 0, "more")).toBe("over_share");
    expect(seen.take("0", expiresMs, 0, "more")).toBe("again");
  });
});
