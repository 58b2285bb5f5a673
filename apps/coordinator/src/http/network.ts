import { trustLevels } from "@darkbloom/protocol/evidence";
import * as z from "zod";
import type { Door, Route } from "./door.ts";
import { isSeen } from "../machines/eligibility.ts";
import { mayServe } from "../machines/trust/serving.ts";

const machine = z.object({
  provider_id: z.string(),
  provider_serial: z.string().nullable(),
  chip_name: z.string(),
  hardware_model: z.string(),
  platform: z.enum(["macos", "linux", "other"]),
  trust_level: z.enum(trustLevels),
  verified_at: z.iso.datetime().describe("When the verdict on its evidence was made"),
  checks: z
    .object({ passed: z.int(), failed: z.int(), unknown: z.int() })
    .describe("Of the verdict: `GET /v1/providers/attestation` has each"),
  models: z.array(z.string()).describe("Of this network's catalog, by the names that requests ask for"),
  serves: z.boolean().describe("Whether it may serve requests now"),
  load: z
    .object({ running: z.int(), slots: z.int() })
    .nullable()
    .describe("Requests at once; null for who is not signed in"),
});
const network = z.object({ machines: z.array(machine) });

/** `GET /v1/network`: the machines in short, for who looks at all of them. */
export const showNetwork = (door: Door): Route => ({
  schema: {
    summary: "Every connected machine in short, without its evidence; with a session, how much it has to do",
    tags: ["trust"],
    response: { 200: network },
  },
  config: { access: "open", limit: "rate" },
  handler: async (request, reply): Promise<z.infer<typeof network>> => {
    const { catalog, clock, fleet, settings } = door.deps;
    const visitor = await door.gate.visitor(request.raw, (headers) => void reply.headers(headers));
    const floor = { catalog, minTrust: settings.minTrustDefault };
    const seen = fleet.machines().filter((one) => isSeen(one, visitor?.person.account));
    return {
      machines: seen.map((one) => ({
        provider_id: one.providerId,
        provider_serial: one.toldSerial ?? null,
        chip_name: one.chipName,
        hardware_model: one.hardwareModel,
        platform: one.platform,
        trust_level: one.verdict.level,
        verified_at: one.verdict.at,
        checks: counted(one.verdict.checks),
        models: catalog.entries
          .filter(({ build }) => one.models.some((model) => model.build === build))
          .map(({ id }) => id),
        serves: mayServe(one, floor, clock.monotonicMs()),
        load: visitor ? { running: one.running, slots: one.slots } : null,
      })),
    };
  },
});

function counted(checks: readonly { readonly status: "pass" | "fail" | "unknown" }[]) {
  const of = (status: "pass" | "fail" | "unknown"): number => checks.filter((check) => check.status === status).length;
  return { passed: of("pass"), failed: of("fail"), unknown: of("unknown") };
}
