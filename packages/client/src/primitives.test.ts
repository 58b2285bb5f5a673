import { nodeHpke } from "@darkbloom/protocol/node";
import { suites } from "@darkbloom/protocol/wire";
import { webHpke } from "@darkbloom/protocol/web";
import { expect, it } from "vitest";
import { platform } from "./platform.ts";
import { isWhole } from "./primitives.node.ts";
import { primitives as inPages } from "./primitives.ts";

/** Goal: Node seals by its own primitives, a page by what it loads. Method: what a client is given here, and what the other file has. */
it("takes Node's own primitives in Node", () => {
  expect(platform().hpke).toBe(nodeHpke);
  expect(inPages.hpke).toBe(webHpke);
});

it.each([
  ["all suites", suites, true],
  ["no ML-KEM", suites.slice(1), false],
  ["nothing", [], false],
])("sees that an OpenSSL with %s is whole or not", (_, able, whole) => {
  const hpke = {
    suites,
    generateKey: (suite: (typeof suites)[number]) => {
      if (able.includes(suite)) return nodeHpke.generateKey(suite, 0);
      throw new Error("error:0308010C:digital envelope routines::unsupported");
    },
  };
  expect(isWhole(hpke)).toBe(whole);
});
