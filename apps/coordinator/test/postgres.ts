import { execFileSync, spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { chmodSync, chownSync, existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Client } from "pg";

/** Where Debian has its servers, by version; they are on nobody's path. */
const DEBIAN = "/usr/lib/postgresql";
const VERSION_MIN = 15;
const STARTS_IN_MS = 20_000;
/** Of every user here; no text that a program prints may hold it. */
export const PASSWORD = "not-a-secret";

const versions = existsSync(DEBIAN) ? readdirSync(DEBIAN).map(Number) : [];
const newest = Math.max(0, ...versions.filter((version) => existsSync(join(DEBIAN, `${version}/bin/postgres`))));
const program = (name: string): string => join(DEBIAN, String(newest), "bin", name);

/** Tests that need PostgreSQL are skipped by name where there is none. */
export const hasPostgres = newest >= VERSION_MIN;

/** The distribution's PostgreSQL on a port of its own, with all that it keeps in one folder. It survives no power cut, so that it is quick. */
export class Postgres implements AsyncDisposable {
  readonly #folder: string;
  readonly #port: number;
  #running: ChildProcess | undefined;
  #databases = 0;

  private constructor(folder: string, port: number) {
    this.#folder = folder;
    this.#port = port;
  }

  static async start(): Promise<Postgres> {
    const folder = mkdtempSync(join(tmpdir(), "postgres-"));
    const { uid, gid } = servant;
    chownSync(folder, uid, gid);
    chmodSync(folder, 0o700);
    const passwordFile = join(folder, "password");
    writeFileSync(passwordFile, PASSWORD);
    chownSync(passwordFile, uid, gid);
    const asked = ["--auth=scram-sha-256", `--pwfile=${passwordFile}`];
    const given = ["--username=postgres", ...asked, "--encoding=UTF8", "--locale=C", "--no-sync"];
    const how = { stdio: "ignore", cwd: folder, uid, gid } as const;
    execFileSync(program("initdb"), ["-D", join(folder, "data"), ...given], how);
    const server = new Postgres(folder, await freePort());
    await server.resume();
    return server;
  }

  /** A new database, empty or as another is. @returns its URL */
  async database(like = "template1"): Promise<string> {
    const name = `test_${this.#databases++}`;
    await this.ask(`CREATE DATABASE ${name} TEMPLATE ${like}`);
    return this.urlOf(name);
  }

  urlOf(database: string, user = "postgres"): string {
    return `postgres://${user}:${PASSWORD}@127.0.0.1:${this.#port}/${database}`;
  }

  /** One statement as its superuser. */
  async ask(statement: string, database = "postgres"): Promise<readonly Record<string, unknown>[]> {
    const client = new Client({ connectionString: this.urlOf(database) });
    client.on("error", () => undefined);
    await client.connect();
    try {
      return (await client.query<Record<string, unknown>>(statement)).rows;
    } finally {
      await client.end();
    }
  }

  /** From now on it takes TLS too, by a certificate for 127.0.0.1 alone. @returns the file of the authority that signed it, and of one that did not */
  async takeTls(): Promise<{ readonly ours: string; readonly anothers: string }> {
    const at = (name: string): string => join(this.#folder, name);
    const openssl = (...args: readonly string[]) => execFileSync("openssl", args, { stdio: "ignore" });
    const newKey = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"];
    const authority = (name: string): string => {
      const as = ["-subj", `/CN=${name}`, "-keyout", at(`${name}.key`), "-out", at(`${name}.pem`)];
      openssl("req", "-x509", ...newKey, ...as);
      return at(`${name}.pem`);
    };
    const [ours, anothers] = [authority("ours"), authority("anothers")];
    const signed = ["-CA", ours, "-CAkey", at("ours.key"), "-addext", "subjectAltName=IP:127.0.0.1"];
    const as = ["-subj", "/CN=database", "-keyout", at("server.key"), "-out", at("server.pem")];
    openssl("req", "-x509", ...newKey, ...signed, ...as);
    for (const file of ["server.key", "server.pem"]) chownSync(at(file), servant.uid, servant.gid);
    chmodSync(at("server.key"), 0o600);
    await this.ask(`ALTER SYSTEM SET ssl_cert_file = '${at("server.pem")}'`);
    await this.ask(`ALTER SYSTEM SET ssl_key_file = '${at("server.key")}'`);
    await this.ask("ALTER SYSTEM SET ssl = on");
    await this.ask("SELECT pg_reload_conf()");
    return { ours, anothers };
  }

  async resume(): Promise<void> {
    const settings = ["fsync=off", "max_connections=60", "listen_addresses=127.0.0.1"].flatMap((one) => ["-c", one]);
    const args = ["-D", join(this.#folder, "data"), "-k", this.#folder, "-p", String(this.#port), ...settings];
    this.#running = spawn(program("postgres"), args, { stdio: "ignore", cwd: this.#folder, ...servant });
    const until = Date.now() + STARTS_IN_MS;
    for (;;) {
      const failed = await this.ask("SELECT 1").then(
        () => undefined,
        (error: unknown) => error,
      );
      if (failed === undefined) return;
      if (this.#running.exitCode !== null || Date.now() > until)
        throw new Error("PostgreSQL does not start", { cause: failed });
      await sleep(50);
    }
  }

  /** At once: whoever is connected is cut off. */
  async halt(): Promise<void> {
    const running = this.#running;
    this.#running = undefined;
    if (running?.exitCode !== null) return;
    const gone = once(running, "exit");
    running.kill("SIGQUIT");
    await gone;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.halt();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** PostgreSQL refuses to be run by root. */
const servant = hasPostgres && process.getuid?.() === 0 ? idsOf("postgres") : { uid: ownId("uid"), gid: ownId("gid") };

function idsOf(user: string): { uid: number; gid: number } {
  const [uid, gid] = ["-u", "-g"].map((which) => Number(execFileSync("id", [which, user], { encoding: "utf8" })));
  return { uid: uid ?? 0, gid: gid ?? 0 };
}

function ownId(which: "uid" | "gid"): number {
  return (which === "uid" ? process.getuid?.() : process.getgid?.()) ?? 0;
}

async function freePort(): Promise<number> {
  await using server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  return (server.address() as AddressInfo).port;
}
