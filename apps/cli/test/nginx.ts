import { execFileSync, spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { delimiter, join } from "node:path";
import { eventually } from "./binary.ts";
import { isListening } from "../../provider/test/is-listening.ts";

const PORTS_TRIED_MAX = 10;
/** Where Debian has it, which is not on everybody's path. */
const FOLDERS = [...(process.env["PATH"] ?? "").split(delimiter), "/usr/sbin", "/usr/local/sbin"];
const programAt = (name: string): string | undefined =>
  FOLDERS.map((folder) => join(folder, name)).find((path) => existsSync(path));
const nginx = programAt("nginx");

/** Tests that need nginx, and openssl for a certificate, are skipped by name where one is not installed. */
export const hasNginx = nginx !== undefined && programAt("openssl") !== undefined;

const PAGE = join(import.meta.dirname, "../../../docs/reverse-proxy.md");

/** What the page tells people to write, with the addresses and paths of this test in the place of theirs. */
export function pageServer(coordinator: string, certificate: Certificate): (port: number) => string {
  const block = /^```nginx\n([^]*?)^```$/m.exec(readFileSync(PAGE, "utf8"))?.[1];
  if (block === undefined) throw new Error(`${PAGE} has no configuration of nginx`);
  const put = (text: string, from: string, to: string): string => {
    if (!text.includes(from)) throw new Error(`${PAGE} has no "${from}"`);
    return text.replaceAll(from, to);
  };
  return (port) =>
    [
      ["listen 443 ssl;", `listen 127.0.0.1:${port} ssl;`],
      ["/etc/nginx/darkbloom.crt", certificate.certificate],
      ["/etc/nginx/darkbloom.key", certificate.key],
      ["http://127.0.0.1:8080", coordinator],
    ].reduce((text, [from = "", to = ""]) => put(text, from, to), block);
}

/** A proxy that says nothing of who has come. @param location what stands in it besides, line by line */
export const bareServer =
  (coordinator: string, ...location: readonly string[]) =>
  (port: number): string =>
    `server { listen 127.0.0.1:${port}; location / { proxy_pass ${coordinator}; ${location.join(" ")} } }`;

/** What a WebSocket needs of nginx, and nothing else. */
export const UPGRADES = [
  "proxy_http_version 1.1;",
  "proxy_set_header Upgrade $http_upgrade;",
  'proxy_set_header Connection "upgrade";',
];

/** The distribution's nginx on a port of its own, with everything that it writes in one folder, as this user. */
export class Nginx implements AsyncDisposable {
  readonly port: number;
  readonly #folder: string;
  readonly #process: ChildProcess;

  private constructor(folder: string, port: number, running: ChildProcess) {
    this.#folder = folder;
    this.port = port;
    this.#process = running;
  }

  /** @param server the configuration's server, for a port */
  static async start(folder: string, server: (port: number) => string): Promise<Nginx> {
    if (nginx === undefined) throw new Error("nginx is not installed");
    mkdirSync(folder, { recursive: true });
    for (let attempt = 1; ; attempt++) {
      const port = await freePort();
      const config = join(folder, "nginx.conf");
      writeFileSync(config, mainConfig(folder, server(port)));
      const running = spawn(nginx, ["-p", folder, "-c", config], { stdio: "ignore" });
      const proxy = new Nginx(folder, port, running);
      try {
        await eventually(() => running.exitCode !== null || isListening(port));
        if (running.exitCode === null) return proxy;
      } catch (error) {
        await proxy[Symbol.asyncDispose]();
        throw error;
      }
      // Another program took the port meanwhile; anything else is a fault of the configuration.
      if (!proxy.errors.includes("Address already in use") || attempt === PORTS_TRIED_MAX)
        throw new Error(`nginx ended with ${running.exitCode}: ${proxy.errors}`);
    }
  }

  /** Its log, from level `warn` on: that it wrote a body into a file is there too. */
  get errors(): string {
    const log = join(this.#folder, "error.log");
    return existsSync(log) ? readFileSync(log, "utf8") : "";
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    const gone = once(this.#process, "exit");
    this.#process.kill("SIGTERM");
    await gone;
  }
}

/** One process in the foreground, so that it ends with its pid, and stays the user who started it. */
const mainConfig = (folder: string, server: string): string => `
daemon off;
master_process off;
pid ${folder}/nginx.pid;
error_log ${folder}/error.log warn;
events {}
http {
  access_log off;
  # As distributions have it, and more so: a stream that is compressed is held back.
  gzip on;
  gzip_types *;
  client_body_temp_path ${folder}/body;
  proxy_temp_path ${folder}/proxy;
  fastcgi_temp_path ${folder}/fastcgi;
  uwsgi_temp_path ${folder}/uwsgi;
  scgi_temp_path ${folder}/scgi;
  ${server}
}
`;

export interface Certificate {
  /** Files in PEM. */
  readonly certificate: string;
  readonly key: string;
  /** The authority's, which no system knows. */
  readonly authority: string;
}

/** @param name what it is for, as openssl writes it @param days until it ends; below 0 it has ended */
export function makeCertificate(folder: string, name = "IP:127.0.0.1", days = 2): Certificate {
  const file = (base: string) => join(folder, base);
  const openssl = (...args: readonly string[]) =>
    execFileSync(programAt("openssl") ?? "openssl", args, { stdio: "ignore" });
  const newKey = (as: string, subject: string) =>
    ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", file(`${as}.key`)].concat([
      "-subj",
      subject,
    ]);
  openssl("req", "-x509", ...newKey("authority", "/CN=an authority of our own"), "-out", file("authority.crt"));
  const request = file("server.csr");
  openssl("req", ...newKey("server", "/CN=coordinator"), "-addext", `subjectAltName=${name}`, "-out", request);
  const signed = ["-CA", file("authority.crt"), "-CAkey", file("authority.key"), "-copy_extensions", "copy"];
  openssl("x509", "-req", "-in", request, ...signed, "-days", String(days), "-out", file("server.crt"));
  return { certificate: file("server.crt"), key: file("server.key"), authority: file("authority.crt") };
}

async function freePort(): Promise<number> {
  await using server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  return (server.address() as AddressInfo).port;
}
