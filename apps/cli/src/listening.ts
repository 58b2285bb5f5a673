import { BlockList, isIPv6 } from "node:net";
import { CommandFailed, codeOf } from "./failure.ts";

const loopback = new BlockList();
loopback.addSubnet("127.0.0.0", 8, "ipv4");
loopback.addAddress("::1", "ipv6");

/** Whether only this machine can reach it. A name other than `localhost` may lead anywhere. */
export function isLoopback(host: string): boolean {
  if (host === "localhost") return true;
  return loopback.check(host, isIPv6(host) ? "ipv6" : "ipv4");
}

/** The URL at which processes of this machine reach a server, which may listen on every address. */
export function reachableUrl(baseUrl: string): string {
  const url = new URL(baseUrl);
  if (url.hostname === "0.0.0.0") url.hostname = "127.0.0.1";
  if (url.hostname === "[::]") url.hostname = "[::1]";
  return url.origin;
}

export const plaintextWarning = (host: string): string =>
  `Warning: --host ${host} serves plain HTTP beyond this machine: keys, prompts and answers can be read on the way. ` +
  "Put a reverse proxy with TLS in front of it, and --trust-proxy here.";

export const noTokenNote =
  "Without --join-token (better DARKBLOOM_JOIN_TOKEN in the environment) no provider on another machine can join.";

/** The sentence for a server that could not listen; other errors come back as they are. */
export function listenFailure(error: unknown, host: string, port: number): unknown {
  switch (codeOf(error)) {
    case "EADDRINUSE":
      return new CommandFailed(
        `Port ${port} on ${host} is in use by another program. Choose another with --port, or any free one with --port 0.`,
      );
    case "EACCES":
      return new CommandFailed(`This user may not listen on port ${port}. Choose one above 1023 with --port.`);
    case "EADDRNOTAVAIL":
    case "ENOTFOUND":
    case "EAI_AGAIN":
      return new CommandFailed(
        `${host} is not an address of this machine. Choose one of its own with --host, e.g. 127.0.0.1.`,
      );
    case undefined:
    default:
      return error;
  }
}
