import { once } from "node:events";
import { NetworkError } from "@darkbloom/protocol/failures";
import type { KeyId } from "@darkbloom/protocol/ids";
import { systemClock } from "@darkbloom/protocol/node";
import { SEALED_REQUEST_TYPE } from "@darkbloom/protocol/sealing";
import { describe, expect, it, vi } from "vitest";
import { WebSocket } from "ws";
import { chatBody, dial, entry, KEY, openEdge, rawChat } from "../../test/http-kit.ts";
import { personOf, signIn } from "../../test/signed-in.ts";
import { KnownKeys } from "../accounts/known-keys.ts";
import { KEY_USED_EVERY_MS, type KeyTerms } from "../accounts/port.ts";
import { MemoryAccounts } from "../adapters/memory-accounts.ts";
import { Catalog } from "../catalog/catalog.ts";
import type { Ask } from "../inference/ask.ts";
import { refuseOtherModels } from "./ask.ts";

const keyId = "key_1" as KeyId;

/** An edge that keeps keys in memory, as a coordinator does, and says who was served. */
async function opened() {
  const asked: Ask[] = [];
  const kept = new KnownKeys(new MemoryAccounts());
  const edge = await openEdge({
    accounts: kept,
    serve: async (ask) => {
      asked.push(ask);
      throw new NetworkError({ code: "capacity_full", model: entry.id, retryAfterSec: 1, waitedMs: 1 });
    },
  });
  const codeOf = async (body = chatBody(), headers: Record<string, string> = {}): Promise<unknown> => {
    const response = await edge.chat(body, headers);
    return [response.status, ((await response.json()) as { error: { code: string } }).error.code];
  };
  const change = (terms: Partial<KeyTerms>) => kept.change(keyId, terms);
  return { edge, asked, codeOf, change, kept, [Symbol.asyncDispose]: () => edge[Symbol.asyncDispose]() };
}

