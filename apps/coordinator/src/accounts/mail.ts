/** RFC 5321 §4.5.3.1: of a path without its brackets. */
export const MAIL_CHARS_MAX = 254;
/** What people have, and no more: an address that is quoted, holds a list or ends a header's line is none here. */
const mailShape =
  /^[a-z0-9!#$%&'*+/=?^_`{|}~.-]{1,64}@(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;

/** However somebody writes it, one address is one text: no server that people have mail at tells capitals apart. */
export function mailAddressFrom(text: string): string | undefined {
  const mail = text.trim().toLowerCase();
  return mail.length <= MAIL_CHARS_MAX && mailShape.test(mail) ? mail : undefined;
}

/** One mail of ours, in plain text. */
export interface Letter {
  readonly to: string;
  readonly subject: string;
  readonly text: string;
}

/** Why a letter was not taken. */
export const mailFaults = ["connection", "login", "address", "refused"] as const;
export type MailFault = (typeof mailFaults)[number];

export class MailError extends Error {
  override readonly name = "MailError";
  readonly fault: MailFault;

  constructor(fault: MailFault, options?: ErrorOptions) {
    super(fault, options);
    this.fault = fault;
  }
}

/** A server that takes mail. Both fail with a `MailError`. */
export interface Mailer {
  /** Whether it is there and knows us, asked with nobody's address. */
  assertThere(): Promise<void>;
  send(letter: Letter): Promise<void>;
}

/** Where mail goes out, and as whom. */
export interface SmtpAddress {
  readonly host: string;
  readonly port: number;
  /** From the first byte; else by STARTTLS, without which nothing is said but on this machine. */
  readonly tls: boolean;
  readonly isThisMachine: boolean;
  readonly login: { readonly user: string; readonly password: string } | undefined;
}

const ports = { "smtps:": 465, "smtp:": 587 } as const;

/** @param text such as `smtps://user:password@mail.example.com`; @returns undefined for a text that is no such URL */
export function readSmtpAddress(text: string): SmtpAddress | undefined {
  const url = URL.parse(text);
  if (!url || (url.protocol !== "smtps:" && url.protocol !== "smtp:") || url.hostname === "") return undefined;
  if (!/^\/?$/.test(url.pathname) || url.search !== "" || url.hash !== "") return undefined;
  if ((url.username === "") !== (url.password === "")) return undefined;
  const host = url.hostname.replace(/^\[(.*)\]$/, "$1");
  try {
    const [user, password] = [decodeURIComponent(url.username), decodeURIComponent(url.password)];
    return {
      host,
      port: url.port === "" ? ports[url.protocol] : Number(url.port),
      tls: url.protocol === "smtps:",
      isThisMachine: /^(localhost|127(\.\d{1,3}){3}|::1)$/.test(host),
      login: user === "" ? undefined : { user, password },
    };
  } catch {
    return undefined;
  }
}
