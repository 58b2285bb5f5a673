import { execFile, execFileSync, spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { promisify } from "node:util";
import { certificateInFile } from "@darkbloom/protocol/x509";

const run = promisify(execFile);
const LOOK_EVERY_MS = 10;
const PORTS_TRIED_MAX = 10;

/** The distribution's `swtpm`, `swtpm-tools` and `tpm2-tools`. Tests that need them are skipped by name elsewhere. */
export const hasSoftTpm = ["swtpm", "swtpm_setup", "swtpm_localca", "tpm2_createek"].every(
  (program) => pathOf(program) !== undefined,
);

/**
 * A TPM 2.0 of its own, made by a maker of its own: swtpm in a temporary folder, with certificates for its
 * endorsement keys (RSA-2048 and P-384) that a test authority made. It serves one connection at a time, so ours
 * has to be closed before a tool is run, and it has no resource manager.
 */
export class SoftTpm implements AsyncDisposable {
  readonly #folder: string;
  #port = 0;
  #process: ChildProcess | undefined;

  private constructor(folder: string) {
    this.#folder = folder;
  }

  static async start(): Promise<SoftTpm> {
    const tpm = new SoftTpm(mkdtempSync(join(tmpdir(), "darkbloom-swtpm-")));
    try {
      await manufacture(tpm.#folder);
      for (let attempt = 1; ; attempt++) {
        tpm.#port = await twoFreePorts();
        if (await tpm.#emulate()) return tpm;
        if (attempt === PORTS_TRIED_MAX) throw new Error("no two ports stayed free for swtpm");
      }
    } catch (error) {
      await tpm[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** TPM commands as they are, over TCP; the control port is the next one. */
  get address(): { host: string; port: number } {
    return { host: "127.0.0.1", port: this.#port };
  }
  /** DER of the test authority's own certificate: no other TPM shares it. */
  get rootDer(): Uint8Array {
    return certificateAt(this.file(ROOT));
  }
  /** DER of the certificate between the root and every endorsement key's, which the TPM does not carry. */
  get issuerDer(): Uint8Array {
    return certificateAt(this.file(ISSUER));
  }

  file(name: string): string {
    return join(this.#folder, name);
  }
  read(name: string): Uint8Array<ArrayBuffer> {
    return new Uint8Array(readFileSync(this.file(name)));
  }
  write(name: string, bytes: Uint8Array): void {
    writeFileSync(this.file(name), bytes);
  }

  /** Starts with the state that is there, as a machine does after a restart. */
  async switchOn(): Promise<void> {
    if (!(await this.#emulate())) throw new Error("swtpm has ended");
  }

  async switchOff(): Promise<void> {
    const child = this.#process;
    this.#process = undefined;
    if (!child || hasEnded(child)) return;
    const ended = once(child, "exit");
    child.kill("SIGKILL");
    await ended;
  }

  /**
   * Runs one of tpm2-tools in the TPM's folder, where file names without a path are. The keys that it leaves in the
   * TPM, which has room for three, are flushed; its sessions are the caller's.
   *
   * @returns its stdout
   * @throws with what it complained about
   */
  async tool(name: string, ...args: readonly string[]): Promise<string> {
    const tcti = `swtpm:host=127.0.0.1,port=${this.#port}`;
    const how = { cwd: this.#folder, env: { ...process.env, TPM2TOOLS_TCTI: tcti, TSS2_LOG: "all+none" } };
    try {
      return (await run(name, args, how)).stdout;
    } finally {
      await run("tpm2_flushcontext", ["-t"], how);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.switchOff();
    rmSync(this.#folder, { recursive: true, force: true, maxRetries: 5 });
  }

  /** @returns false when it ended instead: something else took a port */
  async #emulate(): Promise<boolean> {
    const at = (port: number): string => `type=tcp,port=${port},bindaddr=127.0.0.1`;
    const sockets = `--server ${at(this.#port)} --ctrl ${at(this.#port + 1)}`;
    const options = `socket --tpm2 --tpmstate dir=${this.file("state")} ${sockets} --flags not-need-init,startup-clear`;
    const child = spawn("swtpm", options.split(" "), { stdio: "ignore" });
    this.#process = child;
    while (!hasEnded(child)) {
      if (await isListening(this.#port + 1)) return true;
      await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
    }
    return false;
  }
}

const ROOT = "swtpm-localca-rootca-cert.pem";
const ISSUER = "issuercert.pem";

/** As a maker does it once: seeds, endorsement keys, and their certificates in the TPM's NV memory. */
async function manufacture(folder: string): Promise<void> {
  const file = (name: string): string => join(folder, name);
  const lines = (name: string, ...texts: readonly string[]): void =>
    writeFileSync(file(name), texts.map((text) => `${text}\n`).join(""));
  mkdirSync(file("state"));
  lines(
    "authority.conf",
    `statedir = ${folder}`,
    `signingkey = ${file("signingkey.pem")}`,
    `issuercert = ${file(ISSUER)}`,
    `certserial = ${file("certserial")}`,
  );
  lines("authority.options", "--platform-manufacturer Test", "--platform-version 1.0", "--platform-model Board");
  lines(
    "setup.conf",
    `create_certs_tool = ${pathOf("swtpm_localca") ?? ""}`,
    `create_certs_tool_config = ${file("authority.conf")}`,
    `create_certs_tool_options = ${file("authority.options")}`,
    "active_pcr_banks = sha256",
  );
  const state = ["--tpm2", "--tpmstate", file("state"), "--config", file("setup.conf")];
  await run("swtpm_setup", [...state, "--create-ek-cert"], { cwd: folder });
}

function pathOf(program: string): string | undefined {
  const folders = (process.env["PATH"] ?? "").split(delimiter);
  return folders.map((folder) => join(folder, program)).find((path) => existsSync(path));
}

const hasEnded = ({ exitCode, signalCode }: ChildProcess): boolean => exitCode !== null || signalCode !== null;

function certificateAt(path: string): Uint8Array {
  const der = certificateInFile(readFileSync(path));
  if (!der) throw new Error("swtpm's authority made no certificate");
  return der;
}

/** The lower of two neighbouring ports that are free right now. */
async function twoFreePorts(): Promise<number> {
  for (;;) {
    await using first = await listening(0);
    const address = first?.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;
    await using second = await listening(port + 1);
    if (first && second) return port;
  }
}

const listening = (port: number): Promise<Server | undefined> =>
  new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(undefined));
    server.listen(port, "127.0.0.1", () => resolve(server));
  });

/** Whether there is what `PTY_RELAY` needs. */
export const hasPty = (() => {
  try {
    execFileSync("python3", ["-c", "import pty; pty.openpty()"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
})();

/** A Python program that joins a pseudo-terminal, whose name it prints, to the TPM at a TCP port. */
export const PTY_RELAY = `
import os, pty, select, socket, sys, tty
ours, theirs = pty.openpty()
tty.setraw(theirs)
tpm = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
print(os.ttyname(theirs), flush=True)
while True:
    ready, _, _ = select.select([ours, tpm], [], [])
    if ours in ready:
        tpm.sendall(os.read(ours, 4096))
    if tpm in ready:
        os.write(ours, tpm.recv(4096))
`;
import { isListening } from "./is-listening.ts";
