import { join } from "node:path";
import { buildClient } from "./client/build.ts";

/** Makes what is published as `@darkbloom/client`, and says how much it adds to a page. */
const { folder, kilobytes } = await buildClient(join(import.meta.dirname, "../packages/client/dist"));
process.stdout.write(
  `${folder} is ready to be published.\nIt adds ${kilobytes.toFixed(1)} kB to a page (minified, gzip).\n`,
);
