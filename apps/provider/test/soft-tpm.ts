import { execFile, execFileSync, spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect, createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);
const LOOK_EVERY_MS = 10;
const PORT_ATTEMPTS_MAX = 50;

/** Whether the TPM emulator and the tools that check us are installed. */
export const hasSoftTpm = ["swtpm", "swtpm_setup", "swtpm_localca", "tpm2_createek"].every((program) => {
  try {
    execFileSync("which", [program], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
});

/**
 * A TPM of its own, made by a maker of its own: swtpm with an RSA endorsement key and a certificate for it.
 * It serves one connection at a time, so ours has to be closed before a tool is run, and it has no resource
 * manager: what a tool leaves in it is flushed after the tool.
 */
export class SoftTpm implements AsyncDisposable {
  readonly #folder: string;
  readonly port: number;
  #process: ChildProcess | undefined;

  private constructor(folder: string, port: number) {
    this.#folder = folder;
    this.port = port;
  }

  static async start(): Promise<SoftTpm> {
    const folder = mkdtempSync(join(tmpdir(), "darkbloom-swtpm-"));
    chmodSync(folder, 0o755);
    const file = (name: string): string => join(folder, name);
    writeFileSync(
      file("localca.conf"),
      ["statedir", "signingkey", "issuercert", "certserial"]
        .map((name) => `${name} = ${name === "statedir" ? folder : file(`${name}.pem`)}\n`)
        .join(""),
    );
    writeFileSync(file("localca.options"), "--tpm-manufacturer IBM\n--tpm-model swtpm\n--tpm-version 2\n");
    writeFileSync(
      file("setup.conf"),
      `create_certs_tool = swtpm_localca\ncreate_certs_tool_config = ${file("localca.conf")}\ncreate_certs_tool_options = ${file("localca.options")}\nactive_pcr_banks = sha256\n`,
    );
    const options = `--tpm2 --createek --create-ek-cert --tpmstate ${folder} --config ${file("setup.conf")}`;
    await run("swtpm_setup", options.split(" "));
    const tpm = new SoftTpm(folder, await twoFreePorts());
    await tpm.switchOn();
    return tpm;
  }

  get address(): { host: string; port: number } {
    return { host: "127.0.0.1", port: this.port };
  }
  /** Of the certificate authority that signed the endorsement key's certificate. */
  get issuerPem(): string {
    return readFileSync(join(this.#folder, "issuercert.pem"), "utf8");
  }
  file(name: string): string {
    return join(this.#folder, name);
  }

  /** Starts with the state that is there, as a machine does after a restart. */
  async switchOn(): Promise<void> {
    const at = (port: number): string => `type=tcp,port=${port},bindaddr=127.0.0.1`;
    const sockets = `--server ${at(this.port)} --ctrl ${at(this.port + 1)}`;
    const options = `socket --tpm2 --tpmstate dir=${this.#folder} ${sockets} --flags not-need-init,startup-clear`;
    this.#process = spawn("swtpm", options.split(" "), { stdio: "ignore" });
    while (!(await answers(this.port + 1))) {
      if (this.#process.exitCode !== null) throw new Error("swtpm has ended");
      await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
    }
  }

  async switchOff(): Promise<void> {
    if (!this.#process || this.#process.exitCode !== null) return;
    const ended = once(this.#process, "exit");
    this.#process.kill("SIGKILL");
    await ended;
    this.#process = undefined;
  }

  /** Runs one of tpm2-tools in the TPM's folder, where file names without a path are. @returns its stdout */
  async tool(name: string, ...args: readonly string[]): Promise<string> {
    const how = {
      cwd: this.#folder,
      env: { ...process.env, TPM2TOOLS_TCTI: `swtpm:host=127.0.0.1,port=${this.port}` },
    };
    const { stdout } = await run(name, args, how);
    for (const kind of ["-t", "-l", "-s"]) await run("tpm2_flushcontext", [kind], how);
    return stdout;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.switchOff();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

async function answers(port: number): Promise<boolean> {
  const socket = connect({ host: "127.0.0.1", port });
  try {
    await once(socket, "connect");
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

/** The tools expect the control socket at the port after the command socket's. */
async function twoFreePorts(): Promise<number> {
  for (let attempt = 0; attempt < PORT_ATTEMPTS_MAX; attempt++) {
    const first = await listenOn(0);
    const port = portOf(first);
    const second = await listenOn(port + 1).catch(() => undefined);
    for (const server of [first, second]) if (server) await once(server.close(), "close");
    if (second) return port;
  }
  throw new Error("no two free ports in a row");
}

async function listenOn(port: number): Promise<Server> {
  const server = createServer().listen({ host: "127.0.0.1", port });
  await once(server, "listening");
  return server;
}

function portOf(server: Server): number {
  const address = server.address();
  return typeof address === "object" && address !== null ? address.port : 0;
}

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
