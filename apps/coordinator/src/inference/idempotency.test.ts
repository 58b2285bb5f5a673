import { NetworkError, type Failure } from "@darkbloom/protocol/failures";
import type { JobId, ProviderId, Sha256Hex } from "@darkbloom/protocol/ids";
import { account, Caller, codeOf, TestNetwork } from "@darkbloom/testkit";
import { describe, expect, it } from "vitest";
import { ScriptedMachine, type Turn } from "../../test/scripted-machine.ts";
import { termsOf } from "../ledger/ledger.samples.ts";
import type { Closing } from "./reply.ts";
import { serve } from "./serve.ts";

/** What one honest answer costs here. */
const PRICE = 11n;
const FEE_PERCENT = 10;
const PROVIDER = "prov_0" as ProviderId;

/** Who takes the last byte when told to. */
class Unread extends Caller {
  read = (): void => undefined;

  override async end(closing: Closing, delivered?: () => void): Promise<void> {
    await super.end(closing);
    this.read = () => delivered?.();
  }
}

/** Whose answer lies in the coordinator, whole, and which a fault of ours never sends. */
class Unreached extends Caller {
  override async end(closing: Closing): Promise<void> {
    await super.end(closing);
    throw new RangeError("ours");
  }
}

async function opened(script?: (turn: Turn, n: number) => Promise<void> | void) {
  const network = new TestNetwork();
  await network.credit();
  let turns = 0;
  const honest = async ({ frame, complete }: Turn) => {
    frame("data: 1\n\n", 1);
    frame("data: [DONE]\n\n", 3, true);
    await complete();
  };
  const machine = new ScriptedMachine(network, (turn) => (script ?? honest)(turn, turns++), { name: "prov_0" });
  network.fleet.join(machine);
  const { ledger } = network;
  /** A request under one key: how it ended and what it took from the caller. */
  const ask = async (caller: Caller, { stream = true, key = "k", maxTokens = 100, keyed = true } = {}) => {
    const before = await ledger.totals(account);
    const terms = keyed ? { idempotencyKeySha256: key.repeat(64) as Sha256Hex } : {};
    const asked = network.ask(caller, { stream, maxTokens, terms });
    const end = await codeOf(serve({ ...network.net, platformFeePercent: FEE_PERCENT }, asked, caller));
    return { end, paid: (await ledger.totals(account)).charged - before.charged };
  };
  return { network, ledger, ask };
}

