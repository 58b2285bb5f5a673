import { systemClock } from "@darkbloom/protocol/node";
import * as oauth from "oauth4webapi";
import { describe, expect, it } from "vitest";
import { openEdge } from "../../test/http-kit.ts";
import { personOf, signIn } from "../../test/signed-in.ts";
import { DEVICE_CODE_LIFE_MS, DEVICE_CODES_PER_ADDRESS_MAX, DEVICE_POLL_EVERY_MS } from "../accounts/device-grants.ts";

const client: oauth.Client = { client_id: "darkbloom-cli" };
const asked = { [oauth.allowInsecureRequests]: true };

/** A client of RFC 8628 by other hands, which knows the coordinator's URL alone, and somebody in a browser. */
async function open() {
  const time = { ms: 1_000_000 };
  const edge = await openEdge({ clock: { ...systemClock, now: () => time.ms, monotonicMs: () => time.ms } });
  const anna = await signIn(edge.deps, personOf("anna"), "browser");
  const issuer = new URL(edge.origin);
  const found = await oauth.discoveryRequest(issuer, { algorithm: "oauth2", ...asked });
  const server = await oauth.processDiscoveryResponse(issuer, found);
  const ask = async () => {
    const answer = await oauth.deviceAuthorizationRequest(server, client, oauth.None(), {}, asked);
    return await oauth.processDeviceAuthorizationResponse(server, client, answer);
  };
  /** A session, or the standard's word for why there is none. */
  const poll = async (deviceCode: string, as = client): Promise<string> => {
    const answer = await oauth.deviceCodeGrantRequest(server, as, oauth.None(), deviceCode, asked);
    try {
      return (await oauth.processDeviceCodeResponse(server, as, answer)).access_token;
    } catch (error) {
      if (error instanceof oauth.ResponseBodyError) return error.error;
      throw error;
    }
  };
  const decide = (userCode: string, decision: string) =>
    edge.get("/device", {
      method: "POST",
      headers: {
        "content-type": "application/x-www-form-urlencoded",
        cookie: `darkbloom-${edge.port}=${anna.secret}`,
        origin: edge.origin,
      },
      body: new URLSearchParams({ user_code: userCode, decision }).toString(),
    });
  const pass = (ms = DEVICE_POLL_EVERY_MS): void => void (time.ms += ms);
  return { ...edge, anna, ask, poll, decide, pass, [Symbol.asyncDispose]: () => edge[Symbol.asyncDispose]() };
}

describe("a client of RFC 8628 by other hands", () => {
  /** Goal: it gets a session by the URL alone, whichever comes first. Method: approval behind the first poll, and before it; what the session is good for; and the code once more. */
  it.each([false, true])("is let in, before its first poll: %s", async (isBefore) => {
    await using at = await open();
    const { device_code: code, user_code: userCode, interval, ...page } = await at.ask();
    expect(page.verification_uri_complete).toBe(`${page.verification_uri}?user_code=${userCode}`);
    expect(interval).toBe(DEVICE_POLL_EVERY_MS / 1000);
    if (!isBefore) {
      expect(await at.poll(code)).toBe("authorization_pending");
      at.pass();
    }
    expect((await at.decide(userCode, "approve")).status).toBe(200);
    const session = await at.poll(code);
    const me = await at.get("/v1/me", { headers: { authorization: `Bearer ${session}` } });
    expect(await me.json()).toMatchObject({ id: at.anna.person.personId, session: { kind: "cli" } });
    at.pass();
    expect(await at.poll(code), "replayed").toBe("invalid_grant");
  });

  /** Goal: it understands every refusal. Method: denial, expiry, polls that come too soon, another client's code, guesses. */
  it("hears why it is not let in", async () => {
    await using at = await open();
    const [denied, late] = [await at.ask(), await at.ask()];
    await at.decide(denied.user_code, "deny");
    expect(await at.poll(denied.device_code)).toBe("access_denied");
    expect(await at.poll(late.device_code)).toBe("authorization_pending");
    expect(await at.poll(late.device_code)).toBe("slow_down");
    at.pass();
    expect(await at.poll(late.device_code), "five seconds more than before").toBe("slow_down");
    expect(await at.poll(late.device_code, { client_id: "other" }), "another client").toBe("invalid_grant");
    for (const guess of [late.device_code.slice(1), `${late.device_code}A`, late.user_code])
      expect(await at.poll(guess), "a guess").toBe("invalid_grant");
    at.pass(DEVICE_CODE_LIFE_MS);
    expect(await at.poll(late.device_code)).toBe("expired_token");
    expect((await at.decide(late.user_code, "approve")).status, "too late").toBe(404);
  });

  /** Goal: who asks without end takes codes from itself alone, and guesses of codes end. Method: more codes than an address has, from one address; and wrong user codes by a person. */
  it("neither floods nor guesses", async () => {
    await using at = await open();
    const first = await at.ask();
    for (let n = 0; n < DEVICE_CODES_PER_ADDRESS_MAX; n++) await at.ask();
    expect(await at.poll(first.device_code)).toBe("invalid_grant");
    const last = await at.ask();
    for (let n = 0; n < 10; n++) expect((await at.decide("BBB-BBB-BBB", "approve")).status).toBe(404);
    expect((await at.decide(last.user_code, "approve")).status).toBe(429);
    expect(await at.poll(last.device_code)).toBe("authorization_pending");
  });
});
