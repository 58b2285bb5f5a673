import { fromBase64, fromUtf8 } from "../bytes.ts";
import { CERTIFICATE_BYTES_MAX, parseCertificate } from "./certificate.ts";

/** One certificate between its lines (RFC 7468 §5), with nothing but white space around. */
const PEM = /^\s*-----BEGIN CERTIFICATE-----\r?\n([A-Za-z0-9+/=\r\n]+)-----END CERTIFICATE-----\s*$/;

/**
 * The DER of the one certificate in a file, as makers publish them: DER itself, or PEM.
 *
 * @returns undefined for anything else
 */
export function certificateInFile(file: Uint8Array): Uint8Array | undefined {
  if (file.length > 2 * CERTIFICATE_BYTES_MAX) return undefined;
  if (parseCertificate(file)) return file;
  try {
    const der = fromBase64((PEM.exec(fromUtf8(file))?.[1] ?? "").replaceAll(/[\r\n]/g, ""));
    return parseCertificate(der) && der;
  } catch {
    return undefined;
  }
}
