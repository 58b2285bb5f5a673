import { concatBytes } from "../bytes.ts";
import { DerFault, integerOf, readDer, TAG } from "../x509/der.ts";

/**
 * r ‖ s, each as long as the curve's numbers, which is how WebCrypto has an ECDSA signature (IEEE P1363), from the DER
 * that everybody else writes (RFC 3279 §2.2.3). Undefined for anything that is not exactly such DER.
 */
export function rawSignature(der: Uint8Array, numberBytes: number): Uint8Array<ArrayBuffer> | undefined {
  return readDer(der, (reader) => {
    const numbers = reader.into(TAG.sequence);
    const [r, s] = [numbers.content(TAG.integer), numbers.content(TAG.integer)];
    numbers.end();
    return concatBytes(padded(r, numberBytes), padded(s, numberBytes));
  });
}

function padded(content: Uint8Array, length: number): Uint8Array<ArrayBuffer> {
  const integer = integerOf(content);
  if ((integer[0] ?? 0) >= 0x80) throw new DerFault();
  const digits = integer[0] === 0 ? integer.subarray(1) : integer;
  if (digits.length > length) throw new DerFault();
  const out = new Uint8Array(length);
  out.set(digits, length - digits.length);
  return out;
}