describe("what bounds a key", () => {
  /** Goal: each bound is told by name and acts on the next request, there and back. Method: one key that was used, changed in turn. */
  it("acts on the next request", async () => {
    await using test = await opened();
    const served = [429, "capacity_full"];
    expect(await test.codeOf()).toEqual(served);
    const now = Date.now();
    const table: [bound: Partial<KeyTerms>, told: unknown][] = [
      [{ disabled: true }, [401, "key_disabled"]],
      [{ disabled: false }, served],
      [{ expiresAt: now - 1 }, [401, "key_expired"]],
      [{ expiresAt: now + 60_000 }, served],
      [{ allowedModels: ["other", "another"] }, [403, "model_not_allowed"]],
      [{ allowedModels: ["other", entry.id] }, served],
      [{ allowedModels: [] }, served],
      [{ privacy: "sealed" }, [403, "sealing_needed"]],
      [{ privacy: "any" }, served],
    ];
    for (const [bound, told] of table) {
      await test.change(bound);
      expect(await test.codeOf(), JSON.stringify(bound)).toEqual(told);
    }
    await test.kept.revoke(keyId, now);
    expect(await test.codeOf()).toEqual([401, "key_invalid"]);
    expect(test.asked).toHaveLength(table.filter(([, told]) => told === served).length + 1);
  });

  /** Goal: a model is allowed by any name that it has. Method: the model and another name for it, each asked for where either, both or another is allowed. */
  it.each([
    [entry.id, [entry.id], true],
    [entry.id, ["other"], false],
    ["claude", [entry.id], true],
    ["claude", ["claude"], true],
    [entry.id, ["claude"], false],
    ["claude", ["other"], false],
  ])("lets %s be asked for where %j is allowed: %s", (model, allowedModels, isLet) => {
    const catalog = new Catalog([entry], [{ name: "claude", model: entry.id }]);
    const ask = () => refuseOtherModels({ catalog }, { allowedModels }, model);
    if (isLet) ask();
    else expect(ask).toThrow(expect.objectContaining({ failure: { code: "model_not_allowed", models: 1 } }));
  });

  /** Goal: a key for sealed requests is refused before its body is read, and nothing that is sealed is. Method: a body that never ends, and an envelope that is none. */
  it("reads nothing that is not sealed", async () => {
    await using test = await opened();
    await test.change({ privacy: "sealed" });
    const endless = new ReadableStream({ start: (controller) => controller.enqueue(new Uint8Array(10)) });
    const response = await fetch(`${test.edge.origin}/v1/chat/completions`, {
      method: "POST",
      headers: { authorization: `Bearer ${KEY}`, "content-type": "application/json" },
      body: endless,
      duplex: "half",
    });
    expect([response.status, await response.json()]).toMatchObject([403, { error: { code: "sealing_needed" } }]);
    expect(await test.codeOf("no envelope", { "content-type": SEALED_REQUEST_TYPE })).toEqual([400, "body_invalid"]);
  });

  /** Goal: an open WebSocket is no way around. Method: a message on it before and after each change. */
  it("acts on the next message of a WebSocket", async () => {
    await using test = await opened();
    const ws = new WebSocket(`ws://127.0.0.1:${test.edge.port}/v1/responses`, {
      headers: { authorization: `Bearer ${KEY}` },
    });
    await once(ws, "open");
    const told = async (): Promise<unknown> => {
      ws.send(JSON.stringify({ type: "response.create", model: entry.id, input: "Hello" }));
      const [data] = (await once(ws, "message")) as [Buffer];
      return (JSON.parse(data.toString()) as { error: { code: string } }).error.code;
    };
    expect(await told()).toBe("capacity_full");
    await test.change({ allowedModels: ["other"] });
    expect(await told()).toBe("model_not_allowed");
    await test.change({ allowedModels: [], privacy: "sealed" });
    expect(await told()).toBe("sealing_needed");
    await test.change({ privacy: "any", disabled: true });
    expect(await told()).toBe("key_disabled");
    await test.change({ disabled: false, expiresAt: 1 });
    expect(await told()).toBe("key_expired");
    await test.kept.revoke(keyId, 1);
    expect(await told()).toBe("key_invalid");
    ws.close();
  });

  /** Goal: a request that is still being sent counts as the next one. Method: half a body, then each change, then the rest. */
  it.each<[change: Partial<KeyTerms> | "revoke", told: string]>([
    [{ disabled: true }, "key_disabled"],
    [{ expiresAt: 1 }, "key_expired"],
    [{ allowedModels: ["other"] }, "model_not_allowed"],
    [{ privacy: "sealed" }, "sealing_needed"],
    [{ name: "phone" }, "capacity_full"],
    ["revoke", "key_invalid"],
  ])("holds for a body that was begun before %j", async (change, told) => {
    await using test = await opened();
    const looked = vi.spyOn(test.kept, "find");
    using caller = await dial(test.edge.port);
    const bytes = rawChat(chatBody());
    caller.socket.write(bytes.slice(0, -5));
    await expect.poll(() => looked.mock.calls.length).toBe(1);
    if (change === "revoke") await test.kept.revoke(keyId, 1);
    else await test.change(change);
    caller.socket.write(bytes.slice(-5));
    expect(await caller.until(/"code":"\w+"/)).toContain(`"code":"${told}"`);
  });

  /** Goal: a key lists what it may ask for. Method: the list and one model, for a key of another model and for one of this. */
  it("hides other models", async () => {
    await using test = await opened();
    const seen = async () => {
      const list = (await (await test.edge.keyed("/v1/models")).json()) as { data: { id: string }[] };
      return [list.data.map(({ id }) => id), (await test.edge.keyed(`/v1/models/${entry.id}`)).status];
    };
    await test.change({ allowedModels: ["other"] });
    expect(await seen()).toEqual([[], 404]);
    await test.change({ allowedModels: [entry.id] });
    expect(await seen()).toEqual([[entry.id], 200]);
  });

  /** Goal: what was replaced works until its time is over, and a use is written down. Method: a rotation with an overlap that is over, and one that is not. */
  it("ends a secret when its overlap is over", async () => {
    await using test = await opened();
    const to = (digit: string) => ({ keyHash: digit.repeat(64) as never, label: digit });
    expect(await test.codeOf()).toEqual([429, "capacity_full"]);
    const lastUsedAt = (await test.kept.byId(keyId))?.lastUsedAt;
    expect(lastUsedAt).toBeTypeOf("number");
    await test.kept.rotate(keyId, to("1"), Date.now() + 60_000);
    expect(await test.codeOf()).toEqual([429, "capacity_full"]);
    const shown = (await (await test.edge.keyed("/v1/key")).json()) as {
      expires_at: string;
      last_used_at: string;
    };
    expect(Date.parse(shown.expires_at)).toBeGreaterThan(Date.now());
    expect(Date.parse(shown.last_used_at)).toBe(lastUsedAt);
    await test.kept.rotate(keyId, to("2"), Date.now() + 60_000);
    expect(await test.codeOf()).toEqual([401, "key_invalid"]);
  });

  /** Goal: a key ends in the moment that was said, and its use is written down now and then. Method: a clock at the edge of each; and somebody without a key. */
  it("is held to the moment", async () => {
    const time = { ms: 1_700_000_000_000 };
    const begin = time.ms;
    const kept = new MemoryAccounts();
    const used: [string, number][] = [];
    kept.used = async (id, at) => {
      used.push([id, at - begin]);
      await MemoryAccounts.prototype.used.call(kept, id, at);
    };
    await using edge = await openEdge({ accounts: kept, clock: { ...systemClock, now: () => time.ms } });
    const askedAt = async (ms: number) => {
      time.ms = begin + ms;
      return (await edge.keyed("/v1/key")).status;
    };
    const { bearer } = await signIn(edge.deps, personOf("anna"));
    for (const ms of [0, 1, KEY_USED_EVERY_MS - 1, KEY_USED_EVERY_MS]) expect(await askedAt(ms)).toBe(200);
    expect((await edge.get("/v1/keys", { headers: bearer })).status).toBe(200);
    expect(used).toEqual([
      [keyId, 0],
      [keyId, KEY_USED_EVERY_MS],
    ]);
    await kept.change(keyId, { expiresAt: time.ms + 10 });
    expect(await askedAt(KEY_USED_EVERY_MS + 9)).toBe(200);
    expect(await askedAt(KEY_USED_EVERY_MS + 10)).toBe(401);
  });
});
