import * as fc from "fast-check";
import type { Message } from "@darkbloom/provider/testing";
import { describe, expect, it } from "vitest";
import { changedBytes, changedJson, changedText, replacedAt, valueAt, waysIn } from "../../protocol/test/changed.ts";
import { Caller, codeOf } from "./caller.ts";
import { account, CREDIT, TestNetwork } from "./network.ts";

/**
 * Goal: whatever comes over the wire, to either end, is no fault of ours: nothing that we take for a mistake in our
 * code happens, every request ends, and money is charged for whole answers only. Method: a machine joins and serves
 * one request, and one of the frames between it and its coordinator is changed on the way.
 */

type End = "provider" | "coordinator";
/** A frame of JSON as what it says; a binary message as its bytes. */
type Meddle = (frame: unknown, to: End, n: number) => Message | undefined;
const typeOf = (frame: unknown): string => (frame instanceof Uint8Array ? "records" : (frame as { type: string }).type);

/** @param meddle what becomes of the nth frame to one end; undefined leaves it as it is */
async function endWith(meddle: Meddle): Promise<string> {
  const made = new TestNetwork();
  await made.credit();
  const seen = { provider: 0, coordinator: 0 };
  const provider = made.provider(() => ({ pieces: ["Ra", "in", "."], tokenMs: 1 }), {
    meddle: (message, to) =>
      meddle(typeof message === "string" ? JSON.parse(message) : message, to, seen[to]++) ?? message,
  });
  await made.clock.advance(1_000);
  const end = await made.clock.until(codeOf(made.serve(new Caller())), 600_000);
  provider.stop();
  await made.clock.advance(1_000);
  expect(made.bugs).toEqual([]);
  expect(end).not.toBe("internal_error");
  const { balance, held, charged } = await made.ledger.totals(account);
  expect(held).toBe(0n);
  expect(balance + charged).toBe(CREDIT);
  expect(charged > 0n).toBe(end === "whole");
  return end;
}

/** All frames of an undisturbed run. */
const frames: { readonly frame: unknown; readonly to: End; readonly n: number }[] = [];
const undisturbed = await endWith((frame, to, n) => {
  frames.push({ frame, to, n });
  return undefined;
});

describe("a frame that was changed", () => {
  it("is one of every type that such a run has", () => {
    expect(undisturbed).toBe("whole");
    const types = new Set(frames.map(({ frame }) => typeOf(frame)));
    expect([...types].toSorted()).toEqual([
      "attestation_challenge",
      "attestation_response",
      "heartbeat",
      "inference_complete",
      "records",
      "register",
      "registered",
      "trust_status",
    ]);
  });

  const isBase64 = (value: unknown): boolean =>
    typeof value === "string" &&
    value.length >= 40 &&
    /^[A-Za-z0-9+/]+={0,2}$/.test(value) &&
    !/^[0-9a-f]+$/.test(value);
  const spelled = frames.flatMap(({ frame, to, n }) =>
    waysIn(frame)
      .filter((way) => isBase64(valueAt(frame, way)))
      .map((way) => [typeOf(frame), way.join("."), { way, to, n }] as const),
  );
  it.each(spelled)("is refused: %s with base64 that is spelled otherwise in %s", async (_type, _place, at) => {
    await endWith((frame, to, n) =>
      to === at.to && n === at.n ? JSON.stringify(replacedAt(frame, at.way, "QR==")) : undefined,
    );
  });

  it("is refused or harmless, whatever was changed", async () => {
    const which = fc.constantFrom(...frames.map(({ to, n }) => ({ to, n })));
    await fc.assert(
      fc.asyncProperty(which, fc.gen(), fc.boolean(), async (at, pick, asJson) => {
        await endWith((frame, to, n) => {
          if (to !== at.to || n !== at.n) return undefined;
          if (frame instanceof Uint8Array) return pick(changedBytes, frame);
          return asJson ? JSON.stringify(pick(changedJson, frame)) : pick(changedText, JSON.stringify(frame));
        });
      }),
      // What a run sends is known only while it runs, and so cannot be made smaller.
      { numRuns: 400, endOnFailure: true },
    );
  });
});
