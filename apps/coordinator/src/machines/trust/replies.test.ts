import { toBase64, utf8 } from "@darkbloom/protocol/bytes";
import { SimulatedClock } from "@darkbloom/testkit";
import { expect, it } from "vitest";
import { Replies, type ChallengeReply } from "./replies.ts";

const nonceOf = (n: number): Uint8Array<ArrayBuffer> => new Uint8Array(32).fill(n);
const replyTo = (n: number): ChallengeReply => {
  const answer = {
    v: 1,
    nonce: toBase64(nonceOf(n)),
    callers_root: null,
    blob_sha256: "0".repeat(64),
    offer_sha256: "0".repeat(64),
    hpke_key_ids: [],
    posture: {},
    at: "2026-01-01T00:00:00.000Z",
  };
  return { answer: utf8(JSON.stringify(answer)), signature: utf8("s") };
};
const unread: ChallengeReply = { answer: utf8("{}"), signature: utf8("s") };

/** Challenges 1 to `sent`, of which none is answered but the last, by this. */
async function afterMany(sent: number, reply: ChallengeReply): Promise<"taken" | "none"> {
  const clock = new SimulatedClock();
  const replies = new Replies(clock);
  const { signal } = new AbortController();
  replies.put(reply);
  for (let n = 1; n < sent; n++) {
    const late = replies.to(nonceOf(n), 10, signal);
    await clock.advance(10);
    expect(await late).toBeUndefined();
  }
  const last = replies.to(nonceOf(sent), 10, signal);
  replies.put(reply);
  await clock.advance(10);
  const found = await last;
  if (found) expect(found).toBe(reply);
  return found ? "taken" : "none";
}

/** Goal: a late reply is no sign of bad behaviour, and what was never asked for is for the verdict to refuse. Method: replies to this challenge, to those before it, and to none. */
it.each<[what: string, sent: number, reply: ChallengeReply, end: "taken" | "none"]>([
  ["to the only challenge", 1, replyTo(1), "taken"],
  ["to this challenge", 3, replyTo(3), "taken"],
  ["to the one before", 3, replyTo(2), "none"],
  ["to the first", 3, replyTo(1), "none"],
  ["to one that was never sent", 3, replyTo(9), "taken"],
  ["that cannot be read", 3, unread, "taken"],
  ["to the oldest that is known", 8, replyTo(1), "none"],
  ["to one that is known no more", 9, replyTo(1), "taken"],
])("a reply %s", async (_what, sent, reply, end) => {
  expect(await afterMany(sent, reply)).toBe(end);
});
