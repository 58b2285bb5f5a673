import * as z from "zod";

/** `GET /.well-known/darkbloom`: what a verifier pins. */
export const wellKnownSchema = z.object({
  coordinator_keys: z.array(z.object({ id: z.string(), algorithm: z.literal("Ed25519"), public_key: z.base64() })),
  modes: z.array(z.enum(["transparent", "sealed"])),
  suites: z.array(z.string()),
});
export type WellKnown = z.infer<typeof wellKnownSchema>;
