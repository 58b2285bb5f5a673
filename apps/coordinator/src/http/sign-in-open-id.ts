import type { FastifyReply, FastifyRequest } from "fastify";
import type { OpenIdRefusal } from "../accounts/admission.ts";
import { OpenIdError, type OpenIdClaims, type OpenIdFault, type OpenIdWay } from "../accounts/open-id.ts";
import {
  addressOf,
  begunOf,
  cookieName,
  goHome,
  originHere,
  sendElsewhere,
  sendNeedsTls,
  SIGN_IN_PATH,
  signInBrowser,
  withBegun,
} from "./browser-session.ts";
import type { Door } from "./door.ts";
import { assertOwnPage } from "./form.ts";
import { html, sendPage, type Html } from "./page.ts";
import { OPENID_BACK_PATH, openIdForm } from "./sign-in.ts";

/**
 * `POST /sign-in/openid`: on to the provider. By a page that leads there and no redirect, which a form of ours may not follow to
 * another site.
 */
export async function goToProvider(door: Door, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  assertOwnPage(door, request);
  const way = door.deps.openId;
  if (!way) return sendNoProvider(reply);
  const name = cookieName(door, request);
  if (name === undefined) return sendNeedsTls(reply);
  const origin = originHere(door, request);
  if (origin === undefined) return sendElsewhere(door, reply);
  try {
    const { url, begun } = await way.provider.begin(origin + OPENID_BACK_PATH);
    const secret = way.begun.newSecret();
    way.begun.keep(secret, addressOf(door, request), begun);
    void withBegun(reply, name, secret).header("refresh", `0; url=${url}`);
    return sendPage(reply, `On to ${way.name}`, html`<p><a href="${url}">Go on to ${way.name}</a></p>`);
  } catch (error) {
    return sendFault(door, reply, way, error);
  }
}

/** `GET /sign-in/openid/callback`: back from the provider, in the browser that began. */
export async function comeFromProvider(
  door: Door,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const { deps } = door;
  const way = deps.openId;
  if (!way) return sendNoProvider(reply);
  const name = cookieName(door, request);
  if (name === undefined) return sendNeedsTls(reply);
  const begun = way.begun.take(begunOf(door, request));
  if (!begun) return sendPage(reply, "This sign-in is over", over(way), 403);
  let claims: OpenIdClaims;
  try {
    claims = await way.provider.end(begun, answerIn(request));
  } catch (error) {
    return sendFault(door, reply, way, error);
  }
  const person = await deps.admission.byOpenId(claims, way.rules, deps.adminFor("openid"));
  if (typeof person === "string") return sendPage(reply, "You may not sign in here", refusals[person](way), 403);
  await signInBrowser(door, request, reply, { person, name });
  return goHome(door, reply);
}

const answerIn = ({ raw }: FastifyRequest): URLSearchParams =>
  URL.parse(raw.url ?? "", "http://here")?.searchParams ?? new URLSearchParams();

/** In words of ours: nothing that the provider, or whoever wrote the address, has said. */
function sendFault({ deps }: Door, reply: FastifyReply, way: OpenIdWay, error: unknown): FastifyReply {
  if (!(error instanceof OpenIdError)) throw error;
  const { fault } = error;
  deps.events.openIdFailed({ fault });
  const { title, says, status } = faults[fault];
  return sendPage(
    reply,
    title,
    html`<p>${says(way.name)}</p>
      ${openIdForm(way.name)}`,
    status,
  );
}

interface Told {
  readonly title: string;
  readonly says: (name: string) => string;
  readonly status: number;
}

const asLogged = "Whoever runs this coordinator finds out more in its log.";
const faults: Readonly<Record<OpenIdFault, Told>> = {
  connection: {
    title: "No sign-in now",
    says: (name) => `${name} does not answer. Try again in a few minutes. ${asLogged}`,
    status: 503,
  },
  login: {
    title: "No sign-in now",
    says: (name) => `${name} does not know this coordinator by what its operator has set. ${asLogged}`,
    status: 503,
  },
  denied: { title: "Not signed in", says: (name) => `At ${name} this sign-in was not let through.`, status: 403 },
  clock: {
    title: "Not signed in",
    says: (name) => `By this coordinator's clock, what ${name} has signed is over or not yet good. ${asLogged}`,
    status: 403,
  },
  groups: {
    title: "Not signed in",
    says: (name) => `${name} has left out your groups, of which there are too many. ${asLogged}`,
    status: 403,
  },
  answer: {
    title: "Not signed in",
    says: (name) => `What came back from ${name} does not fit what was asked. Begin anew. ${asLogged}`,
    status: 403,
  },
};

const over = ({ name }: OpenIdWay): Html =>
  html`<p>It was ended before, is older than ten minutes, or was begun in another browser.</p>
    ${openIdForm(name)}`;

const refusals: Readonly<Record<OpenIdRefusal, (way: OpenIdWay) => Html>> = {
  unknown: ({ name }) =>
    html`<p>
      ${name} knows you, and nobody new may come here at present. Ask whoever runs this coordinator for an invite.
    </p>`,
  disabled: () => html`<p>Whoever runs this coordinator has ended what you could do here.</p>`,
  group: ({ name }) => html`<p>At ${name} you are in no group that may use this coordinator.</p>`,
  mail: () =>
    html`<p>
      Somebody is known here by your mail address. If that is you, sign in as before: whoever runs this coordinator says
      whether an address is enough to be known by.
    </p>`,
};

const sendNoProvider = (reply: FastifyReply): FastifyReply =>
  sendPage(
    reply,
    "Not by a provider",
    html`<p>No OpenID provider is set here. <a href="${SIGN_IN_PATH}">See how to sign in</a>.</p>`,
    404,
  );
