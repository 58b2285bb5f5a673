import { execFile } from "node:child_process";
import { createHash, randomUUID } from "node:crypto";
import { accessSync, chmodSync, constants, existsSync, readFileSync, renameSync, rmSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { DataFolder } from "@darkbloom/protocol/node";

const SOURCE = fileURLToPath(new URL("../../native/secure-enclave.swift", import.meta.url));
const COMPILER = "/usr/bin/swiftc";
/** Says where Apple's command line tools are; without them `swiftc` is a stub that opens a window. */
const TOOLS = "/usr/bin/xcode-select";
const TOOLS_WAIT_MS = 10_000;
const COMPILE_WAIT_MS = 180_000;
const PROGRAM_MODE = 0o500;

const run = promisify(execFile);

/**
 * The helper program for this folder, compiled from the source in the repository where that has not been
 * done. Its name holds the source's hash, so a new source makes a new program. Undefined where Apple's
 * command line tools are not installed or the compiler fails.
 *
 * Has never been run on a Mac.
 */
export async function builtHelper(folder: DataFolder): Promise<string | undefined> {
  const source = createHash("sha256").update(readFileSync(SOURCE)).digest("hex").slice(0, 16);
  const program = folder.file(`secure-enclave-${source}`);
  if (existsSync(program)) return program;
  const draft = folder.file(`.secure-enclave-${randomUUID()}`);
  try {
    accessSync(COMPILER, constants.X_OK);
    await run(TOOLS, ["--print-path"], { timeout: TOOLS_WAIT_MS });
    await run(COMPILER, ["-swift-version", "5", "-O", "-o", draft, SOURCE], { timeout: COMPILE_WAIT_MS });
    chmodSync(draft, PROGRAM_MODE);
    renameSync(draft, program);
    return program;
  } catch {
    rmSync(draft, { force: true });
    return undefined;
  }
}
