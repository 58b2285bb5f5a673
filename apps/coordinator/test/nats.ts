import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect, createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

/** Debian has it where an ordinary user's path does not lead. */
const DEBIAN = "/usr/sbin/nats-server";
const isOnPath = spawnSync("nats-server", ["--version"], { stdio: "ignore" }).status === 0;
const STARTS_IN_MS = 10_000;

/** Tests that need a NATS server are skipped by name where there is none. */
export const hasNats = isOnPath || existsSync(DEBIAN);

/** A real server on a port of its own; `settings` are lines of its configuration. */
export class NatsServer implements AsyncDisposable {
  readonly port: number;
  readonly folder: string;
  #running: ChildProcess | undefined;

  private constructor(port: number, folder: string) {
    this.port = port;
    this.folder = folder;
  }

  static async start(settings = ""): Promise<NatsServer> {
    const folder = mkdtempSync(join(tmpdir(), "nats-"));
    const server = new NatsServer(await freePort(), folder);
    writeFileSync(join(folder, "nats.conf"), `listen: "127.0.0.1:${server.port}"\n${settings}\n`);
    await server.resume();
    return server;
  }

  get pid(): number {
    return this.#running?.pid ?? 0;
  }

  urlOf(who = ""): string {
    return `nats://${who === "" ? "" : `${who}@`}127.0.0.1:${this.port}`;
  }

  async resume(): Promise<void> {
    const running = spawn(isOnPath ? "nats-server" : DEBIAN, ["-c", join(this.folder, "nats.conf")], {
      stdio: "ignore",
    });
    this.#running = running;
    // Whoever started it may be ended before it stops it.
    process.once("exit", () => running.kill("SIGKILL"));
    for (const untilMs = Date.now() + STARTS_IN_MS; ; await sleep(20)) {
      if (await this.#answers()) return;
      if (running.exitCode !== null || Date.now() > untilMs) throw new Error("nats-server does not start");
    }
  }

  /** At once: whoever is connected is cut off. */
  async halt(): Promise<void> {
    const running = this.#running;
    this.#running = undefined;
    if (running?.exitCode !== null) return;
    const gone = once(running, "exit");
    running.kill("SIGKILL");
    await gone;
  }

  async #answers(): Promise<boolean> {
    using socket = Object.assign(connect(this.port, "127.0.0.1"), { [Symbol.dispose]: () => void socket.destroy() });
    return await once(socket, "data").then(
      () => true,
      () => false,
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.halt();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

async function freePort(): Promise<number> {
  await using server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  return (server.address() as AddressInfo).port;
}
