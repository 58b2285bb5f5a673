import { fromBase64OrNothing, toBase64, toHex } from "@darkbloom/protocol/bytes";
import type { Revocations } from "@darkbloom/protocol/evidence";
import type { Sha256Hex } from "@darkbloom/protocol/ids";
import type { LogEntry } from "@darkbloom/protocol/log";
import type { Crypto } from "@darkbloom/protocol/ports";
import type { RegistrationBlob } from "@darkbloom/protocol/wire";
import type { CatalogEntry } from "../catalog/catalog.ts";

/** What a log says of each thing that a caller may rely on. */

export const coordinatorKeyEntry = (keyId: string, publicKey: Uint8Array): LogEntry => ({
  v: 1,
  kind: "coordinator_key",
  key_id: keyId,
  public_key: toBase64(publicKey),
});

export const releaseEntry = (version: string, codeSha256: string): LogEntry => ({
  v: 1,
  kind: "release",
  name: "darkbloom",
  version,
  code_sha256: codeSha256,
});

export const weightsEntry = ({ build, weightsSha256 }: CatalogEntry): LogEntry => ({
  v: 1,
  kind: "weights",
  build,
  weights_sha256: weightsSha256,
});

/** Of a machine that passed a challenge over these keys. */
export const providerKeysEntry = (crypto: Crypto, blob: RegistrationBlob, evidenceSha256: Sha256Hex): LogEntry => ({
  v: 1,
  kind: "provider_keys",
  evidence_sha256: evidenceSha256,
  identity_key_sha256: toHex(crypto.sha256(fromBase64OrNothing(blob.identity_key))),
  hpke_key_ids: blob.hpke_keys.map(({ id }) => id),
});

export const revocationEntries = ({ identityKeySha256 }: Revocations): LogEntry[] =>
  [...identityKeySha256].map((sha256) => ({ v: 1, kind: "revocation", identity_key_sha256: sha256 }));