describe("an answer under an idempotency key", () => {
  /** Goal: nobody has two answers for one charge by asking again while the first lies whole before them. Method: ask before its last byte has left, then after. */
  it.each([true, false])("is not owed while it is on its way: stream %s", async (stream) => {
    const { ask, ledger } = await opened();
    const caller = new Unread();
    expect(await ask(caller, { stream })).toEqual({ end: "whole", paid: PRICE });
    expect(await ask(new Caller(), { stream })).toEqual({ end: "idempotency_conflict", paid: 0n });
    caller.read();
    expect(await ask(new Caller(), { stream })).toEqual({ end: "whole", paid: PRICE });
    expect(await ledger.shares()).toEqual({ machines: 18n, platform: 4n });
  });

  /** Goal: what was charged and never left is owed once, at the platform's cost; what was delivered pays again. Method: undelivered, then three times delivered, plain and as a stream. */
  it.each([true, false])("is owed while it was not delivered: stream %s", async (stream) => {
    const { ask, ledger } = await opened();
    expect(await ask(new Unreached(), { stream })).toEqual({ end: "internal_error", paid: PRICE });
    expect(await ledger.shares()).toEqual({ machines: 9n, platform: 2n });
    const again = new Caller();
    expect(await ask(again, { stream })).toEqual({ end: "whole", paid: 0n });
    expect(await ledger.shares()).toEqual({ machines: 18n, platform: -7n });
    const jobId = again.facts?.jobId as JobId;
    expect(await ledger.receipt(account, jobId, 0)).toEqual(again.closing?.receipt);
    expect((await ledger.usage(account, 9))[0]).toMatchObject({ jobId, cost: 0n, outcome: "finished" });
    expect(await ask(new Caller(), { stream })).toEqual({ end: "whole", paid: PRICE });
    expect(await ask(new Caller(), { stream })).toEqual({ end: "whole", paid: PRICE });
    expect(await ledger.check()).toEqual([]);
  });

  /** Goal: a plain answer that finds no room with its last bytes is not charged, and so not owed: whoever fills the room, or writes more than fits, gains nothing by it. Method: a reply that refuses the last write, as each bound does. */
  it.each<Failure>([
    { code: "overloaded", retryAfterSec: 5 },
    { code: "provider_fault", providerId: PROVIDER, phase: "after_content", fault: "generation_failed" },
  ])("is not owed where it was too much: %o", async (failure) => {
    const { ask, ledger } = await opened();
    const full = new Caller({
      mayRead: async () => {
        if (full.writes === 1) throw new NetworkError(failure);
      },
    });
    expect(await ask(full, { stream: false })).toEqual({ end: failure.code, paid: 0n });
    expect(await ask(new Caller(), { stream: false })).toEqual({ end: "whole", paid: PRICE });
    expect(await ledger.shares()).toEqual({ machines: 9n, platform: 2n });
  });

  /** Goal: keys do not touch each other, and a key is bound to its body. Method: another key, and another body, while an answer is owed. */
  it("is owed under its own key and for its own body", async () => {
    const { ask } = await opened();
    await ask(new Unreached());
    expect(await ask(new Unreached(), { key: "l" })).toEqual({ end: "internal_error", paid: PRICE });
    expect(await ask(new Caller(), { maxTokens: 99 })).toEqual({ end: "idempotency_conflict", paid: 0n });
    expect(await ask(new Caller())).toEqual({ end: "whole", paid: 0n });
  });

  /** Goal: who sends no key is owed nothing and kept from nothing. Method: an undelivered answer, then another body, then the first again. */
  it("is not owed without a key", async () => {
    const { ask } = await opened();
    const keyed = false;
    expect(await ask(new Unreached(), { keyed })).toEqual({ end: "internal_error", paid: PRICE });
    expect(await ask(new Caller(), { keyed, stream: false })).toMatchObject({ end: "whole" });
    expect(await ask(new Caller(), { keyed })).toEqual({ end: "whole", paid: PRICE });
  });

  /** Goal: who hangs up is owed nothing, and need not wait for what they left. Method: leave in the middle; the same again while the machine still closes the first. */
  it("is not owed after a hang-up", async () => {
    const begun = Promise.withResolvers<void>();
    const gone = Promise.withResolvers<void>();
    const { ask } = await opened(async ({ frame, complete }, n) => {
      frame("data: 1\n\n", 1);
      if (n === 0) {
        begun.resolve();
        await gone.promise;
      }
      frame("data: [DONE]\n\n", 3, true);
      await complete();
    });
    const caller = new Caller();
    const first = ask(caller);
    await begun.promise;
    expect(await ask(new Caller())).toEqual({ end: "idempotency_conflict", paid: 0n });
    caller.leave();
    const second = ask(new Caller());
    gone.resolve();
    expect((await first).end).toBe("caller_gone");
    expect((await second).end).toBe("whole");
    expect(await ask(new Caller())).toEqual({ end: "whole", paid: PRICE });
  });

  /** Goal: leaving counts at any time. Method: leave before the request is served, and after the charge, before the last byte has left. */
  it.each(["before", "after the charge"])("is not owed to who leaves %s", async (when) => {
    const { ask } = await opened();
    const caller = new Unread();
    if (when === "before") caller.leave(new NetworkError({ code: "caller_gone", phase: "before_content" }));
    await ask(caller);
    caller.leave();
    expect(await ask(new Caller())).toEqual({ end: "whole", paid: PRICE });
  });

  /** Goal: a connection that a coordinator on its way out cuts is no hang-up. Method: shutdown after the charge, then the connection goes. */
  it("stays owed where the coordinator ends the connection", async () => {
    const { ask, network } = await opened();
    const caller = new Unread();
    expect(await ask(caller)).toEqual({ end: "whole", paid: PRICE });
    network.endRequests();
    caller.leave();
    const { balance } = await network.ledger.totals(account);
    const { bodySha256 } = network.ask(new Caller()).terms;
    const idempotency = { keySha256: "k".repeat(64) as Sha256Hex, bodySha256 };
    await network.ledger.hold({ ...termsOf("after", balance, account), at: network.clock.now(), idempotency });
    expect((await network.ledger.totals(account)).held).toBe(0n);
  });
});
