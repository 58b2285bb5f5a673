import { X509Certificate } from "node:crypto";
import { joinBytes, equalBytes } from "@darkbloom/protocol/bytes";
import { TpmReader } from "@darkbloom/protocol/tpm";
import { PATH_CERTIFICATES_MAX } from "@darkbloom/protocol/x509";
import { handles, handlesFrom, nvRead, nvReadPublic } from "./commands.ts";
import type { EndorsementKind } from "./templates.ts";
import { TpmError } from "./tpm-error.ts";
import type { Tpm } from "./tpm.ts";

/** Where makers keep the certificate of an endorsement key (TCG EK Credential Profile for TPM 2.0, 2.2.1.4). */
const certificateIndex: Record<EndorsementKind, number> = { rsa: 0x01c0_0002, ecc: 0x01c0_000a };
/** Where some keep the certificates between it and the root (2.2.1.5). */
const CHAIN_FIRST_INDEX = 0x01c0_0100;
const CHAIN_LAST_INDEX = 0x01c0_01ff;

const EK_CHAIN_BYTES_MAX = 32_768;
/** Every PC client TPM reads so much at once. */
const NV_PIECE_BYTES_MAX = 512;

const STORED_CERT_HEADER_BYTES = 5;

/** TPMA_NV, Part 2, 13.4: who may read, and whether anything was written. */
const ownerMayRead = 1 << 17;
const authMayRead = 1 << 18;
const isWritten = 1 << 29;

/** The maker's certificates for one endorsement key, leaf first, DER; empty where the TPM has none for it. */
export async function readEkCertificates(tpm: Tpm, kind: EndorsementKind): Promise<Uint8Array<ArrayBuffer>[]> {
  const index = certificateIndex[kind];
  if (!(await present(tpm, index, index)).includes(index)) return [];
  const [leaf] = certificatesIn(await readIndex(tpm, index));
  if (leaf === undefined) return [];
  const pieces: Uint8Array[] = [];
  let bytes = leaf.length;
  for (const part of await present(tpm, CHAIN_FIRST_INDEX, CHAIN_LAST_INDEX)) {
    const piece = await readIndex(tpm, part);
    bytes += piece.length;
    if (bytes > EK_CHAIN_BYTES_MAX) break;
    pieces.push(piece);
  }
  // A long certificate goes on in the next index, so they are cut only when they are together.
  return [leaf, ...certificatesIn(joinBytes(pieces))].slice(0, PATH_CERTIFICATES_MAX);
}

/** Whether the certificate is for this endorsement key (TPMT_PUBLIC). One that cannot be read is for none. */
export function isFor(certificate: Uint8Array, kind: EndorsementKind, publicArea: Uint8Array): boolean {
  try {
    const jwk = new X509Certificate(certificate).publicKey.export({ format: "jwk" });
    const [first, second] = (kind === "rsa" ? [jwk.n] : [jwk.x, jwk.y]).map((text) =>
      Buffer.from(text ?? "", "base64url"),
    );
    // `unique` ends a TPMT_PUBLIC: the modulus, or the point's two coordinates, each with its length.
    const unique = new TpmReader(publicArea.slice(-(kind === "rsa" ? 2 + 256 : 2 * (2 + 32))));
    return (
      first !== undefined &&
      equalBytes(first, unique.sized()) &&
      (kind === "rsa" || (second !== undefined && equalBytes(second, unique.sized())))
    );
  } catch {
    return false;
  }
}

/** DER certificates that follow each other. Between and behind them, makers fill up with zeros or ones. */
export function certificatesIn(bytes: Uint8Array): Uint8Array<ArrayBuffer>[] {
  const found: Uint8Array<ArrayBuffer>[] = [];
  for (let at = 0; at < bytes.length && found.length < PATH_CERTIFICATES_MAX;) {
    const first = bytes[at];
    if (isStoredCertHeader(bytes, at)) {
      at += STORED_CERT_HEADER_BYTES;
      continue;
    }
    if (first === 0x00 || first === 0xff) {
      at += 1;
      continue;
    }
    // A SEQUENCE with two bytes of length (X.690, 8.1.3): no certificate is shorter or longer than that.
    if (first !== 0x30 || bytes[at + 1] !== 0x82) break;
    const end = at + 4 + (bytes[at + 2] ?? 0) * 256 + (bytes[at + 3] ?? 0);
    if (end > bytes.length) break;
    found.push(bytes.slice(at, end));
    at = end;
  }
  return found;
}

/**
 * Some makers store a certificate as TPM 1.2 did: a tag (0x1001), the type "full certificate" (0x00) and a length of two
 * bytes before it (TCG PC Client Specific Implementation Specification for Conventional BIOS, 7.3.2).
 */
const isStoredCertHeader = (bytes: Uint8Array, at: number): boolean =>
  bytes[at] === 0x10 &&
  bytes[at + 1] === 0x01 &&
  bytes[at + 2] === 0x00 &&
  bytes[at + STORED_CERT_HEADER_BYTES] === 0x30;

async function present(tpm: Tpm, first: number, last: number): Promise<number[]> {
  return (await tpm.run(handlesFrom(first, last - first + 1))).filter((index) => index >= first && index <= last);
}

async function readIndex(tpm: Tpm, index: number): Promise<Uint8Array> {
  const { attributes, size } = await tpm.run(nvReadPublic(index));
  const mayRead = (attributes & (authMayRead | ownerMayRead)) !== 0;
  if (!mayRead || (attributes & isWritten) === 0 || size > EK_CHAIN_BYTES_MAX) return new Uint8Array(0);
  const authorizedBy = (attributes & authMayRead) === 0 ? handles.owner : index;
  const pieces: Uint8Array[] = [];
  for (let at = 0; at < size;) {
    const length = Math.min(NV_PIECE_BYTES_MAX, size - at);
    const piece = await tpm.run(nvRead(authorizedBy, index, length, at));
    if (piece.length !== length) throw new TpmError("malformed");
    pieces.push(piece);
    at += piece.length;
  }
  return joinBytes(pieces);
}
