import { concatBytes, toHex, u32be } from "@darkbloom/protocol/bytes";
import type { TpmCredential, TpmEvidence, TpmQuote } from "@darkbloom/protocol/evidence";
import type { SoftTpm } from "../../../apps/provider/test/soft-tpm.ts";

/** What a TPM's machine sends, made by tpm2-tools: a producer that shares no code with the verifier. */

type Bytes = Uint8Array<ArrayBuffer>;
export type KeyKind = "rsa" | "ecc";

/** PCRs of the firmware: 0 to 7. */
const pcrIndexes = [0, 1, 2, 3, 4, 5, 6, 7] as const;

/** A TPM2B_PUBLIC without its length. */
const publicArea = (tpm: SoftTpm, file: string): Bytes => tpm.read(file).subarray(2);

export async function makeEk(tpm: SoftTpm, kind: KeyKind): Promise<Bytes> {
  await tpm.tool("tpm2_createek", "-c", "ek.ctx", "-G", kind, "-u", "ek.pub");
  return publicArea(tpm, "ek.pub");
}

export async function makeAk(tpm: SoftTpm, kind: KeyKind): Promise<Bytes> {
  const scheme = kind === "rsa" ? "rsassa" : "ecdsa";
  const files = ["-u", "ak.pub", "-n", "ak.name"];
  await tpm.tool("tpm2_createak", "-C", "ek.ctx", "-c", "ak.ctx", "-G", kind, "-g", "sha256", "-s", scheme, ...files);
  return publicArea(tpm, "ak.pub");
}

const residentKey = "fixedtpm|fixedparent|sensitivedataorigin|userwithauth|sign";

/** @param attributes as tpm2-tools write them */
export async function makeKey(tpm: SoftTpm, attributes: string = residentKey): Promise<Bytes> {
  await tpm.tool("tpm2_createprimary", "-C", "o", "-G", "ecc", "-c", "storage.ctx");
  const files = ["-u", "key.pub", "-r", "key.priv"];
  await tpm.tool("tpm2_create", "-C", "storage.ctx", "-G", "ecc256:ecdsa-sha256:null", "-a", attributes, ...files);
  await tpm.tool("tpm2_load", "-C", "storage.ctx", ...files, "-c", "key.ctx");
  return publicArea(tpm, "key.pub");
}

/** The key of this context, certified by the key of that one. */
export async function certify(tpm: SoftTpm, key: string, by: string): Promise<TpmEvidence["certify"]> {
  await tpm.tool("tpm2_certify", "-c", key, "-C", by, "-g", "sha256", "-o", "certify.attest", "-s", "certify.sig");
  return { attest: tpm.read("certify.attest"), signature: tpm.read("certify.sig") };
}

/** Everything that is shown once; the EK is the RSA one, for which swtpm's manufacturer made a certificate. */
export async function produceEvidence(tpm: SoftTpm, akKind: KeyKind, attributes?: string): Promise<TpmEvidence> {
  await tpm.tool("tpm2_nvread", "0x01c00002", "-o", "ek.crt");
  return {
    ekCertificates: [tpm.read("ek.crt"), tpm.issuerDer],
    ekPublic: await makeEk(tpm, "rsa"),
    akPublic: await makeAk(tpm, akKind),
    keyPublic: await makeKey(tpm, attributes),
    certify: await certify(tpm, "key.ctx", "ak.ctx"),
  };
}

/** The firmware's PCRs over these qualifying data, by the key of this context. */
export async function produceQuote(tpm: SoftTpm, qualifyingData: Uint8Array, by = "ak.ctx"): Promise<TpmQuote> {
  const selection = `sha256:${pcrIndexes.join(",")}`;
  const asked = ["-l", selection, "-q", toHex(qualifyingData), "-g", "sha256"];
  await tpm.tool("tpm2_quote", "-c", by, ...asked, "-m", "quote.attest", "-s", "quote.sig");
  await tpm.tool("tpm2_pcrread", selection, "-o", "pcrs");
  const values = tpm.read("pcrs");
  return {
    attest: tpm.read("quote.attest"),
    signature: tpm.read("quote.sig"),
    pcrs: pcrIndexes.map((index, at) => ({ index, sha256: values.slice(at * 32, (at + 1) * 32) })),
  };
}

export async function extendPcr(tpm: SoftTpm, index: number, digest: Uint8Array): Promise<void> {
  await tpm.tool("tpm2_pcrextend", `${index}:sha256=${toHex(digest)}`);
}

/** What the TPM finds in a credential. @throws where it refuses */
export async function activate(tpm: SoftTpm, credential: TpmCredential): Promise<Bytes> {
  // The tools' own file: a mark, a version, and the two structures as the TPM takes them.
  const mark = Uint8Array.of(0xba, 0xdc, 0xc0, 0xde, 0, 0, 0, 1);
  tpm.write("credential", concatBytes(mark, sized(credential.idObject), sized(credential.encSecret)));
  await tpm.tool("tpm2_startauthsession", "--policy-session", "-S", "session.ctx");
  try {
    await tpm.tool("tpm2_policysecret", "-S", "session.ctx", "-c", "e");
    const keys = ["-c", "ak.ctx", "-C", "ek.ctx", "-P", "session:session.ctx"];
    await tpm.tool("tpm2_activatecredential", ...keys, "-i", "credential", "-o", "secret");
  } finally {
    await tpm.tool("tpm2_flushcontext", "session.ctx");
  }
  return tpm.read("secret");
}

/** A TPM2B. */
const sized = (bytes: Uint8Array): Bytes => concatBytes(u32be(bytes.length).subarray(2), bytes);
