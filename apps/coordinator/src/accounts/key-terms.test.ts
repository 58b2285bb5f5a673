import { PINNED_SERIALS_MAX } from "@darkbloom/protocol/limits";
import { describe, expect, it } from "vitest";
import {
  keptTerms,
  KEY_MODELS_MAX,
  KEY_NAME_CHARS_MAX,
  KeyError,
  readKeyChange,
  tellChange,
  tellTerms,
  unbound,
} from "./key-terms.ts";

describe("what bounds a key", () => {
  /** Goal: what is sent is read as it is meant. Method: each field, with a value at each end of its bounds. */
  it.each<[sent: object, read: object]>([
    [{ name: "x".repeat(KEY_NAME_CHARS_MAX) }, { name: "x".repeat(KEY_NAME_CHARS_MAX) }],
    [{ disabled: true }, { disabled: true }],
    [{ limit_usd: "5.00" }, { limitMicroUsd: 5_000_000n }],
    [{ limit_usd: 0.25 }, { limitMicroUsd: 250_000n }],
    [{ limit_usd: null }, { limitMicroUsd: null }],
    [{ limit_tokens: 1 }, { limitTokens: 1 }],
    [{ limit_tokens: 1_000_000_000_000_000 }, { limitTokens: 1_000_000_000_000_000 }],
    [{ limit_reset: "monthly" }, { limitReset: "monthly" }],
    [
      { rpm_limit: 1, itpm_limit: 1_000_000_000, otpm_limit: null },
      { rpmLimit: 1, itpmLimit: 1_000_000_000, otpmLimit: null },
    ],
    [
      { rpm_limit: 1_000_000, itpm_limit: 1, otpm_limit: 1_000_000_000 },
      { rpmLimit: 1_000_000, itpmLimit: 1, otpmLimit: 1_000_000_000 },
    ],
    [
      { allowed_models: ["m".repeat(128)], provider_serials: ["s".repeat(128)] },
      { allowedModels: ["m".repeat(128)], pins: ["s".repeat(128)] },
    ],
    [
      { allowed_models: ["a"], provider_serials: ["s"] },
      { allowedModels: ["a"], pins: ["s"] },
    ],
    [
      { min_trust: "hardware", privacy: "sealed" },
      { minTrust: "hardware", privacy: "sealed" },
    ],
    [{ expires_at: "2030-01-01T00:00:00+01:00" }, { expiresAt: Date.UTC(2029, 11, 31, 23) }],
    [{}, {}],
  ])("are read: %j", (sent, read) => {
    expect(readKeyChange(sent)).toEqual(read);
  });

  /** Goal: a refusal names the field and says nothing of what was sent. Method: a wrong value of each, and fields that are none. */
  it.each<[sent: unknown, field: string]>([
    [{ name: "secret".repeat(30) }, "name"],
    [{ disabled: "secret" }, "disabled"],
    [{ limit_usd: "secret" }, "limit_usd"],
    [{ limit_usd: -1 }, "limit_usd"],
    [{ limit_usd: 1e-7 }, "limit_usd"],
    [{ limit_tokens: 0 }, "limit_tokens"],
    [{ limit_tokens: 1.5 }, "limit_tokens"],
    [{ limit_tokens: 1_000_000_000_000_001 }, "limit_tokens"],
    [{ limit_reset: "secret" }, "limit_reset"],
    [{ rpm_limit: 0 }, "rpm_limit"],
    [{ rpm_limit: 1_000_001 }, "rpm_limit"],
    [{ itpm_limit: 0 }, "itpm_limit"],
    [{ itpm_limit: 1_000_000_001 }, "itpm_limit"],
    [{ otpm_limit: 0 }, "otpm_limit"],
    [{ otpm_limit: "5" }, "otpm_limit"],
    [{ otpm_limit: 1_000_000_001 }, "otpm_limit"],
    [{ allowed_models: Array.from({ length: KEY_MODELS_MAX + 1 }, () => "m") }, "allowed_models"],
    [{ allowed_models: [""] }, "allowed_models"],
    [{ allowed_models: ["m".repeat(129)] }, "allowed_models"],
    [{ min_trust: "secret" }, "min_trust"],
    [{ provider_serials: ["x".repeat(129)] }, "provider_serials"],
    [{ provider_serials: [""] }, "provider_serials"],
    [{ provider_serials: Array.from({ length: PINNED_SERIALS_MAX + 1 }, () => "s") }, "provider_serials"],
    [{ privacy: "secret" }, "privacy"],
    [{ expires_at: "secret" }, "expires_at"],
    [{ self_route_only: "secret" }, "self_route_only"],
    [{ secret: 1 }, "key"],
    ["secret", "key"],
  ])("are refused: %j", (sent, field) => {
    const refused = (): unknown => readKeyChange(sent);
    expect(refused).toThrow(KeyError);
    expect(refused).toThrow(`'${field}' is not valid: `);
    expect(refused).not.toThrow("secret");
  });

  /** Goal: what is kept is what was meant, and a key from before a field was there is not bounded by it. Method: a round trip, and parts. */
  it("are told and read again", () => {
    const terms = {
      ...unbound,
      name: "n",
      selfRouteOnly: true,
      limitMicroUsd: readKeyChange({ limit_usd: "0.000001" }).limitMicroUsd ?? null,
      expiresAt: 1,
    };
    expect(keptTerms(tellTerms(terms))).toEqual(terms);
    expect(keptTerms({ name: "n" })).toEqual({ ...unbound, name: "n" });
    expect(tellChange({ pins: [], limitMicroUsd: null })).toEqual({ provider_serials: [], limit_usd: null });
  });
});
