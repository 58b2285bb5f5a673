import type { Suite } from "../wire/registration.ts";
import { isSmallOrder } from "./small-order.ts";

/** Of each suite. X-Wing's is one of ML-KEM-768 and one of X25519 behind it. */
export const PUBLIC_KEY_BYTES: Readonly<Record<Suite, number>> = {
  "x-wing/hkdf-sha256/aes-256-gcm": 1216,
  "x25519-hkdf-sha256/hkdf-sha256/aes-256-gcm": 32,
};
const X25519_BYTES = 32;
const ML_KEM_COEFFICIENT_BYTES = 1152;
const ML_KEM_MODULUS = 3329;

/** Whether somebody can seal to this key, of the suite's length: nobody is told to try who would fail. */
export const canBeSealedTo = (suite: Suite, publicKey: Uint8Array): boolean =>
  !isSmallOrder(publicKey.subarray(-X25519_BYTES)) &&
  (suite !== "x-wing/hkdf-sha256/aes-256-gcm" || areReduced(publicKey.subarray(0, ML_KEM_COEFFICIENT_BYTES)));

/** FIPS 203 §7.2, the check of a modulus: each three bytes are two numbers of 12 bits. */
function areReduced(coefficients: Uint8Array): boolean {
  for (let at = 0; at + 3 <= coefficients.length; at += 3) {
    const [low = 0, middle = 0, high = 0] = coefficients.subarray(at, at + 3);
    if ((low | ((middle & 0x0f) << 8)) >= ML_KEM_MODULUS || ((middle >> 4) | (high << 4)) >= ML_KEM_MODULUS)
      return false;
  }
  return true;
}
