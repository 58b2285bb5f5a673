import type { IncomingHttpHeaders, IncomingMessage } from "node:http";
import { isIP } from "node:net";
import { addressBucket } from "../limits/address.ts";

/** Who is at the other end of a connection, as far as an address tells. */
export interface Peer {
  /** Comes from this machine by all that can be seen. A proxy here that says nothing looks the same. */
  readonly isLocal: boolean;
  /** Where strangers are counted. */
  readonly bucket: string;
}

/** Headers that a proxy adds: behind one, an address on this machine says nothing about the caller. */
const forwardingHeaders = new Set([
  "cdn-loop",
  "cf-connecting-ip",
  "client-ip",
  "fastly-client-ip",
  "forwarded",
  "true-client-ip",
  "via",
  "x-client-ip",
  "x-cluster-client-ip",
  "x-envoy-external-address",
  "x-original-forwarded-for",
  "x-real-ip",
]);

const isForwarded = (headers: IncomingHttpHeaders): boolean =>
  Object.keys(headers).some((name) => forwardingHeaders.has(name) || name.startsWith("x-forwarded-"));

const isLoopbackAddress = (address: string): boolean => address === "::1" || /^(::ffff:)?127\./.test(address);

/** Whether a `Host` header names this machine by a name that nobody else can own. */
export function isLoopbackHost(host: string | undefined): boolean {
  const name = hostNameOf(host);
  return name === "localhost" || name === "[::1]" || (name !== undefined && /^127(\.\d{1,3}){3}$/.test(name));
}

/**
 * Whether a page that another site has loaded could have been made to call with this `Host` (DNS rebinding): a name
 * that its owner can point anywhere. Addresses and the names of this machine cannot be.
 */
export function isForeignHost(host: string | undefined): boolean {
  const name = hostNameOf(host);
  if (name === undefined) return true;
  if (isIP(name) !== 0 || name.startsWith("[")) return false;
  return !/(^|\.)(localhost|internal|local)$/.test(name);
}

function hostNameOf(host: string | undefined): string | undefined {
  if (host === undefined || !/^[\w.:[\]-]+$/.test(host)) return undefined;
  return URL.parse(`http://${host}`)?.hostname.replace(/\.$/, "");
}

/**
 * @param trustProxy whether a proxy of the operator's own stands in front: then whoever it says has connected
 *   counts, which is the last entry that it wrote, and nobody is local
 */
export function peerOf({ socket, headers }: Pick<IncomingMessage, "socket" | "headers">, trustProxy: boolean): Peer {
  const address = socket.remoteAddress ?? "";
  if (!trustProxy)
    return {
      isLocal: isLoopbackAddress(address) && !isForwarded(headers) && isLoopbackHost(headers.host),
      bucket: addressBucket(address),
    };
  const forwarded = [headers["x-forwarded-for"] ?? ""].flat().join(",").split(",").at(-1)?.trim() ?? "";
  return { isLocal: false, bucket: addressBucket(forwarded === "" ? address : forwarded) };
}
