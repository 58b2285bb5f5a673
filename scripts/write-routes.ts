/** Writes docs/routes.md: every route and who may use it, from what the routes declare. `npm run routes`; a test insists on it. */
import { writeFileSync } from "node:fs";
import { routesFile, routesText } from "../apps/coordinator/test/routes-page.ts";

writeFileSync(routesFile, routesText());
