import { createHook } from "node:async_hooks";
import crypto from "node:crypto";
import { syncBuiltinESMExports } from "node:module";
import { Socket } from "node:net";
import { DatabaseSync, StatementSync } from "node:sqlite";
import * as ws from "ws";
import { COUNTS } from "../channel.ts";

/** Loaded before a process's own modules: counts what an answer costs that no clock need say. */
const counts: Record<string, number> = {};
Reflect.set(globalThis, COUNTS, counts);

const count = (kind: string): void => void (counts[kind] = (counts[kind] ?? 0) + 1);

/** Counts the calls of what an object has under these names. */
function counted(kind: string, of: object, ...names: readonly string[]): void {
  for (const name of names) {
    const act: unknown = Reflect.get(of, name);
    if (typeof act !== "function") throw new TypeError(`there is no ${name} to count`);
    Reflect.set(of, name, function (this: unknown, ...given: unknown[]): unknown {
      count(kind);
      return Reflect.apply(act, this, given);
    });
  }
}

counted("socket writes", Socket.prototype, "_write", "_writev");
// Its types do not have it.
counted("messages", Reflect.get(ws, "Sender"), "frame");
counted("frames sealed or opened", crypto, "createCipheriv", "createDecipheriv");
counted("random draws", crypto, "randomBytes", "randomFillSync");
counted("statements", StatementSync.prototype, "run", "get", "all", "iterate");
counted("statements", DatabaseSync.prototype, "exec");
counted("signals", AbortSignal, "any", "timeout");
syncBuiltinESMExports();

globalThis.AbortController = class extends AbortController {
  constructor() {
    super();
    count("signals");
  }
};

const kinds: Readonly<Record<string, string>> = {
  PROMISE: "promises",
  Timeout: "timers",
  Immediate: "turns put off to",
};
createHook({
  init: (_, type) => {
    const kind = kinds[type];
    if (kind !== undefined) count(kind);
  },
}).enable();
