import type { Offer } from "@darkbloom/protocol/wire";
import { expect, it } from "vitest";
import { Offering } from "./offering.ts";

/** Goal: what an offer leaves out is not made up. Method: a model that says all it can, and one that says the least. */
it("says of a model what its machine signed, and no more", () => {
  const least = { build: "a", weights_sha256: "0".repeat(64), context_tokens: 10 };
  const all = { ...least, build: "b", token_bytes_max: 3, tasks: ["embed"] } satisfies Offer["models"][number];
  const offer: Offer = { v: 1, identity_key: "", slots: 1, models: [least, all] };
  const { models } = new Offering({
    offer,
    offerBytes: new Uint8Array(),
    offerSignature: new Uint8Array(),
    offerSha256: "",
  });
  const told = { build: "a", weightsSha256: least.weights_sha256, contextTokens: 10 };
  expect(models).toStrictEqual([told, { ...told, build: "b", tokenBytesMax: 3, tasks: ["embed"] }]);
});
