import * as z from "zod";

/**
 * How the provider talks with the helper that holds a key of the Secure Enclave. The helper is
 * `apps/provider/native/secure-enclave.swift`; `secure-enclave-helper.ts` starts it and asks.
 *
 * One JSON object per line over stdin and stdout, UTF-8, each line at most `HELPER_LINE_BYTES_MAX` with its
 * line feed. Every request has an `id`, a whole number, and gets exactly one answer with the same `id`;
 * the next request is sent when the answer to the one before is there. The helper says nothing unasked,
 * and ends when its stdin ends. Bytes are base64 with padding.
 *
 * | `do` | with | answers in `ok` |
 * |---|---|---|
 * | `hello` | | `protocol`: 1, `enclave`: whether this machine has a Secure Enclave |
 * | `create` | | `key`: the new key as only this machine's enclave can read it, `public_key`. The key is held |
 * | `load` | `key` | `public_key`. The key is held in place of another |
 * | `public_key` | | `public_key` of the key that is held |
 * | `sign` | `message` | `signature`: ECDSA with SHA-256 over the message, DER |
 *
 * `public_key` is the uncompressed P-256 point, 65 bytes. Instead of `ok` an answer may have `error`, one
 * of `helperErrors`; a helper that answers so goes on.
 *
 * Why `sign` takes the message and not its hash: CryptoKit's `signature(for:)` hashes data with SHA-256
 * itself, so a hash that is handed to it as data would be hashed twice, and no verifier would accept the
 * signature. Its other form takes a `Digest`, a value that CryptoKit makes by hashing and offers no way to
 * make from 32 bytes. With the message, the documented call does the whole of what a `Signer` promises.
 */
export const helperErrors = ["bad_request", "no_enclave", "no_key", "bad_key", "failed"] as const;
export type HelperError = (typeof helperErrors)[number];

/** Room for a blob of 64 KiB with its tag, in base64. */
export const HELPER_LINE_BYTES_MAX = 128 * 1024;
export const HELPER_PROTOCOL = 1;

const base64 = z.base64().min(4);

/** What each request answers. */
export const helperAnswers = {
  hello: z.object({ protocol: z.literal(HELPER_PROTOCOL), enclave: z.boolean() }),
  create: z.object({ key: base64, public_key: base64 }),
  load: z.object({ public_key: base64 }),
  public_key: z.object({ public_key: base64 }),
  sign: z.object({ signature: base64 }),
} as const;

export type HelperRequest =
  | { readonly do: "hello" }
  | { readonly do: "create" }
  | { readonly do: "load"; readonly key: string }
  | { readonly do: "public_key" }
  | { readonly do: "sign"; readonly message: string };

export type HelperAnswer<Do extends HelperRequest["do"]> = z.infer<(typeof helperAnswers)[Do]>;

/** The outer form of an answer; what `ok` holds depends on the request. */
export const helperEnvelope = z.union([
  z.strictObject({ id: z.int(), ok: z.record(z.string(), z.unknown()) }),
  z.strictObject({ id: z.int(), error: z.enum(helperErrors) }),
]);
