import type { Clock } from "@darkbloom/protocol/ports";
import type * as oauth from "oauth4webapi";
import * as z from "zod";
import { Begun } from "../accounts/begun.ts";
import { mailAddressFrom } from "../accounts/mail.ts";
import {
  GROUPS_MAX,
  OpenIdError,
  PERSON_NAME_CHARS_MAX,
  SUBJECT_CHARS_MAX,
  type BegunOpenId,
  type OpenIdClaims,
  type OpenIdFault,
  type OpenIdProvider,
  type OpenIdRules,
  type OpenIdWay,
} from "../accounts/open-id.ts";

/** A provider that has not given its whole answer by then is away. */
export const OPENID_WAIT_MS = 5_000;
/** One answer of a provider. A larger one is none. */
export const OPENID_ANSWER_BYTES_MAX = 256 * 1024;
/** How far a provider's clock may be from ours, either way. */
export const OPENID_CLOCK_SEC_MAX = 60;
/** How long what a provider says of itself is believed. */
const OPENID_METADATA_LIFE_MS = 60 * 60_000;
/** Sign-ins that are asked about at once; one more is told that the provider is away. */
export const OPENID_ASKED_AT_ONCE_MAX = 64;

/** A provider as an operator sets it. */
export interface OpenIdSettings extends OpenIdRules {
  readonly issuer: URL;
  readonly clientId: string;
  /** Undefined for a public client: then PKCE alone shows that who began also ends. */
  readonly clientSecret: string | undefined;
  /** As the request has them, e.g. `openid email profile`. */
  readonly scopes: string;
  /** As the button has it. */
  readonly name: string;
  /** The claim that lists somebody's groups. */
  readonly groupsClaim: string;
}

export const openOpenId = (
  settings: OpenIdSettings,
  tools: ConstructorParameters<typeof Begun>[0] & { readonly clock: Clock },
): OpenIdWay => ({
  provider: new OauthOpenId(settings, tools.clock),
  name: settings.name,
  rules: settings,
  begun: new Begun(tools),
});

type Library = typeof oauth;

/** Where the provider is asked, and as whom. */
interface Found {
  readonly library: Library;
  readonly server: oauth.AuthorizationServer;
  readonly untilMs: number;
}

/** OpenID Connect's authorization code flow with PKCE (RFC 9700 §2.1.1), state and nonce. */
export class OauthOpenId implements OpenIdProvider {
  readonly #settings: OpenIdSettings;
  readonly #clock: Clock;
  #found: Found | undefined;
  #finding: Promise<Found> | undefined;
  #asked = 0;

  constructor(settings: OpenIdSettings, clock: Clock) {
    this.#settings = settings;
    this.#clock = clock;
  }

  begin(redirectUri: string): Promise<{ readonly url: string; readonly begun: BegunOpenId }> {
    return this.#asking(async () => {
      const { library, server } = await this.#find();
      const begun: BegunOpenId = {
        state: library.generateRandomState(),
        nonce: library.generateRandomNonce(),
        codeVerifier: library.generateRandomCodeVerifier(),
        redirectUri,
      };
      const url = httpUrl(server.authorization_endpoint, this.#isPlain);
      const asked = {
        client_id: this.#settings.clientId,
        redirect_uri: redirectUri,
        response_type: "code",
        scope: this.#settings.scopes,
        state: begun.state,
        nonce: begun.nonce,
        code_challenge: await library.calculatePKCECodeChallenge(begun.codeVerifier),
        code_challenge_method: "S256",
      };
      for (const [name, value] of Object.entries(asked)) url.searchParams.set(name, value);
      return { url: url.href, begun };
    });
  }

  end(begun: BegunOpenId, answer: URLSearchParams): Promise<OpenIdClaims> {
    return this.#asking(async () => {
      const { library, server } = await this.#find();
      const client = this.#client(library);
      const options = this.#options(library);
      const code = library.validateAuthResponse(server, client, answer, begun.state);
      const response = await library.authorizationCodeGrantRequest(
        server,
        client,
        this.#authentication(library, server),
        code,
        begun.redirectUri,
        begun.codeVerifier,
        options,
      );
      const expects = { expectedNonce: begun.nonce, requireIdToken: true };
      const tokens = await library.processAuthorizationCodeResponse(server, client, response, expects);
      await library.validateApplicationLevelSignature(server, response, options);
      const signed = library.getValidatedIdTokenClaims(tokens);
      if (!signed) throw new OpenIdError("answer");
      const more = this.#isWhole(signed)
        ? {}
        : await library.processUserInfoResponse(
            server,
            client,
            signed.sub,
            await library.userInfoRequest(server, client, tokens.access_token, options),
          );
      return this.#claimsOf(server.issuer, { ...more, ...signed });
    });
  }

  /** Whether all that we want is in the signed token, or there is nowhere to ask for more. */
  #isWhole(claims: object): boolean {
    const { groupsClaim, allowedGroups, operatorGroups } = this.#settings;
    const wanted = ["email", "name", ...([...allowedGroups, ...operatorGroups].length > 0 ? [groupsClaim] : [])];
    return this.#found?.server.userinfo_endpoint === undefined || wanted.every((name) => Object.hasOwn(claims, name));
  }

  #claimsOf(issuer: string, claims: object): OpenIdClaims {
    const { groupsClaim, allowedGroups, operatorGroups } = this.#settings;
    const { sub, email, email_verified: isVerified, name, preferred_username: userName } = read(claimsSchema, claims);
    // OpenID Connect Core §5.6.2: a claim that was left out for its size is named there.
    const isElsewhere = Object.hasOwn(read(elsewhereSchema, claims)._claim_names ?? {}, groupsClaim);
    if (isElsewhere && [...allowedGroups, ...operatorGroups].length > 0) throw new OpenIdError("groups");
    const groups = groupsSchema.safeParse(Object.entries(claims).find(([claim]) => claim === groupsClaim)?.[1]);
    return {
      issuer,
      subject: sub,
      mail: isVerified === true || isVerified === "true" ? mailAddressFrom(email ?? "") : undefined,
      name: shownName(name) ?? shownName(userName),
      groups: groups.success ? [groups.data].flat() : [],
    };
  }

  /** What the provider says of itself, asked for once, however many wait for it. */
  async #find(): Promise<Found> {
    if (this.#found && this.#clock.monotonicMs() < this.#found.untilMs) return this.#found;
    this.#finding ??= this.#ask().finally(() => {
      this.#finding = undefined;
    });
    this.#found = await this.#finding;
    return this.#found;
  }

  /** The library is loaded with the first sign-in. */
  async #ask(): Promise<Found> {
    const library = await import("oauth4webapi");
    const { issuer } = this.#settings;
    const response = await library.discoveryRequest(issuer, this.#options(library));
    const server = await library.processDiscoveryResponse(issuer, response);
    return { library, server, untilMs: this.#clock.monotonicMs() + OPENID_METADATA_LIFE_MS };
  }

  get #isPlain(): boolean {
    return this.#settings.issuer.protocol === "http:";
  }

  #client(library: Library): oauth.Client {
    return {
      client_id: this.#settings.clientId,
      [library.clockSkew]: Math.round((this.#clock.now() - Date.now()) / 1000),
      [library.clockTolerance]: OPENID_CLOCK_SEC_MAX,
    };
  }

  #options(library: Library) {
    return { [library.customFetch]: fetchBounded, [library.allowInsecureRequests]: this.#isPlain };
  }

  /** In the header, unless the provider says that it takes it in the form alone. */
  #authentication(library: Library, server: oauth.AuthorizationServer): oauth.ClientAuth {
    const { clientSecret } = this.#settings;
    if (clientSecret === undefined) return library.None();
    const takes = server.token_endpoint_auth_methods_supported ?? ["client_secret_basic"];
    return !takes.includes("client_secret_basic") && takes.includes("client_secret_post")
      ? library.ClientSecretPost(clientSecret)
      : library.ClientSecretBasic(clientSecret);
  }

  async #asking<Done>(act: () => Promise<Done>): Promise<Done> {
    if (this.#asked >= OPENID_ASKED_AT_ONCE_MAX) throw new OpenIdError("connection");
    this.#asked += 1;
    try {
      return await act();
    } catch (error) {
      throw error instanceof OpenIdError ? error : new OpenIdError(faultOf(error), { cause: error });
    } finally {
      this.#asked -= 1;
    }
  }
}

