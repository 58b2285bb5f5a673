/** What a URL may say behind its `?`: paths of PEM files, and of a NATS credentials file. */
const PARAMETERS = new Set(["sslrootcert", "sslcert", "sslkey", "creds"]);

export interface NatsAddress {
  readonly host: string;
  readonly port: number;
  readonly user: string | undefined;
  readonly password: string | undefined;
  /** In place of user and password, where the URL has one word before its `@`. */
  readonly token: string | undefined;
  /** A file with a user's JWT and seed, in place of all of them. */
  readonly credentialsFile: string | undefined;
  readonly tls: { readonly rootCert?: string; readonly cert?: string; readonly key?: string } | undefined;
}

/** Undefined for what is no URL of a NATS server, or says more than we take. */
export function readNatsUrl(text: string): NatsAddress | undefined {
  const url = URL.parse(text);
  if (!url || !/^(nats|tls):$/.test(url.protocol) || url.hash !== "" || !/^\/?$/.test(url.pathname)) return undefined;
  const said = new Map(url.searchParams);
  if (said.size !== url.searchParams.size || [...said].some(([name, value]) => !PARAMETERS.has(name) || value === ""))
    return undefined;
  const [user, password] = [url.username, url.password].map(decoded);
  const host = url.hostname.replace(/^\[(.+)\]$/, "$1");
  const credentialsFile = said.get("creds");
  const [rootCert, cert, key] = ["sslrootcert", "sslcert", "sslkey"].map((name) => said.get(name));
  const isTls = url.protocol === "tls:";
  if (host === "" || user === undefined || password === undefined) return undefined;
  if ((user === "" && password !== "") || (user !== "" && credentialsFile !== undefined)) return undefined;
  if ((cert === undefined) !== (key === undefined) || (!isTls && (rootCert ?? cert) !== undefined)) return undefined;
  return {
    host,
    port: url.port === "" ? 4222 : Number(url.port),
    ...(password === ""
      ? { user: undefined, password: undefined, token: user || undefined }
      : { user, password, token: undefined }),
    credentialsFile,
    tls: isTls ? { ...(rootCert && { rootCert }), ...(cert && key && { cert, key }) } : undefined,
  };
}

/** @throws RangeError for a text that `readNatsUrl` refuses; it is not quoted, since it may hold a password */
export function addressOf(url: string): NatsAddress {
  const address = readNatsUrl(url);
  if (!address) throw new RangeError("not the URL of a NATS server");
  return address;
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}
