import * as z from "zod";
import { CHECK_CHARS_MAX } from "../limits.ts";
import { isPrintable, printable } from "../printable.ts";

/** What a terminal shows: so that no machine's or coordinator's words can move its cursor or add lines. */
const shownText = z.string().max(CHECK_CHARS_MAX).refine(isPrintable, "must be printable");

/** A check as it travels, and as it is published. */
export const checkSchema = z.object({
  id: shownText.describe("Stable, e.g. `blob.signature`"),
  status: z.enum(["pass", "fail", "unknown"]),
  seen: shownText.describe("What was found, in one short phrase"),
  remedy: shownText.describe("What would mend it; empty where nothing needs mending"),
});
export type Check = Readonly<z.infer<typeof checkSchema>>;

/** Every check of every verdict is made here, so that a test can take any single one away. */
const checkOf = (id: string, status: Check["status"], seen: string, remedy: string): Check => ({
  id,
  status,
  seen: shown(seen),
  remedy: shown(remedy),
});

/** What was seen can quote a machine's own words, in any length. */
const shown = (text: string): string => printable(text).slice(0, CHECK_CHARS_MAX).toWellFormed();

export const pass = (id: string, seen: string): Check => checkOf(id, "pass", seen, "");
export const fail = (id: string, seen: string, remedy: string): Check => checkOf(id, "fail", seen, remedy);
export const unknown = (id: string, seen: string, remedy = ""): Check => checkOf(id, "unknown", seen, remedy);
export const either = (id: string, good: boolean, seen: string, otherwise: string, remedy: string): Check =>
  good ? pass(id, seen) : fail(id, otherwise, remedy);

/** What is seen of public evidence without its chain, as the operator's disclosure setting has it. */
export const WITHHELD = "checked by the coordinator, which keeps the chain to itself";
