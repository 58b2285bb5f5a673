import { once } from "node:events";
import { createServer, type AddressInfo } from "node:net";
import { SMTPServer, type SMTPServerOptions } from "smtp-server";
import { describe, expect, it } from "vitest";
import type { SmtpAddress } from "../accounts/mail.ts";
import { SmtpMailer } from "./smtp-mailer.ts";

const letter = { to: "anna@example.com", subject: "Your code", text: "01234 56789\n.\nQUIT\n" };
const FROM = "darkbloom@example.com";

/** A mail server on a loopback port that keeps what it is given. */
async function opened(options: SMTPServerOptions = {}) {
  const mails: { to: string[]; text: string }[] = [];
  const server = new SMTPServer({
    authOptional: true,
    logger: false,
    onData(stream, session, callback) {
      const chunks: Buffer[] = [];
      stream.on("data", (chunk: Buffer) => chunks.push(chunk));
      stream.on("end", () => {
        mails.push({
          to: session.envelope.rcptTo.map(({ address }) => address),
          text: Buffer.concat(chunks).toString(),
        });
        callback();
      });
    },
    ...options,
  });
  server.listen(0, "127.0.0.1");
  await once(server.server, "listening");
  const { port } = server.server.address() as AddressInfo;
  const to: SmtpAddress = { host: "127.0.0.1", port, tls: false, isThisMachine: true, login: undefined };
  return { to, mails, [Symbol.asyncDispose]: () => new Promise<void>((resolve) => server.close(() => resolve())) };
}

describe("mail over SMTP", () => {
  /** Goal: what is written arrives, for one mailbox, in plain text, and no machine answers it. Method: a real server. */
  it("arrives as it is", async () => {
    await using server = await opened();
    const mailer = new SmtpMailer(server.to, FROM);
    await mailer.assertThere();
    expect(server.mails).toEqual([]);
    await mailer.send(letter);
    expect(server.mails).toEqual([
      { to: ["anna@example.com"], text: expect.stringContaining("01234 56789\r\n.\r\nQUIT") },
    ]);
    const [mail] = server.mails;
    expect(mail?.text).toMatch(/^From: Darkbloom <darkbloom@example\.com>\r$/m);
    expect(mail?.text).toMatch(/^Content-Type: text\/plain/m);
    expect(mail?.text).toMatch(/^Auto-Submitted: auto-generated\r$/m);
  });

  /** Goal: it logs in where it is told to, and what fails is told apart. Method: a server with passwords, the right one and a wrong one; one that knows nobody; none at all; one that says nothing. */
  it("says why it was not taken", async () => {
    await using server = await opened({
      authOptional: false,
      allowInsecureAuth: true,
      onAuth: ({ username, password }, _session, callback) =>
        password === "päss" ? callback(null, { user: username }) : callback(new Error("no")),
    });
    const login = (password: string) => new SmtpMailer({ ...server.to, login: { user: "me", password } }, FROM);
    await login("päss").send(letter);
    expect(server.mails).toHaveLength(1);
    await expect(login("wrong").assertThere()).rejects.toMatchObject({ fault: "login" });

    await using strict = await opened({ onRcptTo: (_address, _session, callback) => callback(new Error("unknown")) });
    await expect(new SmtpMailer(strict.to, FROM).send(letter)).rejects.toMatchObject({ fault: "address" });

    const silent = createServer(() => undefined).listen(0, "127.0.0.1");
    await once(silent, "listening");
    const { port } = silent.address() as AddressInfo;
    const mute = new SmtpMailer({ ...server.to, port }, FROM);
    await expect(mute.assertThere()).rejects.toMatchObject({ fault: "connection" });
    silent.close();
    await expect(mute.assertThere()).rejects.toMatchObject({ fault: "connection" });
  });

  /** Goal: neither password nor code goes over a network in clear. Method: a server without TLS that is no part of this machine as far as we know. */
  it("goes by TLS to any other machine", async () => {
    await using server = await opened({ disabledCommands: ["STARTTLS"] });
    const mailer = new SmtpMailer({ ...server.to, isThisMachine: false }, FROM);
    await expect(mailer.send(letter)).rejects.toMatchObject({ fault: "connection" });
    expect(server.mails).toEqual([]);
  });
});
