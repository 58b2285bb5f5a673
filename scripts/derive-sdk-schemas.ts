/**
 * JSON schemas of what the official SDKs say that a server answers, from the type definitions that are
 * installed. Nothing of it is committed: a new version of an SDK is a new contract, and the tests that
 * validate our bodies against it (packages/testkit/test/clients.test.ts) derive it again.
 *
 * Alone it prints them: `node scripts/derive-sdk-schemas.ts`.
 */
import { join } from "node:path";
import { createGenerator } from "ts-json-schema-generator";

const sdks = ["openai", "anthropic"] as const;
export type Sdk = (typeof sdks)[number];

/**
 * One document: the types that the SDK's file in packages/testkit/test/clients exports are among its
 * `definitions`. Each SDK has its own, since both have types of the same names. Takes two seconds.
 */
export const deriveSdkSchema = (sdk: Sdk): object =>
  createGenerator({
    path: join(import.meta.dirname, `../packages/testkit/test/clients/${sdk}-types.ts`),
    tsconfig: join(import.meta.dirname, "../tsconfig.json"),
    skipTypeCheck: true,
    expose: "export",
    jsDoc: "none",
    additionalProperties: false,
  }).createSchema("*");

if (import.meta.main)
  process.stdout.write(
    `${JSON.stringify(Object.fromEntries(sdks.map((sdk) => [sdk, deriveSdkSchema(sdk)])), null, 2)}\n`,
  );
