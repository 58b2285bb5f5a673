import { createDarkbloom } from "@darkbloom/client";
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, expect, it } from "vitest";
import { temporaryFolder } from "../test/binary.ts";
import { fetchAttestations } from "./attestations.ts";
import { adminBySession } from "./login/administer.ts";
import { KeptSessions } from "./login/kept.ts";
import { endSession, whoIs } from "./login/me.ts";
import { balanceOf } from "./up-account.ts";

const KEY = "eigeninference-key";
const SESSION = "darkbloom-session-x";

let coordinator: Server;
let elsewhere: Server;
/** Of what came there: the paths, and the headers by which a key would have come along. */
let came: { readonly here: unknown[]; readonly there: unknown[] };

const listening = async (server: Server): Promise<Server> => {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return server;
};
const originOf = (server: Server): string => `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

beforeEach(async () => {
  came = { here: [], there: [] };
  elsewhere = await listening(
    createServer(({ url, headers }, response) => {
      came.there.push([url, headers.authorization, headers["x-api-key"]]);
      response.end('{"balance_usd":"1","providers":[]}');
    }),
  );
  coordinator = await listening(
    createServer(({ url, headers }, response) => {
      came.here.push(headers.authorization ?? headers["x-api-key"]);
      response.writeHead(307, { location: `${originOf(elsewhere)}${url}` }).end();
    }),
  );
});
afterEach(() => {
  for (const server of [coordinator, elsewhere]) {
    server.closeAllConnections();
    server.close();
  }
});

async function listPeople() {
  using folder = temporaryFolder();
  const at = new URL(originOf(coordinator));
  await new KeptSessions(folder.path).keep(at, SESSION);
  return await adminBySession({ coordinator: at, config: folder.path }).listPeople();
}

const policy = { mode: "transparent" } as const;
const client = () => createDarkbloom({ baseURL: originOf(coordinator), apiKey: KEY, policy });

/** Goal: a key is shown to whom it is for and to nobody else. Method: a coordinator that sends everybody on to another origin, and each that sends a key. */
it.each<[who: string, key: string, ask: () => Promise<unknown>]>([
  ["up, for its balance", `Bearer ${KEY}`, () => balanceOf(originOf(coordinator), KEY)],
  ["verify providers", KEY, () => fetchAttestations(new URL(originOf(coordinator)), KEY, "A".repeat(43))],
  ["whoami", `Bearer ${KEY}`, () => whoIs(new URL(originOf(coordinator)), KEY)],
  ["logout", `Bearer ${KEY}`, () => endSession(new URL(originOf(coordinator)), KEY)],
  ["account list", `Bearer ${SESSION}`, () => listPeople()],
  ["the client, for a look", `Bearer ${KEY}`, () => client().fetch(`${originOf(coordinator)}/v1/models`)],
  [
    "the client, under its program's own key",
    "own",
    () => client().fetch(`${originOf(coordinator)}/v1/key`, { headers: { "x-api-key": "own" } }),
  ],
  ["the client, for a receipt", `Bearer ${KEY}`, () => client().receiptOf("job_1")],
])("follows nobody elsewhere: %s", async (_, key, ask) => {
  await expect(ask()).rejects.toThrow();
  expect(came).toEqual({ here: [key], there: [] });
});
