import { once } from "node:events";
import type { Server } from "node:http";

/** As the coordinator keeps idle connections: longer than any pause of the benchmark. */
export const KEEP_ALIVE_MS = 72_000;

/** Listens where nobody else can reach it. Answers the port. */
export async function listenOnLoopback(server: Server): Promise<number> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new RangeError("the server listens on no port");
  return address.port;
}
