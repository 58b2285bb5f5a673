import { readFileSync } from "node:fs";
import { engineRefusals, providerFaults } from "@darkbloom/protocol/provider-words";
import { fromCoordinator, fromProvider, JOIN_TOKEN_NEEDED, PROTOCOL_REFUSED } from "@darkbloom/protocol/wire";
import { describe, expect, it } from "vitest";
import { leaveReasons } from "../events/events.ts";
import { closeCodes } from "../machines/connection/wire.ts";

const page = readFileSync(new URL("../../../../docs/write-a-provider.md", import.meta.url), "utf8");
const sectionOf = (title: string): string =>
  page.split(/^## /m).find((section) => section.startsWith(`${title}\n`)) ?? expect.fail(`no section ${title}`);
const quoted = (text: string): string[] => [...text.matchAll(/`([a-z_]+)`/g)].map(([, word = ""]) => word);

/** Goal: whoever writes a provider from the page meets no word that is not there. Method: the page's words beside those of the code. */
describe("docs/write-a-provider.md", () => {
  it("has every reason with which a machine that has registered is closed, and no other", () => {
    const words = [...sectionOf("What ends the connection").matchAll(/^\| `([a-z_]+)` \|/gm)].map(([, word]) => word);
    const said = Object.entries(leaveReasons).flatMap(([reason, how]) => (how === "said" ? [reason] : []));
    expect(new Set(words)).toEqual(new Set(said));
  });

  it("has every close code", () => {
    const numbers = new Set([...sectionOf("What ends the connection").matchAll(/\b1\d{3}\b/g)].map(Number));
    // 1009 is the socket's own: a message that is too long (RFC 6455, 7.4.1). A coordinator does not say goodbye first.
    const { goodbye: _goodbye, ...ours } = closeCodes;
    expect(numbers).toEqual(new Set([...Object.values(ours), 1009]));
  });

  it("has every message, and none that is not", () => {
    const types = [...fromProvider.options, ...fromCoordinator.options].map(({ shape }) => shape.type.value);
    const named = new Set([...quoted(page), ...[...page.matchAll(/"type":"([a-z_]+)"/g)].map(([, type]) => type)]);
    expect(types.filter((type) => !named.has(type))).toEqual([]);
    const said = [...page.matchAll(/\{"type":"([a-z_]+)"/g)].map(([, type]) => type);
    expect(said.filter((type) => !types.some((known) => known === type))).toEqual([]);
  });

  it("has only codes that a provider can send", () => {
    const codes = /or with `inference_error` and a `code`:(.*?)and a few more/s.exec(page)?.[1] ?? "";
    const known = [...providerFaults, ...engineRefusals, "busy", "draining", "cancelled", "prompt_tokens"];
    expect(quoted(codes).length).toBeGreaterThan(5);
    expect(quoted(codes).filter((code) => !known.includes(code))).toEqual([]);
  });

  it("says a refused version as a coordinator does", () => {
    expect(page).toContain(PROTOCOL_REFUSED.replace(/\d+/, "N"));
    expect(Object.keys(leaveReasons)).not.toContain(JOIN_TOKEN_NEEDED);
  });
});
