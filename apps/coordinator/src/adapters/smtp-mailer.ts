import type { Transporter } from "nodemailer";
import { MailError, type Letter, type Mailer, type MailFault, type SmtpAddress } from "../accounts/mail.ts";
import { MailCodes } from "../accounts/mail-codes.ts";
import type { MailWay } from "../accounts/sign-in.ts";

/** A mail server that says nothing for so long is away. */
export const SMTP_WAIT_MS = 5_000;

/** What nodemailer calls it, and what we do. */
const faults: Readonly<Record<string, MailFault>> = {
  EAUTH: "login",
  ENOAUTH: "login",
  EOAUTH2: "login",
  EENVELOPE: "address",
  EMESSAGE: "refused",
};

/** Codes by mail, as an operator has set it. */
export const openMail = (
  to: SmtpAddress,
  from: string,
  tools: ConstructorParameters<typeof MailCodes>[0],
): MailWay => ({
  codes: new MailCodes(tools),
  mailer: new SmtpMailer(to, from),
});

/** Mail by a server that takes it. A connection for each: there are few. */
export class SmtpMailer implements Mailer {
  readonly #to: SmtpAddress;
  readonly #from: string;
  #transport: Promise<Transporter> | undefined;

  constructor(to: SmtpAddress, from: string) {
    this.#to = to;
    this.#from = from;
  }

  async assertThere(): Promise<void> {
    await this.#over((transport) => transport.verify());
  }

  async send({ to, subject, text }: Letter): Promise<void> {
    // As parts: what a text of several addresses comes to is nobody's to find out.
    const address = (one: string) => ({ name: "", address: one });
    const from = { ...address(this.#from), name: "Darkbloom" };
    // No autoresponder shall answer (RFC 3834 §5).
    const headers = { "auto-submitted": "auto-generated" };
    await this.#over((transport) => transport.sendMail({ from, to: address(to), subject, text, headers }));
  }

  async #over(act: (transport: Transporter) => Promise<unknown>): Promise<void> {
    try {
      await act(await (this.#transport ??= this.#open()));
    } catch (error) {
      const code = error instanceof Error && "code" in error ? String(error.code) : "";
      throw new MailError(faults[code] ?? "connection", { cause: error });
    }
  }

  /** The library is loaded for the first mail. */
  async #open(): Promise<Transporter> {
    const { createTransport } = await import("nodemailer");
    const { host, port, tls, isThisMachine, login } = this.#to;
    return createTransport({
      host,
      port,
      secure: tls,
      requireTLS: !tls && !isThisMachine,
      ignoreTLS: !tls && isThisMachine,
      ...(login && { auth: { user: login.user, pass: login.password } }),
      connectionTimeout: SMTP_WAIT_MS,
      greetingTimeout: SMTP_WAIT_MS,
      socketTimeout: SMTP_WAIT_MS,
      dnsTimeout: SMTP_WAIT_MS,
      disableFileAccess: true,
      disableUrlAccess: true,
    });
  }
}
