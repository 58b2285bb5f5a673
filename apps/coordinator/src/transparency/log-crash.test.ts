import { fromHex } from "@darkbloom/protocol/bytes";
import type { JobId } from "@darkbloom/protocol/ids";
import { isConsistent, leafOf, openCheckpoint, openProofFile, receiptEntry } from "@darkbloom/protocol/log";
import { nodeCrypto } from "@darkbloom/protocol/node";
import { expect, it } from "vitest";
import { fact, keysFact, newFolder, openedLog, treeOf, witnessNamed } from "../../test/log-kit.ts";
import type { LogSigner, LogStore, Witness } from "./port.ts";

class Crash extends Error {}

/** A process that dies at its `at`th step and does nothing after it. */
class Life {
  readonly steps: string[] = [];
  readonly #at: number;

  constructor(at: number) {
    this.#at = at;
  }

  get isOver(): boolean {
    return this.steps.length > this.#at;
  }

  step(name: string): void {
    this.steps.push(name);
    if (this.isOver) throw new Crash();
  }

  between = ({ store, signer }: { store: LogStore; signer: LogSigner }): { store: LogStore; signer: LogSigner } => ({
    store: {
      size: () => store.size(),
      tile: (tile) => store.tile(tile),
      indexOf: (jobId) => store.indexOf(jobId),
      indexOfFact: (leaf) => store.indexOfFact(leaf),
      append: async (facts, entryOf) => {
        this.step("append");
        await store.append(facts, entryOf);
        this.step("appended");
      },
    },
    signer: {
      origin: signer.origin,
      publicKey: signer.publicKey,
      kept: () => signer.kept(),
      sign: (message) => {
        this.step("sign");
        return signer.sign(message);
      },
      keep: (note) => {
        this.step("keep");
        signer.keep(note);
        this.step("kept");
      },
    },
  });

  /** Sees each checkpoint before its answer comes. */
  witness(seen: string[]): Witness {
    const honest = witnessNamed("witness.example/1");
    return {
      ...honest,
      cosign: async (note, ...more) => {
        this.step("shown");
        seen.push(note);
        const lines = await honest.cosign(note, ...more);
        this.step("witnessed");
        return lines;
      },
    };
  }
}

/**
 * Goal: whatever moment a process dies in, the log shows one tree for each size, each the beginning of the next, and holds every
 * receipt that it has proved. Method: two lives of a log, the first ended at every one of its steps in turn; in the second other
 * facts come than in the first. All that anybody was ever shown is compared with the log in the end.
 */
it("is one log, whenever a process dies", { timeout: 120_000 }, async () => {
  const died: string[] = [];
  for (let at = 0; ; at += 1) {
    const path = newFolder();
    const shown: string[] = [];
    const receipts = new Map<JobId, Uint8Array>();
    const proved = new Map<JobId, number>();
    const live = async (life: Life, name: string): Promise<void> => {
      await using net = await openedLog({ path, between: life.between, witnesses: [life.witness(shown)] });
      const look = async (): Promise<void> => {
        shown.push(net.log.checkpoint);
        for (const [jobId, sha256] of receipts) {
          const told = await net.log.receipt(jobId);
          if (!told) {
            expect(proved.has(jobId)).toBe(false);
            continue;
          }
          const leaf = leafOf(nodeCrypto, receiptEntry(nodeCrypto, sha256, fromHex(told.blind)));
          const proof = await openProofFile(nodeCrypto, told.proof, net.key, leaf);
          if (!proof) throw new Error("the proof of a receipt is false");
          expect(proved.get(jobId) ?? proof.index).toBe(proof.index);
          proved.set(jobId, proof.index);
        }
      };
      await look();
      for (const n of [1, 2]) {
        receipts.set(`job_${name}${n}` as JobId, await net.settle(`${name}${n}`));
        net.log.add(fact(n + name.charCodeAt(0)));
        net.log.add(keysFact(n + name.charCodeAt(0)));
        await net.log.grow().catch((error: unknown) => {
          if (!(error instanceof Crash)) throw error;
        });
        await look();
        if (life.isOver) return;
      }
    };
    const first = new Life(at);
    await live(first, "a").catch((error: unknown) => {
      if (!(error instanceof Crash)) throw error;
    });
    await live(new Life(Infinity), "b");

    await using last = await openedLog({ path });
    await last.log.grow();
    const { size, root } = await last.head();
    const tree = treeOf(last.log, size);
    expect(await tree.root()).toEqual(root);
    for (const note of shown) {
      const earlier = (await openCheckpoint(nodeCrypto, note, last.key))?.checkpoint;
      if (!earlier) throw new Error("a checkpoint is not signed");
      const proof = earlier.size > 0 ? await tree.consistencyProof(earlier.size) : [];
      expect([at, isConsistent(nodeCrypto, earlier, { size, root }, proof)]).toEqual([at, true]);
    }
    for (const [jobId, index] of proved)
      expect(await last.log.receipt(jobId)).toMatchObject({ proof: expect.stringContaining(`index ${index}\n`) });
    expect(proved.has("job_b2" as JobId)).toBe(true);
    if (!first.isOver) break;
    died.push(first.steps.at(-1) ?? "");
  }
  const growing = ["append", "appended", "sign", "keep", "kept", "shown", "witnessed", "keep", "kept"];
  expect(died).toEqual(["sign", "keep", "kept", ...growing, ...growing]);
});
