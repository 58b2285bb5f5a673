import { readFileSync } from "node:fs";
import { endpoints, finishReasons, modelTasks } from "@darkbloom/protocol/dialects";
import { receipt } from "@darkbloom/protocol/receipts";
import { sealHeader } from "@darkbloom/protocol/sealing";
import {
  challengeAnswer,
  fromCoordinator,
  fromProvider,
  JOIN_TOKEN_NEEDED,
  modelOffer,
  offer,
  PROTOCOL_REFUSED,
  registrationBlob,
} from "@darkbloom/protocol/wire";
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

  it("has every code of a refusal, and no other", () => {
    const refusal = fromProvider.options.find(({ shape }) => shape.type.value === "inference_error");
    const known = refusal && "code" in refusal.shape ? refusal.shape.code.options : [];
    const rows = [...page.matchAll(/^\| ((?:`[a-z_]+`(?:, )?)+) \| [^|]+ \| (?:a fault|nothing)/gm)];
    const said = rows.flatMap(([, codes = ""]) => quoted(codes));
    expect(said.toSorted()).toEqual([...known].toSorted());
  });

  it("has every task, each with its endpoints, and no other", () => {
    const rows = page.matchAll(/^\| `([a-z]+)` \| ((?:`\/v1\/[a-z_/]+`(?:, )?)+) \|$/gm);
    const said = [...rows].map(([, task, paths = ""]) => [
      task,
      [...paths.matchAll(/`([^`]+)`/g)].map(([, path]) => path),
    ]);
    const tasks = Object.fromEntries(said) as Record<string, string[]>;
    expect(Object.keys(tasks)).toEqual(modelTasks);
    expect(Object.values(tasks).flat().toSorted()).toEqual(endpoints.toSorted());
  });

  it("has every finish reason, and no other", () => {
    const [, said = ""] = /^\| `finish_reason` \| (.*) \|$/m.exec(page) ?? [];
    expect(new Set(quoted(said))).toEqual(new Set([...finishReasons, "cancel"]));
  });

  /** Goal: no field of what a provider says, signs or reads is left to be guessed. */
  it.each<[what: string, shape: object]>([
    ["the blob", registrationBlob.shape],
    ["the offer", { ...offer.shape, ...modelOffer.shape }],
    ["a challenge's answer", challengeAnswer.shape],
    ["the header", sealHeader.shape],
    ["the receipt", { ...receipt.shape, ...receipt.shape.sampling.unwrap().shape, ...receipt.shape.usage.shape }],
    ...[...fromProvider.options, ...fromCoordinator.options].map(({ shape }): [string, object] => [
      shape.type.value,
      shape,
    ]),
  ])("has every field of %s", (_, shape) => {
    const words = new Set([...page.matchAll(/`([^`]+)`/g)].flatMap(([, code = ""]) => code.match(/\w+/g) ?? []));
    expect(Object.keys(shape).filter((field) => !words.has(field))).toEqual([]);
  });

  it("says a refused version as a coordinator does", () => {
    expect(page).toContain(PROTOCOL_REFUSED.replace(/\d+/, "N"));
    expect(Object.keys(leaveReasons)).not.toContain(JOIN_TOKEN_NEEDED);
  });
});
