import type { CheckpointStore } from "@darkbloom/client";
import { nodeCrypto } from "@darkbloom/protocol/node";
import { toHex, utf8 } from "@darkbloom/protocol/bytes";
import { readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { codeOf } from "../failure.ts";

/** The last checkpoint of each log that a proxy has seen: a file in its folder. */
export function checkpointsIn(folder: string): CheckpointStore {
  const fileOf = (origin: string): string =>
    join(folder, `checkpoint-${toHex(nodeCrypto.sha256(utf8(origin))).slice(0, 16)}`);
  return {
    async read(origin) {
      try {
        return await readFile(fileOf(origin), "utf8");
      } catch (error) {
        if (codeOf(error) === "ENOENT") return undefined;
        throw error;
      }
    },
    async write(origin, checkpoint) {
      const draft = `${fileOf(origin)}.draft`;
      await writeFile(draft, checkpoint, { mode: 0o600, flush: true });
      await rename(draft, fileOf(origin));
    },
  };
}
