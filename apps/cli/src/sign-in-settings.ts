import { signUps } from "@darkbloom/coordinator/accounts/admission";
import { mailAddressFrom, readSmtpAddress, type SmtpAddress } from "@darkbloom/coordinator/accounts/mail";
import { roles } from "@darkbloom/coordinator/accounts/people";
import { parseUsd } from "@darkbloom/protocol/money";
import { WrongUsage } from "./failure.ts";
import { fromFile, oneOf, oneOfWords } from "./setting-readers.ts";

/** Who may sign in, and how; rows of the one table in `settings.ts`. */
export const signInSettings = {
  mail: {
    value: "ADDRESS",
    means: "the mail address of whoever is invited; without it the invite is a link",
    mustBe: "a mail address such as anna@example.com",
    read: mailAddressFrom,
  },
  mailFrom: {
    value: "ADDRESS",
    means: "the mail address that codes come from",
    mustBe: "a mail address such as darkbloom@example.com",
    read: mailAddressFrom,
  },
  role: { value: "ROLE", means: "what somebody who is invited may do", mustBe: oneOfWords(roles), read: oneOf(roles) },
  signUp: {
    value: "WHO",
    means: "who may sign in that is not known yet: nobody, whoever was invited, or everybody",
    mustBe: oneOfWords(signUps),
    read: oneOf(signUps),
  },
  signUpGrant: {
    value: "USD",
    means: "what somebody new can spend",
    mustBe: "an amount in USD with up to six decimals, e.g. 1.00",
    read: parseUsd,
  },
  smtp: {
    value: "URL",
    means: "the mail server by which codes for signing in go out, or file:PATH with its URL in that file",
    mustBe:
      "a URL such as smtps://user:password@mail.example.com (TLS from the first byte) or smtp://… (STARTTLS), or file:PATH",
    secret: true,
    showsSecret: (text: string) => (URL.parse(text)?.password ?? "") !== "",
    read: fromFile(readSmtpAddress),
  },
} as const;

/** @throws WrongUsage for one without the other */
export function mailOf({
  smtp,
  mailFrom,
}: {
  readonly smtp: SmtpAddress | undefined;
  readonly mailFrom: string | undefined;
}): { readonly smtp: SmtpAddress; readonly from: string } | undefined {
  if (smtp && mailFrom !== undefined) return { smtp, from: mailFrom };
  if (smtp || mailFrom !== undefined)
    throw new WrongUsage("--smtp and --mail-from go together: where mail goes out, and as whom.");
  return undefined;
}
