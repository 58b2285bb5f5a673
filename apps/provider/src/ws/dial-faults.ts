import type { DialFault } from "../events/events.ts";

/** By the codes of Node's own errors, of the resolver, of sockets and of OpenSSL's verdict on a certificate. */
const faultsByCode: ReadonlyMap<string, DialFault> = new Map([
  ["ENOTFOUND", "name_unknown"],
  ["EAI_AGAIN", "name_unknown"],
  ["ECONNREFUSED", "connection_refused"],
  ["ETIMEDOUT", "no_answer"],
  ["EPROTO", "tls_failed"],
  ["CERT_UNTRUSTED", "certificate_untrusted"],
  ["DEPTH_ZERO_SELF_SIGNED_CERT", "certificate_untrusted"],
  ["SELF_SIGNED_CERT_IN_CHAIN", "certificate_untrusted"],
  ["UNABLE_TO_GET_ISSUER_CERT", "certificate_untrusted"],
  ["UNABLE_TO_GET_ISSUER_CERT_LOCALLY", "certificate_untrusted"],
  ["UNABLE_TO_VERIFY_LEAF_SIGNATURE", "certificate_untrusted"],
  ["CERT_HAS_EXPIRED", "certificate_out_of_date"],
  ["CERT_NOT_YET_VALID", "certificate_out_of_date"],
  ["ERR_TLS_CERT_ALTNAME_INVALID", "certificate_of_another_name"],
]);
/** `ws` gives its own time limit no code. */
const HANDSHAKE_TIMEOUT = "Opening handshake has timed out";

export function faultOfError(error: Error): DialFault {
  const code = "code" in error && typeof error.code === "string" ? error.code : "";
  if (error.message === HANDSHAKE_TIMEOUT) return "no_answer";
  // What the other end says is not HTTP.
  if (code.startsWith("HPE_")) return "no_coordinator";
  return faultsByCode.get(code) ?? (code.startsWith("ERR_SSL_") ? "tls_failed" : "unreachable");
}

/** Of an answer that is no WebSocket's. */
export function faultOfStatus(status: number): DialFault {
  if (status >= 300 && status < 400) return "redirected";
  switch (status) {
    case 401:
    case 403:
    case 407:
      return "forbidden";
    case 426:
      return "upgrade_lost";
    case 502:
    case 504:
      return "nothing_behind_proxy";
    case 503:
      return "no_room";
    default:
      return "no_coordinator";
  }
}
