import type { FastifyReply, FastifyRequest } from "fastify";
import * as z from "zod";
import {
  addressOf,
  begunOf,
  cookieName,
  goHome,
  sendNeedsTls,
  SIGN_IN_PATH,
  signInBrowser,
  withBegun,
} from "./browser-session.ts";
import type { Door } from "./door.ts";
import { assertOwnPage, readForm } from "./form.ts";
import { html, Script, sendPage, type Html } from "./page.ts";
import { isLoopbackHost } from "./peer.ts";
import { siteHere } from "./passkeys.ts";
import { passkeyForm, PASSKEY_USE_PATH } from "./sign-in.ts";

/** Asks the browser for a passkey, and sends what it answers. All that it says to anybody goes to this coordinator, by the form. */
const ask = new Script(`const form = document.forms[0];
const start = async () => {
  const said = document.getElementById("said");
  try {
    const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(JSON.parse(form.dataset.options));
    const credential = await navigator.credentials.get({ publicKey });
    form.credential.value = JSON.stringify(credential.toJSON());
    form.submit();
  } catch (error) {
    said.textContent = error.name === "NotAllowedError"
      ? "No passkey was used." : "This browser cannot use a passkey here.";
  }
};
document.getElementById("again").addEventListener("click", start);
start();
`);

/** `POST /sign-in/passkey`: a page that asks the browser for a passkey, once. */
export async function askForPasskey(door: Door, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  assertOwnPage(door, request);
  const name = cookieName(door, request);
  if (name === undefined) return sendNeedsTls(reply);
  const site = siteHere(door, request);
  if (!site) return sendPage(reply, "No passkey at this address", elsewhere(door, request), 400);
  const { passkeyWay } = door.deps;
  const { challenge, options } = await passkeyWay.checks.optionsForUse(site);
  const secret = passkeyWay.begun.newSecret();
  passkeyWay.begun.keep(secret, addressOf(door, request), { challenge });
  return sendPage(
    withBegun(reply, name, secret),
    "Use your passkey",
    html`<p id="said">Your browser asks for it.</p>
      <form method="post" action="${PASSKEY_USE_PATH}" data-options="${JSON.stringify(options)}">
        <input type="hidden" name="credential" /><button type="button" id="again">Ask again</button>
      </form>
      <p><a href="${SIGN_IN_PATH}">Sign in in another way</a></p>`,
    200,
    ask,
  );
}

const used = z.object({ id: z.string().max(1_400) });

/** `POST /sign-in/passkey/use`: what the browser answered, in the browser that was asked. */
export async function signInByPasskey(door: Door, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  assertOwnPage(door, request);
  const name = cookieName(door, request);
  if (name === undefined) return sendNeedsTls(reply);
  const { passkeys, passkeyWay, people, clock } = door.deps;
  const credential = jsonOf((await readForm(door, request)).get("credential") ?? "");
  const begun = passkeyWay.begun.take(begunOf(door, request));
  const site = siteHere(door, request);
  const id = used.safeParse(credential);
  const passkey = id.success ? await passkeys.find(id.data.id) : undefined;
  if (!begun || !site || !passkey) return sendRefused(reply);
  const counter = await passkeyWay.checks.checkUse(site, begun.challenge, credential, passkey);
  if (counter === undefined || !(await passkeys.used(passkey.credentialId, counter, clock.now())))
    return sendRefused(reply);
  const person = await people.person(passkey.personId);
  if (!person || person.disabledAt !== null) return sendRefused(reply);
  await signInBrowser(door, request, reply, { person, name });
  return goHome(door, reply);
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** The same whatever does not fit, and for somebody who may not sign in. */
const sendRefused = (reply: FastifyReply): FastifyReply =>
  sendPage(
    reply,
    "No sign-in by this passkey",
    html`<p>
        It is not known here, was asked for more than ten minutes ago or in another browser, or whoever has it may not
        sign in.
      </p>
      ${passkeyForm}`,
    403,
  );

function elsewhere({ deps }: Door, { raw }: FastifyRequest): Html {
  const here = URL.parse(`http://${raw.headers.host ?? ""}`);
  const local = here && isLoopbackHost(here.host) ? `http://localhost:${here.port || "80"}` : undefined;
  const there = deps.settings.publicUrl ?? local;
  if (there === undefined)
    return html`<p>
      Whoever runs this coordinator has not said under which name it is reached (<code>--public-url</code>).
    </p>`;
  return html`<p>
    A passkey belongs to a name, not to an address in numbers. Here they work at
    <a href="${there}${SIGN_IN_PATH}">${there}</a>.
  </p>`;
}
