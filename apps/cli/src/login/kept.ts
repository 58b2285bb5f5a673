import { createHash } from "node:crypto";
import { rmSync } from "node:fs";
import { homedir } from "node:os";
import { isAbsolute, join, resolve } from "node:path";
import { DataFolderError, openDataFolder, readPrivateFile, type DataFolder } from "@darkbloom/protocol/node";
import { CommandFailed } from "../failure.ts";
import { baseOf } from "../published.ts";
import { assertPrivate, sessionIn } from "./ask.ts";

/** Where a user's sessions are kept, one file for each coordinator. */
export class KeptSessions {
  readonly #folder: string;

  /** @param config the user's folder, where another than the usual one is wanted */
  constructor(config: string | undefined) {
    this.#folder = join(resolve(config ?? configFolder()), "sessions");
  }

  fileOf(coordinator: URL): string {
    return join(this.#folder, nameOf(coordinator));
  }

  /** The session at this coordinator, and at no other. @throws CommandFailed where its file is damaged */
  at(coordinator: URL): string | undefined {
    assertPrivate(coordinator);
    const file = this.fileOf(coordinator);
    const bytes = readPrivateFile(file);
    if (!bytes) return undefined;
    const [base, text] = bytes.toString("utf8").split("\n");
    const session = sessionIn(text);
    if (base === baseOf(coordinator).href && session !== undefined) return session;
    throw new CommandFailed(`The file ${file} is damaged. Delete it, then: darkbloom login`);
  }

  /** The session that a command acts by. @throws CommandFailed where there is none, too */
  needed(coordinator: URL): string {
    const session = this.at(coordinator);
    if (session === undefined) throw notSignedIn("Nobody is signed in", coordinator);
    return session;
  }

  /** Fails where a session could not be kept, before anybody is asked for one. @throws CommandFailed */
  async assertWritable(): Promise<void> {
    await this.#open(() => undefined);
  }

  /** Whole or not at all, and readable by this user alone. @throws CommandFailed */
  async keep(coordinator: URL, session: string): Promise<void> {
    await this.#open((folder) => folder.write(nameOf(coordinator), `${baseOf(coordinator).href}\n${session}\n`));
  }

  forget(coordinator: URL): void {
    rmSync(this.fileOf(coordinator), { force: true });
  }

  async #open(act: (folder: DataFolder) => void): Promise<void> {
    try {
      await using folder = await openDataFolder(this.#folder, "login");
      act(folder);
    } catch (error) {
      if (!(error instanceof DataFolderError)) throw error;
      throw new CommandFailed(
        `No session can be kept in ${this.#folder} (${error.code}). Check its owner, its mode and the disk, or name another folder with --config.`,
        { cause: error },
      );
    }
  }
}

export const notSignedIn = (why: "Nobody is signed in" | "The session is over", { href }: URL): CommandFailed =>
  new CommandFailed(`${why} at ${href}. Run darkbloom login --coordinator ${href}`);

/** The XDG Base Directory Specification lets nobody name a relative one. */
function configFolder(): string {
  const { XDG_CONFIG_HOME: named = "" } = process.env;
  return join(isAbsolute(named) ? named : join(homedir(), ".config"), "darkbloom");
}

/** The host for a person's eye; the hash for scheme, port and path. */
const nameOf = (coordinator: URL): string => {
  const hash = createHash("sha256").update(baseOf(coordinator).href).digest("hex").slice(0, 16);
  return `${coordinator.hostname.replaceAll(/[^\w.-]/g, "").slice(0, 64)}-${hash}`;
};
