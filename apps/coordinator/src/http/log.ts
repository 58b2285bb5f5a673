import { fromHex } from "@darkbloom/protocol/bytes";
import { NetworkError } from "@darkbloom/protocol/failures";
import { readTilePath } from "@darkbloom/protocol/log";
import * as z from "zod";
import type { Door, Route } from "./door.ts";
import { sendOpen } from "./open-answer.ts";

/** Where the log's files are, by https://c2sp.org/tlog-tiles. */
export const LOG_PREFIX = "/log";
const CHECKPOINT_AGE_SEC = 1;
const FOREVER_SEC = 365 * 24 * 60 * 60;

const wildcard = z.object({ "*": z.string() });

/** `GET /log/checkpoint`: how many entries there are, and the root over them, signed by the log and its witnesses. */
export const showCheckpoint = ({ deps }: Door): Route => ({
  schema: {
    summary: "The transparency log's newest checkpoint: a signed note (c2sp.org/tlog-checkpoint)",
    tags: ["trust"],
    response: { 200: { description: "The note", content: { "text/plain": { schema: z.string() } } } },
  },
  config: { access: "open", limit: "rate", fails: ["tile_not_found"] },
  handler: async (_request, reply) => {
    if (!deps.log) throw new NetworkError({ code: "tile_not_found" });
    return reply
      .type("text/plain; charset=utf-8")
      .header("cache-control", `public, max-age=${CHECKPOINT_AGE_SEC}`)
      .serializer((text: string) => text)
      .send(deps.log.checkpoint);
  },
});

const leafParams = z.object({
  leaf: z
    .string()
    .regex(/^[0-9a-f]{64}$/)
    .describe("SHA-256 of a zero byte and the entry's canonical JSON (RFC 6962 §2.1), in lower-case hex"),
});

/** `GET /log/proof/{leaf}`: that the log holds a fact, for whoever relies on it and reads no log. */
export const showProof = ({ deps }: Door): Route => ({
  schema: {
    summary: "A proof that the transparency log holds an entry other than a receipt (c2sp.org/tlog-proof)",
    description: "`darkbloom proxy` and `@darkbloom/client` demand it of a machine's keys where a policy says so.",
    tags: ["trust"],
    params: leafParams,
    response: { 200: { description: "The proof", content: { "text/plain": { schema: z.string() } } } },
  },
  config: { access: "open", limit: "rate", fails: ["tile_not_found", "storage_unavailable"] },
  handler: async (request, reply) => {
    const asked = leafParams.safeParse(request.params).data;
    const proof = asked && (await deps.log?.fact(fromHex(asked.leaf)));
    if (proof === undefined) throw new NetworkError({ code: "tile_not_found" });
    return reply
      .type("text/plain; charset=utf-8")
      .header("cache-control", `public, max-age=${CHECKPOINT_AGE_SEC}`)
      .serializer((text: string) => text)
      .send(proof);
  },
});

/** `GET /log/tile/…`: hashes of the tree, or entries; a file that never changes. */
export const showTile = (door: Door): Route => ({
  schema: {
    summary: "A tile of the transparency log: 256 hashes or entries (c2sp.org/tlog-tiles)",
    tags: ["trust"],
    params: z.object({
      id: z.string().describe("`<level>/<index>` or `entries/<index>`, with `.p/<width>` at the edge"),
    }),
    response: { 200: { description: "The tile", content: { "application/octet-stream": { schema: z.string() } } } },
  },
  // Who audits the log reads all of it, and a tile is a file.
  config: { access: "open", limit: "none", fails: ["tile_not_found", "storage_unavailable", "overloaded"] },
  handler: async (request, reply) => {
    const tile = readTilePath(`tile/${wildcard.parse(request.params)["*"]}`);
    const bytes = tile && (await door.deps.log?.tile(tile));
    if (!bytes) throw new NetworkError({ code: "tile_not_found" });
    return sendOpen(door, request, reply, Buffer.from(bytes), {
      "content-type": "application/octet-stream",
      "cache-control": `public, max-age=${FOREVER_SEC}, immutable`,
    });
  },
});
