import type { PersonId } from "@darkbloom/protocol/ids";
import { nodeCrypto, systemClock, systemRandom } from "@darkbloom/protocol/node";
import { expect, it } from "vitest";
import { LINK_LIFE_MS, LINKS_OPEN_MAX, SignInLinks } from "./links.ts";

const anna = "person_anna" as PersonId;
const otto = "person_otto" as PersonId;

function linksAt() {
  const time = { ms: 0 };
  const clock = { ...systemClock, monotonicMs: () => time.ms };
  return { time, links: new SignInLinks({ clock, random: systemRandom, crypto: nodeCrypto }) };
}

/** Goal: a link signs in whom it was made for, once. Method: two links, each twice, and one that nobody made. */
it("is good once, for one person", () => {
  const { links } = linksAt();
  const [annas, ottos] = [links.make(anna), links.make(otto)];
  expect(annas).toMatch(/^[\w-]{43}$/);
  expect([annas, ottos, "", annas.slice(1)].map((secret) => links.redeem(secret))).toEqual([
    anna,
    otto,
    undefined,
    undefined,
  ]);
  expect([annas, ottos].map((secret) => links.redeem(secret))).toEqual([undefined, undefined]);
});

/** Goal: what lies in a terminal's history opens nothing. Method: a link at its last moment, and one a moment later. */
it("is good for its time", () => {
  const { links, time } = linksAt();
  const [first, second] = [links.make(anna), links.make(anna)];
  time.ms = LINK_LIFE_MS - 1;
  expect(links.redeem(first)).toBe(anna);
  time.ms = LINK_LIFE_MS;
  expect(links.redeem(second)).toBeUndefined();
});

/** Goal: there is a bound, at which the oldest goes. Method: one link more than there may be. */
it("is one of so many", () => {
  const { links } = linksAt();
  const secrets = Array.from({ length: LINKS_OPEN_MAX + 1 }, () => links.make(anna));
  expect(secrets.map((secret) => links.redeem(secret))).toEqual([
    undefined,
    ...Array.from({ length: LINKS_OPEN_MAX }, () => anna),
  ]);
});
