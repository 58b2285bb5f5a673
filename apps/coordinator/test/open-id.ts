import { generateKeyPairSync } from "node:crypto";
import { createServer, type Server } from "node:http";
import OidcProvider from "oidc-provider";

const signingKey = generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey.export({ format: "jwk" });
/** Of an ID token; and of all else that the provider makes. */
export const ID_TOKEN_LIFE_SEC = 3_600;

export const CLIENT_ID = "darkbloom";
export const CLIENT_SECRET = "a secret of this coordinator's";

/** What the provider says of somebody, beside their subject. */
export interface Claims {
  email?: string;
  email_verified?: boolean;
  name?: string;
  groups?: readonly string[];
}

/**
 * A real OpenID provider on a port of this machine, at which whoever comes is signed in as `who.subject` at once.
 *
 * @param redirectUri where it may send people back
 */
export async function openOpenIdProvider(redirectUri: string) {
  const who: { subject: string; claims: Claims; refuses: boolean; asked: string[] } = {
    subject: "248289761001",
    claims: { email: "anna@example.com", email_verified: true, name: "Anna" },
    refuses: false,
    asked: [],
  };
  const server: Server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new RangeError("the provider listens on no port");
  const issuer = `http://127.0.0.1:${address.port}`;
  const provider = new OidcProvider(issuer, {
    clients: [
      {
        client_id: CLIENT_ID,
        client_secret: CLIENT_SECRET,
        redirect_uris: [redirectUri],
        grant_types: ["authorization_code"],
        response_types: ["code"],
      },
    ],
    claims: { openid: ["sub"], email: ["email", "email_verified"], profile: ["name"], groups: ["groups"] },
    scopes: ["openid", "email", "profile", "groups"],
    jwks: { keys: [{ ...signingKey, use: "sig", alg: "RS256" }] },
    ttl: Object.fromEntries(
      ["AccessToken", "AuthorizationCode", "Grant", "IdToken", "Interaction", "Session"].map((kind) => [
        kind,
        ID_TOKEN_LIFE_SEC,
      ]),
    ),
    cookies: { keys: ["for a test"] },
    features: { devInteractions: { enabled: false } },
    interactions: { url: (_context, { uid }) => `/interaction/${uid}` },
    findAccount: (_context, subject) => ({
      accountId: subject,
      claims: () => ({ sub: subject, ...who.claims }),
    }),
    loadExistingGrant: async ({ oidc }) => {
      const grant = new provider.Grant({ accountId: oidc.session.accountId, clientId: oidc.client.clientId });
      grant.addOIDCScope("openid email profile groups");
      await grant.save();
      return grant;
    },
  });
  const answer = provider.callback();
  server.on("request", (request, response) => {
    who.asked.push(request.url ?? "");
    if (!request.url?.startsWith("/interaction/")) return answer(request, response);
    const result = who.refuses
      ? { error: "access_denied", error_description: "<b>not you</b>" }
      : { login: { accountId: who.subject } };
    void provider.interactionFinished(request, response, result);
  });
  const close = () =>
    new Promise<void>((resolve) => {
      server.closeAllConnections();
      server.close(() => resolve());
    });
  return {
    issuer,
    who,
    /** Goes where a browser would be led. @returns with what the provider sends it back */
    async walk(url: string): Promise<string> {
      const jar = new Map<string, string>();
      for (let at = url; ;) {
        const cookie = [...jar].map(([name, value]) => `${name}=${value}`).join("; ");
        const response = await fetch(at, { redirect: "manual", headers: { cookie } });
        for (const set of response.headers.getSetCookie()) {
          const [, name = "", value = ""] = /^([^=]+)=([^;]*)/.exec(set) ?? [];
          jar.set(name, value);
        }
        const to = response.headers.get("location");
        if (to === null) throw new Error(`the provider leads nowhere: ${response.status} ${await response.text()}`);
        at = new URL(to, at).href;
        if (!at.startsWith(issuer)) return at;
      }
    },
    /** Nobody answers there any more. */
    close,
    [Symbol.asyncDispose]: close,
  };
}