const claimsSchema = z.object({
  sub: z.string().min(1).max(SUBJECT_CHARS_MAX),
  email: z.string().optional().catch(undefined),
  email_verified: z.union([z.boolean(), z.string()]).optional().catch(undefined),
  name: z.string().optional().catch(undefined),
  preferred_username: z.string().optional().catch(undefined),
});
const elsewhereSchema = z.object({ _claim_names: z.record(z.string(), z.unknown()).optional().catch(undefined) });
const groupsSchema = z.union([z.string(), z.array(z.string()).max(GROUPS_MAX)]);

function read<Schema extends z.ZodType>(schema: Schema, claims: object): z.infer<Schema> {
  const parsed = schema.safeParse(claims);
  if (!parsed.success) throw new OpenIdError("answer");
  return parsed.data;
}

/** One line, of so many characters; undefined where nothing is left. */
const shownName = (name = ""): string | undefined =>
  name
    .replaceAll(/[\p{C}\p{Zl}\p{Zp}]/gu, "")
    .trim()
    .slice(0, PERSON_NAME_CHARS_MAX) || undefined;

function httpUrl(text: string | undefined, isPlain: boolean): URL {
  const url = URL.parse(text ?? "");
  if (!url || (url.protocol !== "https:" && !(isPlain && url.protocol === "http:"))) throw new OpenIdError("answer");
  return url;
}

/** What the library calls it, or the provider (RFC 6749 §4.1.2.1, §5.2), and what we do. */
const faults: Readonly<Record<string, OpenIdFault>> = {
  OAUTH_JWT_TIMESTAMP_CHECK_FAILED: "clock",
  OAUTH_WWW_AUTHENTICATE_CHALLENGE: "login",
  access_denied: "denied",
  invalid_client: "login",
  unauthorized_client: "login",
};

function faultOf(error: unknown): OpenIdFault {
  if (!(error instanceof Error)) return "answer";
  const word = "error" in error ? error.error : "code" in error ? error.code : "";
  return faults[String(word)] ?? ("code" in error && String(error.code).startsWith("OAUTH_") ? "answer" : "connection");
}

interface Sent {
  readonly method: string;
  readonly headers: Record<string, string>;
  readonly body?: URLSearchParams | undefined;
}

/** Follows no redirect, waits so long, and takes so much. */
async function fetchBounded(url: string, { method, headers: sent, body }: Sent): Promise<Response> {
  const signal = AbortSignal.timeout(OPENID_WAIT_MS);
  const response = await fetch(url, { method, headers: sent, body: body ?? null, redirect: "manual", signal });
  const { status, headers } = response;
  if (status >= 500) throw new OpenIdError("connection");
  const parts: Uint8Array<ArrayBuffer>[] = [];
  let size = 0;
  for await (const part of response.body ?? []) {
    size += part.length;
    if (size > OPENID_ANSWER_BYTES_MAX) throw new OpenIdError("answer");
    parts.push(part);
  }
  return new Response(size === 0 ? null : new Blob(parts), { status, headers });
}
