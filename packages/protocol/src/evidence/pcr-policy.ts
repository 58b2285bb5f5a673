import * as z from "zod";

const pcrPolicy = z.record(
  z.string().regex(/^(1?\d|2[0-3])$/),
  z
    .array(
      z
        .string()
        .regex(/^[0-9a-fA-F]{64}$/)
        .transform((hex) => hex.toLowerCase()),
    )
    .min(1)
    .max(64),
);

/**
 * The values that a machine's PCRs (SHA-256 bank) may have, as an operator writes them, in JSON:
 * `{"7": ["…64 hex digits", "…"]}`.
 *
 * @returns undefined where the text prescribes none
 */
export function readPcrPolicy(text: string): Readonly<Record<number, readonly string[]>> | undefined {
  try {
    const policy = pcrPolicy.parse(JSON.parse(text));
    return Object.keys(policy).length > 0 ? policy : undefined;
  } catch {
    return undefined;
  }
}
