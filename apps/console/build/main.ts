/**
 * Builds the console unless these very sources were built before, and says where it is: one JSON object a line, `{"modules": n}`
 * on the way and `{"folder": path}` at the end. A coordinator runs it for the first browser that comes. With `--release` what
 * was built goes with the sources, into `dist`, for machines on which nothing can be built.
 */
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { sourcesSha256 } from "./sources.ts";

const application = join(import.meta.dirname, "..");
const sha256 = sourcesSha256();
const release = join(application, "dist", sha256);
const cached = join(application, "../../node_modules/.cache/darkbloom-console", sha256);
const tell = (said: object): void => void process.stdout.write(`${JSON.stringify(said)}\n`);

const wanted = process.argv.includes("--release") ? release : cached;
const folder = [release, wanted].find((one) => existsSync(one)) ?? (await built(wanted));
tell({ folder });

/** Whole under its name, or not there: another process may build the same. */
async function built(at: string): Promise<string> {
  // A start that finds it built loads none of this.
  const { bundle } = await import("./bundle.ts");
  const parent = join(at, "..");
  mkdirSync(parent, { recursive: true });
  const scratch = `${at}.${process.pid}`;
  try {
    await bundle(scratch, (modules) => tell({ modules }));
    // Of other sources: nobody asks for it again.
    for (const other of readdirSync(parent))
      if (/^[0-9a-f]{64}$/.test(other)) rmSync(join(parent, other), { recursive: true });
    renameSync(scratch, at);
  } catch (error) {
    rmSync(scratch, { recursive: true, force: true });
    if (!existsSync(at)) throw error;
  }
  return at;
}
