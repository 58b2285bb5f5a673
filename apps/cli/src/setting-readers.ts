import { readFileSync } from "node:fs";
import { readWitness } from "@darkbloom/coordinator/adapters/http-witness";
import type { Witness } from "@darkbloom/coordinator/transparency/port";
import { fromBase64OrNothing } from "@darkbloom/protocol/bytes";
import { readVerifierKey, type NoteKey } from "@darkbloom/protocol/log";
import { nodeCrypto } from "@darkbloom/protocol/node";
import type { NamedRoot } from "./trust-files.ts";

/** Of an account's id; and as long as the catalog lets a name be. */
export const NAME_CHARS_MAX = 128;

/** How the text of a setting becomes a value; undefined for a text that is wrong. */

export function wholeNumber(least: number, most: number) {
  return (digits: string): number | undefined => {
    const number = /^\d{1,9}$/.test(digits) ? Number(digits) : Number.NaN;
    return number >= least && number <= most ? number : undefined;
  };
}

export function oneOf<const Word extends string>(allowed: readonly Word[]) {
  return (word: string): Word | undefined => allowed.find((candidate) => candidate === word);
}

export function oneOfWords(allowed: readonly string[]): string {
  return `${allowed.slice(0, -1).join(", ")} or ${allowed.at(-1) ?? ""}`;
}

export function yesOrNo(word: string): boolean | undefined {
  if (/^(1|true|yes|on)$/i.test(word)) return true;
  return /^(0|false|no|off)$/i.test(word) ? false : undefined;
}

export function anyText(given: string): string | undefined {
  return given === "" || given.includes("\0") ? undefined : given;
}

export function host(given: string): string | undefined {
  // A bracketed address is how URLs write IPv6; the socket wants it bare.
  const bare = /^\[(.+)\]$/.exec(given)?.[1] ?? given;
  return /^[\w.:%-]+$/.test(bare) ? bare : undefined;
}

export function serials(given: string): string[] | undefined {
  const parts = given.split(",").map((part) => part.trim());
  return parts.every((part) => /^[\x21-\x7e]{1,128}$/.test(part)) ? parts : undefined;
}

export function aliases(given: string): { name: string; model: string }[] | undefined {
  const pairs = given
    .split(",")
    .map(
      (part) => /^(?<name>[A-Za-z0-9][\w.:/-]{0,127})=(?<model>[A-Za-z0-9][\w.:/-]{0,127})$/.exec(part.trim())?.groups,
    );
  const read = pairs.flatMap((pair) =>
    pair?.["name"] !== undefined && pair["model"] !== undefined ? [{ name: pair["name"], model: pair["model"] }] : [],
  );
  return read.length === pairs.length ? read : undefined;
}

export function witnesses(given: string): Witness[] | undefined {
  const read = given.split(",").map(readWitness);
  return read.every((witness) => witness !== undefined) ? read : undefined;
}

export const verifierKey = (given: string): NoteKey | undefined => readVerifierKey(nodeCrypto, given);

export function publicKey(given: string): Uint8Array | undefined {
  const key = fromBase64OrNothing(given);
  return key.length === 32 ? key : undefined;
}

export function namedRoots(given: string): NamedRoot[] | undefined {
  const named = given
    .split(",")
    .map((part) => /^(?<path>.+)=(?<sha256>(?:[0-9a-fA-F]{2}:?){31}[0-9a-fA-F]{2})$/.exec(part)?.groups);
  const roots = named.flatMap((root) =>
    root?.["path"] === undefined || root["sha256"] === undefined
      ? []
      : [{ path: root["path"], sha256: root["sha256"].replaceAll(":", "").toLowerCase() }],
  );
  return roots.length === named.length ? roots : undefined;
}

export function apiKey(given: string): string | undefined {
  return /^[\x21-\x7e]{1,256}$/.test(given) ? given : undefined;
}

/** The base URL of SDKs, which ends in `/v1`, is what people have at hand; here it names the same coordinator. */
export function coordinatorUrl(given: string): URL | undefined {
  const url = URL.parse(given);
  if (!url || !/^https?:$/.test(url.protocol) || url.username !== "" || url.search !== "" || url.hash !== "")
    return undefined;
  url.pathname = url.pathname.replace(/(\/v1)?\/*$/, "");
  return url;
}

export function origins(given: string): string[] | undefined {
  const parts = given.split(",").map((part) => part.trim());
  return parts.every(isOrigin) ? parts : undefined;
}

const isOrigin = (text: string): boolean => /^https?:/.test(text) && URL.parse(text)?.origin === text;

export const IN_FILE = "file:";

/** A secret, or what stands in the file that holds it. */
export const fromFile =
  <Value>(read: (text: string) => Value | undefined) =>
  (given: string): Value | undefined => {
    if (!given.startsWith(IN_FILE)) return read(given);
    try {
      return read(readFileSync(given.slice(IN_FILE.length), "utf8").trim());
    } catch {
      return undefined;
    }
  };
