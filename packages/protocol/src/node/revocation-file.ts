import { readFileSync, statSync } from "node:fs";
import { readRevocations } from "../evidence/revocations.ts";
import type { Revocations } from "../evidence/verdict.ts";

/** Some 200,000 identities. */
const REVOCATIONS_BYTES_MAX = 16 * 1024 * 1024;

/** A revocation list on disk, whose issuer replaces it from time to time. */
export class RevocationFile {
  readonly #path: string;
  readonly #unreadable: (error: Error) => void;
  #list: Revocations;
  #version: string;

  private constructor(path: string, list: Revocations, version: string, unreadable: (error: Error) => void) {
    this.#path = path;
    this.#list = list;
    this.#version = version;
    this.#unreadable = unreadable;
  }

  /**
   * @param unreadable told once of each replacement that cannot be read
   * @returns undefined where there is no list to begin with
   */
  static open(path: string, unreadable: (error: Error) => void = () => {}): RevocationFile | undefined {
    const version = versionOf(path);
    const list = version === undefined ? undefined : listIn(path);
    return list && new RevocationFile(path, list, version ?? "", unreadable);
  }

  /** The newest list that could be read: one that is gone or broken withdraws no withdrawal. */
  current(): Revocations {
    const version = versionOf(this.#path) ?? "";
    if (version === this.#version) return this.#list;
    this.#version = version;
    const list = listIn(this.#path);
    if (list) this.#list = list;
    else this.#unreadable(new RevocationListUnreadable());
    return this.#list;
  }
}

class RevocationListUnreadable extends Error {
  override readonly name = "RevocationListUnreadable";
}

function versionOf(path: string): string | undefined {
  const facts = statSync(path, { throwIfNoEntry: false, bigint: true });
  return facts && `${facts.ino} ${facts.mtimeNs} ${facts.size}`;
}

function listIn(path: string): Revocations | undefined {
  try {
    return statSync(path).size <= REVOCATIONS_BYTES_MAX ? readRevocations(readFileSync(path, "utf8")) : undefined;
  } catch {
    return undefined;
  }
}
