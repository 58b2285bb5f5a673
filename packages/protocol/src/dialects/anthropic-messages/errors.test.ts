import { describe, expect, it } from "vitest";
import type { RequestId } from "../../ids.ts";
import { anthropicMessages } from "./index.ts";

/** Goal: agents that shorten a conversation when it is too long know that it is. Method: the pattern that Claude Code reads. */
describe("a prompt that is too long", () => {
  it("is said with both figures, in Anthropic's own words", () => {
    const failure = { code: "context_length_exceeded", contextTokens: 2_048, promptTokens: 2_049 } as const;
    const body = JSON.parse(anthropicMessages.errorBody(failure, "req_1" as RequestId)) as {
      error: { message: string };
    };
    expect(/^prompt is too long: (\d+) tokens > (\d+) maximum/.exec(body.error.message)?.slice(1)).toEqual([
      "2049",
      "2048",
    ]);
  });
});
