/** TPM_ALG_ID: the ones that are met here (TPM 2.0 Library, Part 2, 6.3). */
export const tpmAlgorithm = {
  rsa: 0x0001,
  aes: 0x0006,
  sha256: 0x000b,
  none: 0x0010,
  rsassa: 0x0014,
  rsaes: 0x0015,
  rsapss: 0x0016,
  oaep: 0x0017,
  ecdsa: 0x0018,
  ecdh: 0x0019,
  ecdaa: 0x001a,
  sm2: 0x001b,
  ecschnorr: 0x001c,
  ecmqv: 0x001d,
  ecc: 0x0023,
  cfb: 0x0043,
} as const;

/** SHA-256, the only bank and the only name algorithm here. */
export const DIGEST_BYTES = 32;
/** A digest of the longest hash that a TPM has. */
export const LONGEST_DIGEST_BYTES = 64;
/** A name is a hash's number and a digest (Part 2, 10.5.1). */
export const LONGEST_NAME_BYTES = 2 + LONGEST_DIGEST_BYTES;
/** A coordinate on P-521. */
export const LONGEST_COORDINATE_BYTES = 66;
/** RSA of 4096 bits. */
export const LONGEST_RSA_BYTES = 512;
/** Of every RSA key here. */
export const RSA_EXPONENT = 65537;
