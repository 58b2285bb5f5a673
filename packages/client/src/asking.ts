import { utf8, fromUtf8Body, toHex } from "@darkbloom/protocol/bytes";
import { atLeast, type TrustLevel } from "@darkbloom/protocol/evidence";
import { requestHeaders } from "@darkbloom/protocol/headers";
import type { Ask } from "./asked.ts";
import { DarkbloomError } from "./errors.ts";
import type { Rules } from "./policy.ts";
import type { Ports } from "./ports.ts";

/** A request as it goes out, and what of it the receipt must name. */
export interface Sent {
  readonly headers: Headers;
  readonly body: Uint8Array<ArrayBuffer>;
  readonly requestSha256: string;
  readonly nonce: string;
}

const NONCE_BYTES = 16;

/** What the policy has the coordinator be told: the level, the machines, and a nonce by which the receipt is of this request alone. */
export function transparentRequest(ports: Ports, rules: Rules, ask: Ask): Sent {
  const headers = new Headers(ask.headers);
  const nonce = nonceOf(ports, ask);
  headers.set(requestHeaders.nonce, nonce);
  const minTrust = minTrustOf(rules, ask);
  if (minTrust !== "none") headers.set(requestHeaders.minTrust, minTrust);
  const body = pinned(ask, rules);
  return { headers, body, requestSha256: toHex(ports.crypto.sha256(body)), nonce };
}

/** The program's own, or one of ours. */
export const nonceOf = ({ random }: Pick<Ports, "random">, { headers }: Ask): string =>
  headers.get(requestHeaders.nonce) ?? toHex(random.bytes(NONCE_BYTES));

const levels: readonly TrustLevel[] = ["self_signed", "hardware"];

/** The policy's level, or the program's own where that is higher. */
export function minTrustOf({ minTrust }: Rules, { headers }: Ask): TrustLevel {
  const asked = headers.get(requestHeaders.minTrust);
  return levels.find((level) => level === asked && atLeast(level, minTrust)) ?? minTrust;
}

/** The body with the policy's pins in it; its other bytes stay as they are. @throws DarkbloomError where it names other machines */
function pinned(ask: Ask, rules: Rules): Uint8Array<ArrayBuffer> {
  if (!rules.pins || ownPins(ask, rules)) return ask.body;
  // It is an object with a `model` in it. Of two members of one name the last counts, and a program may have sent a null.
  const text = fromUtf8Body(ask.body);
  const at = text.lastIndexOf("}");
  return utf8(`${text.slice(0, at)},"provider_serials":${JSON.stringify([...rules.pins])}${text.slice(at)}`);
}

/** The machines that the body names itself; undefined where it names none. @throws DarkbloomError where the policy allows others only */
export function ownPins({ said }: Ask, { pins }: Rules): string[] | undefined {
  const own = [said["provider_serial"], said["provider_serials"]]
    .flat()
    .filter((name): name is string => typeof name === "string");
  if (pins && own.some((name) => !pins.has(name)))
    throw new DarkbloomError(
      "policy_contradicted",
      "The request names machines (provider_serial) that are not among the policy's pins. Nothing was sent.",
    );
  return own.length > 0 ? own : undefined;
}
