import { generateKeyPairSync, sign } from "node:crypto";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import {
  bundleOf,
  entryBytes,
  LeafRange,
  leafHashesOf,
  rootOfTile,
  signatureTypes,
  signedCheckpoint,
  tilePath,
  verifierKey,
  type NoteKey,
} from "@darkbloom/protocol/log";
import { nodeCrypto } from "@darkbloom/protocol/node";

export interface NamedSigner {
  readonly key: NoteKey;
  readonly verifierKey: string;
  sign(message: Uint8Array): Uint8Array;
}

export function signerNamed(name: string, type: NoteKey["type"] = signatureTypes.ed25519): NamedSigner {
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  const raw = new Uint8Array(Buffer.from(publicKey.export({ format: "jwk" }).x ?? "", "base64url"));
  const key: NoteKey = { name, type, publicKey: raw };
  return {
    key,
    verifierKey: verifierKey(nodeCrypto, key),
    sign: (message) => new Uint8Array(sign(null, message, privateKey)),
  };
}

export const entriesNamed = (name: string, count: number): Uint8Array[] =>
  Array.from({ length: count }, (_, at) =>
    entryBytes({ v: 1, kind: "weights", build: `${name}-${at}`, weights_sha256: "0".repeat(64) }),
  );

export type Answer = Uint8Array | string | ((response: ServerResponse) => void);

/** The files of a log of these entries, under its prefix. */
export function filesOf(entries: readonly Uint8Array[], log: NamedSigner): Map<string, Answer> {
  const files = new Map<string, Answer>();
  const all = new LeafRange(nodeCrypto);
  let roots: Uint8Array[] = [];
  for (let index = 0; index * 256 < entries.length; index += 1) {
    const part = entries.slice(index * 256, (index + 1) * 256);
    const leaves = leafHashesOf(nodeCrypto, part);
    for (const leaf of leaves) all.add(leaf);
    const hashes = Buffer.concat(leaves);
    files.set(`/log/${tilePath({ level: "entries", index, width: part.length })}`, bundleOf(part));
    files.set(`/log/${tilePath({ level: 0, index, width: part.length })}`, hashes);
    if (part.length === 256) roots.push(rootOfTile(nodeCrypto, hashes));
  }
  for (let level = 1; roots.length > 0; level += 1) {
    const above: Uint8Array[] = [];
    for (let index = 0; index * 256 < roots.length; index += 1) {
      const part = roots.slice(index * 256, (index + 1) * 256);
      files.set(`/log/${tilePath({ level, index, width: part.length })}`, Buffer.concat(part));
      if (part.length === 256) above.push(rootOfTile(nodeCrypto, Buffer.concat(part)));
    }
    roots = above;
  }
  files.set("/log/checkpoint", checkpointOf(log, entries.length, all.root()));
  return files;
}

export const checkpointOf = ({ key, sign: signed }: NamedSigner, size: number, root: Uint8Array<ArrayBuffer>): string =>
  signedCheckpoint(nodeCrypto, { origin: key.name, size, root }, key, signed);

/** A coordinator that says whatever a test likes of a log of 256 entries, or of so many. */
export async function hostileLog(count = 256) {
  const log = signerNamed("log.example/1");
  const known = {
    coordinator_keys: [],
    modes: [],
    suites: [],
    log: { origin: log.key.name, path: "/log", verifier_key: log.verifierKey, witnesses: [] as string[] },
  };
  const files = filesOf(entriesNamed("true", count), log);
  const tell = (more: Partial<typeof known.log>): void =>
    void files.set("/.well-known/darkbloom", JSON.stringify({ ...known, log: { ...known.log, ...more } }));
  tell({});
  const asked: string[] = [];
  const server = createServer((request, response) => {
    asked.push(request.url ?? "");
    const answer = files.get(request.url ?? "");
    if (typeof answer === "function") answer(response);
    else response.writeHead(answer === undefined ? 404 : 200).end(answer);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    log,
    files,
    asked,
    url,
    tell,
    /** From now on it is the log of these entries. */
    becomes(entries: readonly Uint8Array[]): void {
      for (const [path, answer] of filesOf(entries, log)) files.set(path, answer);
    },
    [Symbol.dispose](): void {
      server.closeAllConnections();
      server.close();
    },
  };
}

/** Sends until nobody listens any longer. */
export function endless(response: ServerResponse): void {
  const more = (): void => {
    while (!response.destroyed && response.write(" ".repeat(65_536)));
  };
  response.on("drain", more);
  more();
}

/** A page of somebody's that says that there is no such file, at length. */
export function endlessly404(response: ServerResponse): void {
  response.writeHead(404);
  endless(response);
}

export function brokenOff(response: ServerResponse): void {
  response.writeHead(200, { "content-length": "1000" });
  response.write("begun");
  setTimeout(() => response.destroy(), 50);
}

export const hung = (response: ServerResponse): void => {
  response.writeHead(200, { "content-length": "1000" }).write("begun");
};
