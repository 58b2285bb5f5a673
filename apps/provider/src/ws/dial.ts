import { WIRE_MESSAGE_BYTES_MAX } from "@darkbloom/protocol/limits";
import { oneWrite } from "@darkbloom/protocol/node";
import type { Socket } from "node:net";
import { WebSocket } from "ws";
import { DialError, type Dialer, type Wire } from "../session/wire.ts";
import { faultOfError, faultOfStatus } from "./dial-faults.ts";

/** From the dial to an open socket. */
const CONNECT_MS_MAX = 15_000;
/** A close that the coordinator does not answer is a drop after this. */
const COORDINATOR_CLOSE_WAIT_MS = 2_000;

/** `http://…` → `ws://…/ws/provider`. @throws TypeError with a sentence, for what is not such a URL */
export function providerUrl(coordinator: string): URL {
  const url = URL.parse(coordinator) ?? new URL("about:blank");
  const protocol = { "http:": "ws:", "https:": "wss:", "ws:": "ws:", "wss:": "wss:" }[url.protocol];
  if (!protocol)
    throw new TypeError("The coordinator's URL must look like https://coordinator.example or http://127.0.0.1:8080.");
  return new URL(`${protocol}//${url.host}${url.pathname.replace(/\/$/, "")}/ws/provider`);
}

/** Dials over WebSocket, outbound only: a provider never opens a port. */
export function webSocketDialer(coordinator: string): Dialer {
  const url = providerUrl(coordinator);
  return {
    dial: (listener, signal) => {
      const { promise, resolve, reject } = Promise.withResolvers<Wire>();
      const ws = new WebSocket(url, { maxPayload: WIRE_MESSAGE_BYTES_MAX, perMessageDeflate: false });
      let isOpen = false;
      const leave = () => ws.terminate();
      // Of the whole way to an open socket: somebody who sends a byte now and then holds it up no longer.
      const late = setTimeout(leave, CONNECT_MS_MAX);
      signal.addEventListener("abort", leave, { once: true });
      const arrived = () => {
        clearTimeout(late);
        signal.removeEventListener("abort", leave);
      };
      ws.on("upgrade", ({ socket }) =>
        ws.on("open", () => {
          isOpen = true;
          arrived();
          resolve(wireOf(ws, socket, () => listener.drained()));
        }),
      );
      ws.on("unexpected-response", (request, response) => {
        reject(new DialError(faultOfStatus(response.statusCode ?? 0)));
        request.destroy();
      });
      // An error is always followed by a close, which is where the connection ends.
      ws.on("error", (cause) => reject(new DialError(faultOfError(cause), { cause })));
      ws.on("close", (code, reason) => {
        arrived();
        if (isOpen) listener.closed(code, reason.toString());
        else reject(new DialError("unreachable"));
      });
      ws.on("message", (data, isBinary) => {
        if (!Buffer.isBuffer(data)) return;
        listener.received(isBinary ? data : data.toString());
      });
      ws.on("pong", () => listener.heard());
      ws.on("ping", () => listener.heard());
      return promise;
    },
  };
}

function wireOf(ws: WebSocket, socket: Socket, drained: () => void): Wire {
  const gather = oneWrite(socket);
  return {
    get bufferedBytes() {
      return ws.bufferedAmount;
    },
    send: (message) => {
      gather();
      ws.send(message, drained);
    },
    ping: () => ws.ping(),
    close: (code, reason) => {
      ws.close(code, reason);
      setTimeout(() => ws.terminate(), COORDINATOR_CLOSE_WAIT_MS).unref();
    },
    terminate: () => ws.terminate(),
  };
}
