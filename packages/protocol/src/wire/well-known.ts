import * as z from "zod";

/** `GET /.well-known/darkbloom`: what a verifier pins. */
export const wellKnownSchema = z.object({
  coordinator_keys: z.array(z.object({ id: z.string(), algorithm: z.literal("Ed25519"), public_key: z.base64() })),
  modes: z.array(z.enum(["transparent", "sealed"])),
  suites: z.array(z.string()),
  /** The transparency log: its name, where its files are below this host, its key and those of its witnesses (c2sp.org/signed-note). */
  log: z
    .object({ origin: z.string(), path: z.string(), verifier_key: z.string(), witnesses: z.array(z.string()) })
    .optional(),
});
export type WellKnown = z.infer<typeof wellKnownSchema>;
