import { describe, expect, it } from "vitest";
import { CLOCK_SKEW_MS } from "../limits.ts";
import { SeenRequests } from "./seen-requests.ts";

/** As many as a provider remembers. */
const REQUESTS_SEEN = 100_000;
const expiresMs = 1_000_000;
const lastMs = expiresMs + CLOCK_SKEW_MS;

describe("requests that were seen", () => {
  it("are new once, until they have expired by any clock that is let differ", () => {
    const seen = new SeenRequests();
    expect(seen.isNew("a", expiresMs, 0)).toBe(true);
    expect(seen.isNew("a", expiresMs, 0)).toBe(false);
    expect(seen.isNew("a", expiresMs, lastMs)).toBe(false);
    expect(seen.remembers(expiresMs)).toBe(true);
    expect(seen.isNew("b", 2 * expiresMs, lastMs + 1)).toBe(true);
    expect(seen.remembers(expiresMs)).toBe(false);
    expect(seen.remembers(expiresMs + 1)).toBe(true);
  });

  it("are forgotten up to the latest of them, in whatever order they came", () => {
    const seen = new SeenRequests();
    for (const [id, itsMs] of [
      ["a", expiresMs],
      ["b", expiresMs - 1],
    ] as const)
      seen.isNew(id, itsMs, 0);
    seen.isNew("c", 2 * expiresMs, lastMs + 1);
    expect(seen.remembers(expiresMs)).toBe(false);
  });

  /** Goal: nobody fills the memory, and nothing is forgotten early. Method: as many as are remembered, until they expire. */
  it("are all that there is place for, until they expire", () => {
    const seen = new SeenRequests();
    for (let number = 0; number < REQUESTS_SEEN; number++)
      if (!seen.isNew(`${number}`, expiresMs, 0)) expect.fail(`${number} was refused`);
    expect(seen.isNew("more", expiresMs, 0)).toBe(false);
    expect(seen.isNew("more", 2 * expiresMs, lastMs)).toBe(false);
    expect(seen.isNew("more", 2 * expiresMs, lastMs + 1)).toBe(true);
  });
});
