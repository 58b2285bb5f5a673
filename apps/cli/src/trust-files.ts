import { readFileSync, statSync } from "node:fs";
import { toHex } from "@darkbloom/protocol/bytes";
import {
  APPLE_ENTERPRISE_ATTESTATION_PIN,
  pinnedRoot,
  readPcrPolicy,
  type MachinePolicy,
  type PinnedRoot,
} from "@darkbloom/protocol/evidence";
import { certificateInFile } from "@darkbloom/protocol/x509";
import { nodeCrypto } from "@darkbloom/protocol/node";
import { WrongUsage } from "./failure.ts";

/** Far above any certificate or list of PCR values. */
const TRUST_FILE_BYTES_MAX = 64 * 1024;

/** A maker's root as it is named on the command line: where it is, and which one it must be. */
export interface NamedRoot {
  readonly path: string;
  /** Of the DER, lower-case hex. */
  readonly sha256: string;
}

/**
 * What the files say by which machines are judged. A root counts only where its fingerprint is the one that is meant.
 *
 * @throws WrongUsage with the file's own fingerprint, where it is another one
 */
export function readTrustFiles(named: {
  readonly tpmRoot?: readonly NamedRoot[] | undefined;
  readonly appleRoot?: string | undefined;
  readonly pcrPolicy?: string | undefined;
}): Pick<MachinePolicy, "roots" | "pcrs"> {
  const tpm = (named.tpmRoot ?? []).map(({ path, sha256 }) => rootAt("--tpm-root", path, sha256));
  const apple = named.appleRoot;
  const pcrs = named.pcrPolicy === undefined ? undefined : pcrsAt(named.pcrPolicy);
  return {
    roots: {
      tpm,
      ...(apple !== undefined && {
        appleEnterprise: [rootAt("--apple-root", apple, APPLE_ENTERPRISE_ATTESTATION_PIN)],
      }),
    },
    ...(pcrs && { pcrs }),
  };
}

const fingerprintOf = (der: Uint8Array): string => toHex(nodeCrypto.sha256(der));

function rootAt(flag: string, path: string, pin: string): PinnedRoot {
  const der = certificateInFile(contentOf(flag, path));
  if (!der) throw new WrongUsage(`${flag} names ${path}, which is not one certificate in PEM or DER.`);
  const root = pinnedRoot(nodeCrypto, der, pin);
  if (root) return root;
  throw new WrongUsage(
    `${flag} names ${path}, whose fingerprint (SHA-256 of the DER) is ${fingerprintOf(der)}, and not ${pin}. Compare it with what its maker publishes.`,
  );
}

function pcrsAt(path: string): NonNullable<MachinePolicy["pcrs"]> {
  const pcrs = readPcrPolicy(Buffer.from(contentOf("--pcr-policy", path)).toString());
  if (pcrs) return pcrs;
  throw new WrongUsage(`${path} prescribes no PCR values: {"0": ["…64 hex digits"], "7": ["…", "…"]}.`);
}

function contentOf(flag: string, path: string): Uint8Array {
  const size = statSync(path, { throwIfNoEntry: false })?.size;
  if (size === undefined) throw new WrongUsage(`${flag} names ${path}, and there is no such file.`);
  if (size > TRUST_FILE_BYTES_MAX) throw new WrongUsage(`${flag} names ${path}, which is too large to be meant.`);
  try {
    return new Uint8Array(readFileSync(path));
  } catch {
    throw new WrongUsage(`${flag} names ${path}, which cannot be read.`);
  }
}
