import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { committedTpms } from "../../test/tpm-vectors.ts";
import { toBase64 } from "../bytes.ts";
import { TPM_EVENT_LOG_BYTES_MAX } from "../tpm/event-log.ts";
import { CERTIFICATE_BYTES_MAX } from "../x509/certificate.ts";
import { PATH_CERTIFICATES_MAX } from "../x509/path.ts";
import { mdaEvidenceFrom, mdaEvidenceSchema, spelledMdaEvidence, type MdaEvidence } from "./apple-evidence.ts";
import {
  spelledTpmCredential,
  spelledTpmEvidence,
  spelledTpmQuote,
  tpmCredentialFrom,
  tpmCredentialSchema,
  tpmEvidenceFrom,
  tpmEvidenceSchema,
  tpmQuoteFrom,
  tpmQuoteSchema,
  type TpmCredential,
  type TpmEvidence,
  type TpmQuote,
} from "./tpm-evidence.ts";

const bytes = (maxLength = 80) => fc.uint8Array({ maxLength });
const statement = { attest: bytes(), signature: bytes() };
const digest = fc.uint8Array({ minLength: 32, maxLength: 32 });
const chain = fc.array(bytes(), { maxLength: PATH_CERTIFICATES_MAX });

const tpmEvidence: fc.Arbitrary<TpmEvidence> = fc.record(
  { ekCertificates: chain, ekPublic: bytes(), akPublic: bytes(), keyPublic: bytes(), certify: fc.record(statement) },
  { requiredKeys: ["ekPublic", "akPublic", "keyPublic", "certify"] },
);
const tpmQuote: fc.Arbitrary<TpmQuote> = fc.record(
  {
    ...statement,
    pcrs: fc.array(fc.record({ index: fc.nat(23), sha256: digest }), { maxLength: 24 }),
    eventLog: bytes(),
  },
  { requiredKeys: ["attest", "signature", "pcrs"] },
);
const tpmCredential: fc.Arbitrary<TpmCredential> = fc.record({ idObject: bytes(), encSecret: bytes() });
const mda: fc.Arbitrary<MdaEvidence> = fc.record({ chain, random: digest }, { requiredKeys: ["random"] });

/** Goal: evidence arrives as it was sent. Method: any bytes and any part left out, through JSON and the schema. */
describe("evidence that travels", () => {
  const arrives = <Value>(values: fc.Arbitrary<Value>, there: (value: Value) => Value) =>
    fc.assert(
      fc.property(values, (value) => {
        expect(there(value)).toEqual(value);
      }),
    );
  const sent = (value: object): unknown => JSON.parse(JSON.stringify(value));

  it("is a TPM's", () => {
    arrives(tpmEvidence, (value) => tpmEvidenceFrom(tpmEvidenceSchema.parse(sent(spelledTpmEvidence(value)))));
    arrives(tpmQuote, (value) => tpmQuoteFrom(tpmQuoteSchema.parse(sent(spelledTpmQuote(value)))));
    arrives(tpmCredential, (value) => tpmCredentialFrom(tpmCredentialSchema.parse(sent(spelledTpmCredential(value)))));
  });

  it("is Apple's", () => {
    arrives(mda, (value) => mdaEvidenceFrom(mdaEvidenceSchema.parse(sent(spelledMdaEvidence(value)))));
  });

  it("fits where it was recorded of a TPM", () => {
    for (const { quote, ...recorded } of committedTpms()) {
      expect(tpmEvidenceSchema.safeParse(recorded).success).toBe(true);
      expect(tpmQuoteSchema.safeParse(quote).success).toBe(true);
    }
  });

  const zeros = (length: number) => toBase64(new Uint8Array(length));
  const random = zeros(32);
  const [recorded] = committedTpms();

  /** Goal: what is taken is as long as it says. Method: the longest, and a group of base64 more. */
  it.each([
    ["a certificate", mdaEvidenceSchema, CERTIFICATE_BYTES_MAX, (one: string) => ({ chain: [one], random })],
    ["a TPM's structure", tpmEvidenceSchema, 4096, (one: string) => ({ ...recorded, ek_public: one })],
    ["a credential", tpmCredentialSchema, 4096, (one: string) => ({ id_object: one, enc_secret: "" })],
    ["a log", tpmQuoteSchema, TPM_EVENT_LOG_BYTES_MAX, (one: string) => ({ ...recorded?.quote, event_log: one })],
  ])("takes %s of so many bytes and no more", (_, schema, bytesMax, withOne) => {
    expect(schema.safeParse(withOne(zeros(bytesMax))).success).toBe(true);
    expect(schema.safeParse(withOne(zeros(bytesMax + 3))).success).toBe(false);
  });

  it.each([
    ["too many certificates", tpmEvidenceSchema, { ...recorded, ek_certificates: Array.from({ length: 7 }, () => "") }],
    ["a PCR that no TPM has", tpmQuoteSchema, { ...recorded?.quote, pcrs: [{ index: 24, sha256: "00".repeat(32) }] }],
    ["a PCR of another length", tpmQuoteSchema, { ...recorded?.quote, pcrs: [{ index: 0, sha256: "00" }] }],
    ["a long random part", mdaEvidenceSchema, { random: toBase64(new Uint8Array(34)) }],
    ["other letters", mdaEvidenceSchema, { random: "_-_-" }],
  ])("is refused with %s", (_, schema, value) => expect(schema.safeParse(value).success).toBe(false));
});
