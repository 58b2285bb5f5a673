import { EventEmitter } from "node:events";
import type { Server } from "node:http";
import { Socket } from "node:net";
import { expect, it } from "vitest";
import { Connections } from "./connections.ts";

/** A server of three connections at most, and what happens to it. */
function bounded() {
  const open = new WeakSet<object>();
  const server = new EventEmitter();
  const connections = new Connections(3, open);
  connections.watch(server as Server);
  const connect = () => {
    const socket = new Socket();
    server.emit("connection", socket);
    return socket;
  };
  const ask = (socket: Socket) => {
    const response = new EventEmitter();
    server.emit("request", { socket }, response);
    return response;
  };
  return { open, connections, connect, ask };
}

/** Goal: who is of the least use to anybody goes first. Method: three connections in each state, then a further one; which of the four is closed. */
it.each<[first: string, second: string, third: string, closed: number]>([
  ["silent", "silent", "silent", 0],
  ["asked", "silent", "silent", 1],
  ["asked", "answered", "silent", 1],
  ["unread", "asked", "silent", 2],
  ["asked", "unread", "unread", 1],
  ["asked and unread", "unread", "asked", 1],
  ["asked", "unread with a key", "upgraded", 3],
  ["asked", "asked and unread", "asked", 3],
])("of %s, %s and %s ends the one at %i", (first, second, third, closed) => {
  const { open, connections, connect, ask } = bounded();
  const sockets = [first, second, third].map((state) => {
    const socket = connect();
    if (state.includes("asked") || state === "unread with a key") ask(socket);
    if (state.endsWith("unread")) open.add(ask(socket));
    if (state === "answered") ask(socket).emit("close");
    if (state === "upgraded") connections.keep(socket);
    return socket;
  });
  sockets.push(connect());
  expect(sockets.map(({ destroyed }) => destroyed)).toEqual(sockets.map((_, at) => at === closed));
});

/** Goal: the bound holds, however many come at once. Method: twice as many, before the first that is ended has closed. */
it("ends one for each that comes", () => {
  const { connections, connect } = bounded();
  const sockets = Array.from({ length: 6 }, connect);
  expect(sockets.map(({ destroyed }) => destroyed)).toEqual([true, true, true, false, false, false]);
  expect(connections.size).toBe(3);
});
