/** Writes what the console knows of the API, from what the routes declare: `npm run console-types`, and before every check. */
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { descriptionOf } from "../apps/coordinator/test/routes-page.ts";
import { typesOf, type Description } from "./console/types-of.ts";

const file = join(import.meta.dirname, "../apps/console/generated/openapi.ts");
mkdirSync(dirname(file), { recursive: true });
writeFileSync(file, typesOf(JSON.parse(await descriptionOf()) as Description));
