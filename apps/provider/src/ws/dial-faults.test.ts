import { once } from "node:events";
import { createServer, type Server } from "node:http";
import { createServer as createTcpServer, type AddressInfo } from "node:net";
import { afterEach, expect, it } from "vitest";
import type { DialFault } from "../events/events.ts";
import { faultOfError, faultOfStatus } from "./dial-faults.ts";
import { webSocketDialer } from "./dial.ts";

/** Goal: an owner reads what stands in the way. Method: a row for each code of Node's that one of them has, and for what has none. */
it.each<[string, DialFault]>([
  ["ENOTFOUND", "name_unknown"],
  ["EAI_AGAIN", "name_unknown"],
  ["ECONNREFUSED", "connection_refused"],
  ["ETIMEDOUT", "no_answer"],
  ["ECONNRESET", "unreachable"],
  ["EHOSTUNREACH", "unreachable"],
  ["EPROTO", "tls_failed"],
  ["ERR_SSL_WRONG_VERSION_NUMBER", "tls_failed"],
  ["UNABLE_TO_VERIFY_LEAF_SIGNATURE", "certificate_untrusted"],
  ["UNABLE_TO_GET_ISSUER_CERT_LOCALLY", "certificate_untrusted"],
  ["UNABLE_TO_GET_ISSUER_CERT", "certificate_untrusted"],
  ["SELF_SIGNED_CERT_IN_CHAIN", "certificate_untrusted"],
  ["DEPTH_ZERO_SELF_SIGNED_CERT", "certificate_untrusted"],
  ["CERT_UNTRUSTED", "certificate_untrusted"],
  ["CERT_HAS_EXPIRED", "certificate_out_of_date"],
  ["CERT_NOT_YET_VALID", "certificate_out_of_date"],
  ["ERR_TLS_CERT_ALTNAME_INVALID", "certificate_of_another_name"],
  ["HPE_INVALID_CONSTANT", "no_coordinator"],
  ["toString", "unreachable"],
  ["", "unreachable"],
])("%s is %s", (code, fault) => {
  expect(faultOfError(Object.assign(new Error("words of OpenSSL"), { code }))).toBe(fault);
});

it("takes an error without a code for the network's", () => {
  expect(faultOfError(new Error("socket hang up"))).toBe("unreachable");
  expect(faultOfError(Object.assign(new Error("of another kind"), { code: 7 }))).toBe("unreachable");
  // What `ws` says where the upgrade is not answered in time.
  expect(faultOfError(new Error("Opening handshake has timed out"))).toBe("no_answer");
});

it.each<[number, DialFault]>([
  [200, "no_coordinator"],
  [299, "no_coordinator"],
  [300, "redirected"],
  [301, "redirected"],
  [308, "redirected"],
  [399, "redirected"],
  [400, "no_coordinator"],
  [401, "forbidden"],
  [403, "forbidden"],
  [404, "no_coordinator"],
  [407, "forbidden"],
  [426, "upgrade_lost"],
  [500, "no_coordinator"],
  [502, "nothing_behind_proxy"],
  [503, "no_room"],
  [504, "nothing_behind_proxy"],
])("an answer with %i is %s", (status, fault) => {
  expect(faultOfStatus(status)).toBe(fault);
});

/** Goal: real errors have the codes of the table. Method: a dial to what is no coordinator, in each way that one machine can be. */
const quiet = { received() {}, heard() {}, drained() {}, closed() {} };
const open: { close(): unknown }[] = [];
afterEach(() => {
  for (const server of open.splice(0)) server.close();
});

const dialled = async (url: string): Promise<unknown> =>
  await webSocketDialer(url)
    .dial(quiet, new AbortController().signal)
    .then(
      () => "connected",
      (error: { code: unknown }) => error.code,
    );

async function listening(server: Server | ReturnType<typeof createTcpServer>): Promise<string> {
  open.push(server);
  await once(server.listen(0, "127.0.0.1"), "listening");
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

it("names a host that nobody knows", async () => {
  expect(await dialled("https://coordinator.invalid")).toBe("name_unknown");
});

it("names a port where nobody listens", async () => {
  const server = createTcpServer();
  const at = await listening(server);
  server.close();
  await once(server, "close");
  expect(await dialled(`http://${at}`)).toBe("connection_refused");
});

it("names a server without TLS, and one without HTTP", async () => {
  const plain = await listening(createServer((_, response) => response.writeHead(301, { location: "/" }).end()));
  expect(await dialled(`https://${plain}`)).toBe("tls_failed");
  expect(await dialled(`http://${plain}`)).toBe("redirected");
  const other = await listening(createTcpServer((socket) => socket.on("error", () => {}).end("220 mail\r\n")));
  expect(await dialled(`http://${other}`)).toBe("no_coordinator");
});
