import { Client } from "./client.ts";
import { platform } from "./platform.ts";
import { rulesOf } from "./policy.ts";
import type { Darkbloom, DarkbloomOptions } from "./types.ts";

export { DarkbloomError, type FaultCode } from "./errors.ts";
export type * from "./types.ts";

/**
 * A network of which nothing is taken on trust that can be checked.
 *
 *     const darkbloom = createDarkbloom({ baseURL, apiKey, policy: { pins: ["SW-1A2B3C4D5E6F"] } });
 *     const openai = new OpenAI(darkbloom.openai);
 *
 * @throws TypeError for options that are wrong, with what they must be
 */
export function createDarkbloom({ policy = {}, fetch, ...told }: DarkbloomOptions): Darkbloom {
  const ports = platform(fetch);
  return new Client(ports, rulesOf(ports.crypto, policy), told);
}
