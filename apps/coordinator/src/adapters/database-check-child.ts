/** The process in which a large database is read through; what it finds goes to its parent, and it may be killed at any time. */
import { DatabaseSync } from "node:sqlite";
import { lookThrough } from "./database-check.ts";

const [path = "", depth = ""] = process.argv.slice(2);
using database = new DatabaseSync(path, { readOnly: true });
process.send?.(lookThrough(database, depth === "books" ? "books" : "pages"));
process.disconnect?.();
