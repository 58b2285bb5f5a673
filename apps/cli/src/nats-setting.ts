import { readNatsUrl, addressOf } from "@darkbloom/coordinator/adapters/nats-address";
import { isLoopback } from "./listening.ts";

/** A row of `settings.ts`. */
export const natsSetting = {
  nats: {
    value: "URL",
    means:
      "a NATS server, 2.9 or newer, over which coordinators that share one database serve from each other's machines and tell each other what changes; with --database, and with the same key files in each data folder; better set in the environment, since it can hold a password",
    mustBe:
      "a URL such as tls://user:password@nats.example.com:4222 (nats:// for no TLS; a token in place of user and password; beside it sslrootcert, sslcert, sslkey and creds, all paths)",
    secret: true,
    read: natsUrl,
  },
} as const;

/** Undefined where nobody else can read or change what coordinators say to each other. */
export function plainNatsWarning(nats: string): string | undefined {
  const { host, tls } = addressOf(nats);
  if (tls || isLoopback(host)) return undefined;
  return (
    `Warning: NATS at ${host} is spoken to without TLS: its password, and which account asks which machine when, can be read on the way. ` +
    "Write tls:// in its URL."
  );
}

/** As it stands: what it says is read again by whoever connects. */
function natsUrl(given: string): string | undefined {
  return readNatsUrl(given) && given;
}
