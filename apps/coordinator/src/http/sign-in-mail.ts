import { NetworkError } from "@darkbloom/protocol/failures";
import type { FastifyReply, FastifyRequest } from "fastify";
import { mailAddressFrom } from "../accounts/mail.ts";
import { shownDigits } from "../accounts/mail-codes.ts";
import { MailError, type Letter, type Mailer } from "../accounts/mail.ts";
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
import { html, sendPage } from "./page.ts";
import { CODE_PATH, mailForm } from "./sign-in.ts";

/** `POST /sign-in/mail`: a code is sent to a mailbox, where somebody may sign in by it. Nothing here tells whether. */
export async function askForCode(door: Door, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  assertOwnPage(door, request);
  const { deps } = door;
  const way = deps.mail;
  if (!way) return sendPage(reply, "Not by mail", noMail, 404);
  const name = cookieName(door, request);
  if (name === undefined) return sendNeedsTls(reply);
  const mail = mailAddressFrom((await readForm(door, request)).get("mail") ?? "");
  if (mail === undefined) return sendPage(reply, "This is no mail address", mailForm, 400);
  const address = addressOf(door, request);
  const retryAfterSec = way.codes.waitSec(address, mail);
  if (retryAfterSec !== undefined) throw new NetworkError({ code: "rate_limit_exceeded", retryAfterSec });
  try {
    // Asked for everybody alike: by whether the server is away, and by how long it takes, nobody learns who is known.
    await way.mailer.assertThere();
  } catch (error) {
    tell(door, error);
    return sendPage(reply, "No mail can be sent now", mailAway, 503);
  }
  const { code, secret } = way.codes.open(address, mail);
  void sendTo(door, way.mailer, codeLetter({ mail, code, address, request, at: deps.clock.now() }));
  return sendPage(withBegun(reply, name, secret), "Look at your mail", codeForm);
}

/** Nobody waits for it: who is known is looked up, and told, behind the answer. */
async function sendTo(door: Door, mailer: Mailer, letter: Letter): Promise<void> {
  try {
    if (await door.deps.admission.mayCome(letter.to)) await mailer.send(letter);
  } catch (error) {
    tell(door, error);
  }
}

function tell({ deps }: Door, error: unknown): void {
  if (error instanceof MailError) deps.events.mailFailed({ fault: error.fault });
  else deps.events.bug({ where: "background" }, error);
}

/** `POST /sign-in/code`: the code, in the browser that asked for it. */
export async function useCode(door: Door, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  assertOwnPage(door, request);
  const name = cookieName(door, request);
  if (name === undefined) return sendNeedsTls(reply);
  const form = await readForm(door, request);
  const { deps } = door;
  const typed = deps.mail?.codes.type(begunOf(door, request), form.get("code") ?? "") ?? "over";
  if (typed === "wrong") return sendPage(reply, "This is not the code", codeForm, 403);
  const person = typed === "over" ? undefined : await deps.admission.byMail(typed.mail);
  if (!person) return sendOver(reply);
  await signInBrowser(door, request, reply, { person, name });
  return goHome(door, reply);
}

/** The same for a code that is over, for somebody who may not sign in, and where nothing was asked for here. */
const sendOver = (reply: FastifyReply): FastifyReply =>
  sendPage(
    reply,
    "No sign-in by this code",
    html`<p>
        It was used before, is older than ten minutes, was typed wrong too often, or was asked for in another browser.
      </p>
      ${mailForm}`,
    403,
  );

const codeForm = html`<p>
    If somebody with this address may sign in here, a code of ten digits is on its way. It is good for ten minutes, in
    this browser.
  </p>
  <form method="post" action="${CODE_PATH}">
    <label for="code">The code</label>
    <input id="code" name="code" inputmode="numeric" autocomplete="one-time-code" maxlength="32" required autofocus />
    <button>Sign in</button>
  </form>
  <p>Nothing came? Look into the folder of unwanted mail, or <a href="${SIGN_IN_PATH}">begin anew</a>.</p>`;

const noMail = html`<p>This coordinator sends no mail. <a href="${SIGN_IN_PATH}">See how to sign in</a>.</p>`;
const mailAway = html`<p>
  The mail server of this coordinator does not answer, or refuses it. Try again in a few minutes; whoever runs the
  coordinator finds out more in its log.
</p>`;

interface Asked {
  readonly mail: string;
  readonly code: string;
  readonly address: string;
  readonly request: FastifyRequest;
  readonly at: number;
}

/** No word of it is the asker's own, who may be a stranger: neither an address of the network's page, nor what their browser calls itself. */
const codeLetter = ({ mail, code, address, request, at }: Asked): Letter => ({
  to: mail,
  subject: "Your code for Darkbloom",
  text: `Somebody wants to sign in to Darkbloom with this mail address. The code is

    ${shownDigits(code)}

It is good once, for ten minutes, and only in the browser that asked for it.

What asks:  ${browserNamed(request.headers["user-agent"])}
From:       ${address}
When:       ${new Date(at).toISOString()}

If that was not you, do nothing: without the code nobody gets in. Tell it to
nobody, and type it only into the page from which you asked for it.
`,
});

const systems = [/Android/, /iPhone|iPad/, /Windows/, /Mac OS X/, /Linux/] as const;
const systemNames = ["Android", "iOS", "Windows", "macOS", "Linux"] as const;
const browsers = [/Edg\//, /OPR\//, /Firefox\//, /Chrom(?:e|ium)\//, /Safari\//] as const;
const browserNames = ["Edge", "Opera", "Firefox", "Chrome", "Safari"] as const;

/** In words of ours. */
export function browserNamed(userAgent = ""): string {
  const browser = browserNames[browsers.findIndex((shape) => shape.test(userAgent))] ?? "A browser";
  const system = systemNames[systems.findIndex((shape) => shape.test(userAgent))];
  return system === undefined ? browser : `${browser} on ${system}`;
}
