import canonicalize from "canonicalize";
import { utf8 } from "./bytes.ts";

/** Canonical JSON by RFC 8785 (JCS): one spelling of each value, so that a signature over it can be checked again. */
export function canonicalJson(value: unknown): string {
  const text = canonicalize(value);
  if (text === undefined) throw new TypeError("this value has no JSON");
  return text;
}

export const canonicalBytes = (value: unknown): Uint8Array<ArrayBuffer> => utf8(canonicalJson(value));
