import * as z from "zod";
import { CERTIFICATE_BYTES_MAX } from "../x509/certificate.ts";
import { PATH_CERTIFICATES_MAX } from "../x509/path.ts";

/** Bytes in base64 (RFC 4648 §4), as many as this at most. */
export const base64Of = (bytesMax: number) => z.base64().max(Math.ceil(bytesMax / 3) * 4);

/** A maker's certificates, DER, leaf first; left out where they are withheld from whoever asks. */
export const chainSchema = z
  .array(base64Of(CERTIFICATE_BYTES_MAX))
  .max(PATH_CERTIFICATES_MAX)
  .optional()
  .describe("The maker's certificates, DER, leaf first; absent where they are withheld");
