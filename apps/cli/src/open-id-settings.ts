import type { OpenIdSettings } from "@darkbloom/coordinator/adapters/oauth-open-id";
import { isLoopbackHost } from "@darkbloom/coordinator/http/peer";
import { WrongUsage } from "./failure.ts";
import { fromFile, IN_FILE, yesOrNo } from "./setting-readers.ts";

const isPlainTextHere = (url: URL): boolean => url.protocol === "http:" && isLoopbackHost(url.host);
const isGuarded = (url: URL): boolean => url.protocol === "https:" || isPlainTextHere(url);

/** Over TLS, or on this machine. */
function issuer(given: string): URL | undefined {
  const url = URL.parse(given);
  return url && isGuarded(url) && url.username === "" && url.search === "" && url.hash === "" ? url : undefined;
}

function origin(given: string): string | undefined {
  const url = URL.parse(given);
  return url && isGuarded(url) && url.href === `${url.origin}/` ? url.origin : undefined;
}

/** Of what stands in a request to the provider, or on a button. */
const words = (given: string): string | undefined => (/^[\x20-\x7e]{1,256}$/.test(given) ? given.trim() : undefined);

function groups(given: string): string[] | undefined {
  const named = given.split(",").map((group) => group.trim());
  return named.every((group) => group !== "") ? named : undefined;
}

/** The provider that signs people in, and the address at which they come back; rows of the one table in `settings.ts`. */
export const openIdSettings = {
  publicUrl: {
    value: "ORIGIN",
    means:
      "the address under which people reach the coordinator; needed behind a proxy where an OpenID provider is set",
    mustBe: "an origin such as https://api.example.com: https, or http on this machine, and no path",
    read: origin,
  },
  openidIssuer: {
    value: "URL",
    means: "the OpenID provider that signs people in, as it calls itself (its issuer)",
    mustBe: "a URL that begins with https://, or http:// on this machine, without a user name, ? or #",
    read: issuer,
  },
  openidClientId: {
    value: "ID",
    means: "what that provider calls this coordinator",
    mustBe: "up to 256 characters of ASCII",
    read: words,
  },
  openidClientSecret: {
    value: "SECRET",
    means:
      "the secret that it gave this coordinator, or file:PATH with the secret in that file; a public client has none",
    mustBe: "up to 1024 characters of ASCII without spaces, or file:PATH",
    secret: true,
    showsSecret: (text: string) => !text.startsWith(IN_FILE),
    read: fromFile((text) => (/^[\x21-\x7e]{1,1024}$/.test(text) ? text : undefined)),
  },
  openidName: {
    value: "NAME",
    means: "what the sign-in page calls that provider; without it, its host",
    mustBe: "up to 256 characters of ASCII",
    read: words,
  },
  openidScopes: {
    value: "SCOPES",
    means: "what is asked of that provider, with spaces between",
    mustBe: "words of ASCII with spaces between, openid among them",
    read: (given: string) => (words(given)?.split(" ").includes("openid") === true ? words(given) : undefined),
  },
  openidGroupsClaim: {
    value: "CLAIM",
    means: "the claim in which that provider lists somebody's groups",
    mustBe: "up to 256 characters of ASCII",
    read: words,
  },
  openidAllowGroups: {
    value: "GROUPS",
    means:
      "whoever is in none of these groups is not let in, and is disabled when signing in where they were before; commas separate; repeat it for more",
    mustBe: "names of groups, with commas between",
    many: true,
    read: groups,
  },
  openidOperatorGroups: {
    value: "GROUPS",
    means:
      "whoever is in one of these groups is an operator, and whoever is in none is not, from each sign-in on; commas separate; repeat it for more",
    mustBe: "names of groups, with commas between",
    many: true,
    read: groups,
  },
  openidJoinByMail: {
    means:
      "let somebody who is known by a mail address sign in by the provider too, where it says that the address is theirs",
    mustBe: "true or false",
    read: yesOrNo,
  },
} as const;

/** @throws WrongUsage for what does not go together */
export function openIdOf(as: {
  readonly openidIssuer: URL | undefined;
  readonly openidClientId: string | undefined;
  readonly openidClientSecret: string | undefined;
  readonly openidName: string | undefined;
  readonly openidScopes: string;
  readonly openidGroupsClaim: string;
  readonly openidAllowGroups: readonly string[] | undefined;
  readonly openidOperatorGroups: readonly string[] | undefined;
  readonly openidJoinByMail: boolean;
  readonly publicUrl: string | undefined;
  readonly trustProxy: boolean;
}): OpenIdSettings | undefined {
  if (!as.openidIssuer || as.openidClientId === undefined) {
    if (as.openidIssuer || [as.openidClientId, as.openidClientSecret, as.openidName].some((one) => one !== undefined))
      throw new WrongUsage(
        "--openid-issuer and --openid-client-id go together: who signs people in, and as whom it knows us.",
      );
    if ([as.openidAllowGroups, as.openidOperatorGroups].some((named) => (named ?? []).length > 0))
      throw new WrongUsage(
        "--openid-allow-groups and --openid-operator-groups need --openid-issuer, whose groups they are.",
      );
    return undefined;
  }
  if (as.trustProxy && as.publicUrl === undefined)
    throw new WrongUsage("Behind a proxy, --openid-issuer needs --public-url: where the provider sends people back.");
  return {
    issuer: as.openidIssuer,
    clientId: as.openidClientId,
    clientSecret: as.openidClientSecret,
    name: as.openidName ?? as.openidIssuer.host,
    scopes: as.openidScopes,
    groupsClaim: as.openidGroupsClaim,
    allowedGroups: as.openidAllowGroups ?? [],
    operatorGroups: as.openidOperatorGroups ?? [],
    joinByMail: as.openidJoinByMail,
  };
}
