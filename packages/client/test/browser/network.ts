import type { TestProject } from "vitest/node";
import { Folder, Program } from "../../../testkit/test/running.ts";

/** The page's origin has to be known before the network starts, which allows it. */
export const PAGE_PORT = 63_417;

/** Where the page finds a network. */
export interface PageNetwork {
  readonly baseURL: string;
  readonly apiKey: string;
  readonly serial: string;
}

declare module "vitest" {
  interface ProvidedContext {
    network: PageNetwork;
  }
}

/** Starts one before all tests, and ends it after them. */
export default async function setup({ provide }: TestProject): Promise<() => Promise<void>> {
  const folder = new Folder();
  const origin = `http://localhost:${PAGE_PORT}`;
  const program = new Program(["up", "--port", "0", "--data", folder.path, "--cors-origin", origin]);
  const { base_url: baseURL, api_key: apiKey, provider_serial: serial } = await program.ready;
  provide("network", { baseURL, apiKey, serial });
  return async () => {
    await program[Symbol.asyncDispose]();
    folder[Symbol.dispose]();
  };
}
