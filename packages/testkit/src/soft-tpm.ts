import { execFile, spawn, type ChildProcess } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect, createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

/** The distribution's `swtpm`, `swtpm-tools` and `tpm2-tools`. Tests that need them are skipped by name elsewhere. */
export const softTpmInstalled: boolean = ["swtpm", "swtpm_setup", "swtpm_localca", "tpm2_createek"].every(
  (program) => pathOf(program) !== undefined,
);

function pathOf(program: string): string | undefined {
  const folders = (process.env["PATH"] ?? "").split(delimiter);
  return folders.map((folder) => join(folder, program)).find((path) => existsSync(path));
}

/**
 * A TPM 2.0 of its own in a temporary folder, with EK certificates that a test authority made: on ports
 * of this machine, until its scope is left. `tool` runs a program of tpm2-tools in the folder, so names of
 * files are short.
 */
export class SoftTpm implements AsyncDisposable {
  readonly folder: string;
  /** TCP on 127.0.0.1; TPM commands as they are, one connection at a time. The next port is the control port. */
  readonly commandPort: number;
  readonly #process: ChildProcess;

  private constructor(folder: string, commandPort: number, process: ChildProcess) {
    this.folder = folder;
    this.commandPort = commandPort;
    this.#process = process;
  }

  static async start(): Promise<SoftTpm> {
    const folder = mkdtempSync(join(tmpdir(), "darkbloom-tpm-"));
    try {
      await manufacture(folder);
      for (let attempt = 1; ; attempt++) {
        const commandPort = await freePair();
        const started = emulator(folder, commandPort);
        if (await listens(started, commandPort + 1)) return new SoftTpm(folder, commandPort, started);
        if (attempt === PORTS_TRIED_MAX) throw new Error("no pair of ports stayed free for swtpm");
      }
    } catch (error) {
      rmSync(folder, { recursive: true, force: true });
      throw error;
    }
  }

  /** @param name without its `tpm2_`; @returns what it printed. @throws with what it complained about */
  async tool(name: string, args: readonly string[]): Promise<string> {
    const tcti = `swtpm:host=127.0.0.1,port=${this.commandPort}`;
    const environment = { ...process.env, TPM2TOOLS_TCTI: tcti, TSS2_LOG: "all+none" };
    return (await run(`tpm2_${name}`, [...args], { cwd: this.folder, env: environment })).stdout;
  }

  read(file: string): Uint8Array<ArrayBuffer> {
    return new Uint8Array(readFileSync(join(this.folder, file)));
  }

  write(file: string, bytes: Uint8Array): void {
    writeFileSync(join(this.folder, file), bytes);
  }

  /** The test authority's own certificate: no other TPM shares it. */
  ekRootDer(): Uint8Array<ArrayBuffer> {
    return certificateDer(join(this.folder, "authority/swtpm-localca-rootca-cert.pem"));
  }

  /** The certificate between the root and every EK certificate. */
  ekIssuerDer(): Uint8Array<ArrayBuffer> {
    return certificateDer(join(this.folder, "authority/issuercert.pem"));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await ended(this.#process);
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

const PORTS_TRIED_MAX = 10;

/** As a manufacturer does it once: seeds, EKs, and their certificates in the TPM's NV memory. */
async function manufacture(folder: string): Promise<void> {
  const authority = join(folder, "authority");
  mkdirSync(authority);
  mkdirSync(join(folder, "state"));
  writeFileSync(
    join(folder, "authority.conf"),
    [
      `statedir = ${authority}`,
      `signingkey = ${authority}/signkey.pem`,
      `issuercert = ${authority}/issuercert.pem`,
      `certserial = ${authority}/certserial`,
      "",
    ].join("\n"),
  );
  writeFileSync(
    join(folder, "authority.options"),
    "--platform-manufacturer Test\n--platform-version 1.0\n--platform-model Board\n",
  );
  writeFileSync(
    join(folder, "setup.conf"),
    [
      `create_certs_tool = ${pathOf("swtpm_localca") ?? ""}`,
      `create_certs_tool_config = ${folder}/authority.conf`,
      `create_certs_tool_options = ${folder}/authority.options`,
      "active_pcr_banks = sha256",
      "",
    ].join("\n"),
  );
  const state = ["--tpm2", "--tpmstate", join(folder, "state"), "--config", join(folder, "setup.conf")];
  await run("swtpm_setup", [...state, "--create-ek-cert"], { cwd: folder });
}

function emulator(folder: string, port: number): ChildProcess {
  const state = ["--tpmstate", `dir=${join(folder, "state")}`];
  const server = ["--server", `type=tcp,port=${port},bindaddr=127.0.0.1`];
  const control = ["--ctrl", `type=tcp,port=${port + 1},bindaddr=127.0.0.1`];
  const flags = ["--flags", "not-need-init,startup-clear"];
  return spawn("swtpm", ["socket", "--tpm2", ...state, ...server, ...control, ...flags], { stdio: "ignore" });
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGKILL");
  await gone;
}

/** False when the program ended instead: something else took its port. */
async function listens(child: ChildProcess, port: number): Promise<boolean> {
  while (child.exitCode === null && child.signalCode === null) {
    const answered = await new Promise<boolean>((resolve) => {
      const socket = connect(port, "127.0.0.1", () => resolve(true));
      socket.once("error", () => resolve(false));
      socket.once("connect", () => socket.destroy());
    });
    if (answered) return true;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  return false;
}

/** The lower of two neighbouring ports that are free right now. */
async function freePair(): Promise<number> {
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

const certificateDer = (file: string): Uint8Array<ArrayBuffer> =>
  new Uint8Array(
    Buffer.from(
      readFileSync(file, "utf8")
        .replaceAll(/-----[^-]+-----/g, "")
        .replaceAll(/\s/g, ""),
      "base64",
    ),
  );
