import { concatBytes, fromHex, u32be } from "../src/bytes.ts";
import {
  tpmQuoteData,
  type PinnedRoot,
  type QuoteSubject,
  type TpmEvidence,
  type TpmQuote,
  type TpmStatement,
} from "../src/evidence/index.ts";
import { pcrDigestOf, readTpmPublic, spkiOfTpmKey, tpmAlgorithm, tpmNameOf } from "../src/tpm/index.ts";
import { DerReader, TAG } from "../src/x509/index.ts";
import { nodeCrypto } from "../src/node/index.ts";
import { ca, certify, testKeys } from "./certificates.ts";
import { pinnedByItself, testSigner, type TestSigner } from "./keys.ts";

/** A TPM on paper: what a real one would say, with keys that a test knows, so that a machine's blob can be signed as well. */

type Bytes = Uint8Array<ArrayBuffer>;

const u16be = (value: number): Bytes => u32be(value).subarray(2);
/** A TPM2B. */
const sized = (bytes: Uint8Array): Bytes => concatBytes(u16be(bytes.length), bytes);

/** Bits of TPMA_OBJECT: fixedTPM, fixedParent and sensitiveDataOrigin; restricted; decrypt; sign. */
const RESIDENT = (1 << 1) | (1 << 4) | (1 << 5);
const RESTRICTED = 1 << 16;
const DECRYPT = 1 << 17;
const SIGN = 1 << 18;

/** TPMT_PUBLIC of a P-256 key. */
function publicArea(point: Uint8Array, attributes: number): Bytes {
  const restrictedDecrypt = (attributes & DECRYPT) !== 0;
  return concatBytes(
    u16be(tpmAlgorithm.ecc),
    u16be(tpmAlgorithm.sha256),
    u32be(attributes),
    sized(new Uint8Array(restrictedDecrypt ? 32 : 0)),
    restrictedDecrypt ? fromHex("000600800043") : u16be(tpmAlgorithm.none),
    restrictedDecrypt ? u16be(tpmAlgorithm.none) : concatBytes(u16be(tpmAlgorithm.ecdsa), u16be(tpmAlgorithm.sha256)),
    u16be(0x0003),
    u16be(tpmAlgorithm.none),
    sized(point.subarray(1, 33)),
    sized(point.subarray(33)),
  );
}

const nameOf = (area: Bytes): Bytes => {
  const read = readTpmPublic(area);
  const name = read && tpmNameOf(nodeCrypto, read);
  if (!name) throw new Error("the public area cannot be read");
  return name;
};

/** A TPMS_ATTEST and its TPMT_SIGNATURE. */
function stated(ak: TestSigner, type: number, extraData: Uint8Array, attested: Uint8Array): TpmStatement {
  const signer = sized(nameOf(publicArea(ak.publicKey, RESIDENT | RESTRICTED | SIGN)));
  const clock = concatBytes(new Uint8Array(16), Uint8Array.of(1), new Uint8Array(8));
  const attest = concatBytes(fromHex("ff544347"), u16be(type), signer, sized(extraData), clock, attested);
  const numbers = new DerReader(ak.sign(attest)).into(TAG.sequence);
  const [r, s] = [numbers.content(TAG.integer), numbers.content(TAG.integer)];
  const scheme = concatBytes(u16be(tpmAlgorithm.ecdsa), u16be(tpmAlgorithm.sha256));
  return { attest, signature: concatBytes(scheme, sized(r), sized(s)) };
}

/** All that such a machine shows, and the root of its maker. */
export async function paperTpm(
  subject: QuoteSubject,
): Promise<{ readonly evidence: TpmEvidence; readonly quote: TpmQuote; readonly root: PinnedRoot }> {
  const ak = testSigner("paper attestation key");
  const ekPublic = publicArea(testSigner("paper endorsement key").publicKey, RESIDENT | RESTRICTED | DECRYPT);
  const keyPublic = publicArea(subject.identityKey, RESIDENT | SIGN);

  const keys = await testKeys("p256");
  const ek = readTpmPublic(ekPublic);
  if (!ek) throw new Error("the endorsement key cannot be read");
  const publicKey = await crypto.subtle.importKey("spki", spkiOfTpmKey(ek), keys.publicKey.algorithm, true, ["verify"]);
  const maker = { name: "CN=Maker", keys };
  const rootDer = await certify({ subject: maker, issuer: maker, ...ca });
  const leaf = await certify({
    subject: { name: "CN=EK", keys: { ...keys, publicKey } },
    issuer: maker,
    keyUsage: "keyAgreement",
    purposes: ["2.23.133.8.1"],
  });

  const certified = concatBytes(sized(nameOf(keyPublic)), sized(new Uint8Array(34)));
  const indexes = [0, 1, 2, 3, 4, 5, 6, 7];
  const pcrs = indexes.map((index) => ({ index, sha256: nodeCrypto.sha256(Uint8Array.of(index)) }));
  const digest = pcrDigestOf(nodeCrypto, [{ hash: tpmAlgorithm.sha256, indexes }], pcrs);
  const quoted = concatBytes(fromHex("00000001000b03ff0000"), sized(digest ?? new Uint8Array(0)));
  return {
    evidence: {
      ekCertificates: [leaf],
      ekPublic,
      akPublic: publicArea(ak.publicKey, RESIDENT | RESTRICTED | SIGN),
      keyPublic,
      certify: stated(ak, 0x8017, new Uint8Array(0), certified),
    },
    quote: { ...stated(ak, 0x8018, tpmQuoteData(nodeCrypto, subject), quoted), pcrs },
    root: pinnedByItself(rootDer),
  };
}
