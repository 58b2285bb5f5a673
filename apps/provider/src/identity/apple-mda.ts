import { randomBytes } from "node:crypto";
import { fromBase64, toBase64 } from "@darkbloom/protocol/bytes";
import { APPLE_RANDOM_BYTES, appleNonce, type MdaEvidence } from "@darkbloom/protocol/evidence";
import { ErrorForPeople } from "@darkbloom/protocol/for-people";
import { certificateInFile, PATH_CERTIFICATES_MAX } from "@darkbloom/protocol/x509";
import { nodeCrypto, type DataFolder } from "@darkbloom/protocol/node";
import * as z from "zod";

/** What a folder keeps of Apple's Managed Device Attestation: the random part of its nonce, and what the device answered. */
const MDA_FILE = "apple-mda.json";
const mdaFile = z.strictObject({
  v: z.literal(1),
  random: z.base64(),
  chain: z.array(z.base64()).max(PATH_CERTIFICATES_MAX).optional(),
});
type MdaFile = z.infer<typeof mdaFile>;

const PEM = /-----BEGIN CERTIFICATE-----[^-]{1,20000}-----END CERTIFICATE-----/g;

/** The message is a sentence for the machine's owner. */
export class AppleMdaError extends ErrorForPeople {
  override readonly name = "AppleMdaError";
}

/**
 * The value that whoever manages the device has Apple sign, as `DeviceAttestationNonce` of a `DeviceInformation`
 * command. It stays the same for this folder, since Apple answers one attestation a week for a device.
 *
 * @param publicKey the identity key's uncompressed point, 65 bytes
 * @throws AppleMdaError
 */
export function mdaNonce(folder: DataFolder, publicKey: Uint8Array): Uint8Array {
  const kept = read(folder) ?? { v: 1 as const, random: toBase64(new Uint8Array(randomBytes(APPLE_RANDOM_BYTES))) };
  write(folder, kept);
  return appleNonce(nodeCrypto, publicKey, fromBase64(kept.random));
}

/**
 * Keeps what the device answered (`DevicePropertiesAttestation`), for the provider to show from its next start on.
 *
 * @param pem the certificates, leaf first, in PEM
 * @returns how many there are
 * @throws AppleMdaError where it is something else, or nobody has asked for a nonce
 */
export function keepMdaChain(folder: DataFolder, pem: string): number {
  const kept = read(folder);
  if (!kept) throw new AppleMdaError("There is no nonce for this folder yet: run this without --chain first.");
  const chain = [...pem.matchAll(PEM)].flatMap(([block]) => certificateInFile(Buffer.from(block)) ?? []);
  if (chain.length === 0 || chain.length > PATH_CERTIFICATES_MAX)
    throw new AppleMdaError("This is not a chain of certificates in PEM, the device's own first.");
  write(folder, { ...kept, chain: chain.map(toBase64) });
  return chain.length;
}

/** What the folder can show; undefined until a device has answered. @throws AppleMdaError */
export function mdaEvidenceIn(folder: DataFolder): MdaEvidence | undefined {
  const { random, chain } = read(folder) ?? {};
  return random !== undefined && chain ? { random: fromBase64(random), chain: chain.map(fromBase64) } : undefined;
}

function read(folder: DataFolder): MdaFile | undefined {
  const text = folder.read(MDA_FILE)?.toString();
  if (text === undefined) return undefined;
  try {
    return mdaFile.parse(JSON.parse(text));
  } catch {
    throw new AppleMdaError(`${folder.file(MDA_FILE)} is damaged. Delete it, and have the device attest anew.`);
  }
}

const write = (folder: DataFolder, kept: MdaFile): void => folder.write(MDA_FILE, `${JSON.stringify(kept)}\n`);
