import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { toHex, utf8 } from "../bytes.ts";
import { nodeCrypto } from "../node/crypto.ts";
import { LeafRange } from "./leaf-range.ts";
import { leafHash, nodeHash, splitOf, type Hash } from "./merkle.ts";
import {
  bundleOf,
  entriesIn,
  hashesOf,
  leafHashesOf,
  readTilePath,
  rootOfTile,
  tilePath,
  widthAt,
  type Tile,
} from "./tiles.ts";
import { isConsistent, isIncluded, Tree } from "./tree.ts";

const entries = (count: number): Uint8Array[] => Array.from({ length: count }, (_, at) => utf8(`entry ${at}`));

/** The root as RFC 6962 §2.1 defines it, and as slowly. */
function rootOf(leaves: readonly Hash[]): Hash {
  const [only] = leaves;
  if (!only) return nodeCrypto.sha256();
  if (leaves.length === 1) return only;
  const middle = splitOf(leaves.length);
  return nodeHash(nodeCrypto, rootOf(leaves.slice(0, middle)), rootOf(leaves.slice(middle)));
}

/** Tiles of so many entries, as a log keeps them. */
function tilesOf(leaves: readonly Hash[]): Map<string, Uint8Array> {
  const tiles = new Map<string, Uint8Array>();
  for (let level = 0, hashes = [...leaves]; hashes.length > 0; level += 1) {
    const above: Hash[] = [];
    for (let index = 0; index * 256 < hashes.length; index += 1) {
      const part = hashes.slice(index * 256, (index + 1) * 256);
      const bytes = Buffer.concat(part);
      tiles.set(tilePath({ level, index, width: part.length }), bytes);
      if (part.length === 256) above.push(rootOfTile(nodeCrypto, bytes));
    }
    hashes = above;
  }
  return tiles;
}

function treeOf(count: number) {
  const leaves = leafHashesOf(nodeCrypto, entries(count));
  const tiles = tilesOf(leaves);
  const asked: Tile[] = [];
  const tree = new Tree(
    nodeCrypto,
    count,
    hashesOf(nodeCrypto, count, async (tile) => {
      asked.push(tile);
      return tiles.get(tilePath(tile)) ?? new Uint8Array();
    }),
  );
  return { leaves, tree, root: rootOf(leaves), asked };
}

describe("a tree over tiles", () => {
  it("has the known roots of Certificate Transparency's own test vectors", async () => {
    // https://github.com/google/certificate-transparency/blob/master/cpp/merkletree/merkle_tree_test.cc
    const inputs = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"];
    const leaves = inputs.map((hex) => leafHash(nodeCrypto, Buffer.from(hex, "hex")));
    const roots = [
      "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
      "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
      "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
      "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
      "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
      "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
      "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
      "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    ];
    for (const [at, root] of roots.entries()) {
      const some = leaves.slice(0, at + 1);
      expect(toHex(rootOf(some))).toBe(root);
      const tiles = tilesOf(some);
      const read = hashesOf(nodeCrypto, at + 1, async (tile) => tiles.get(tilePath(tile)) ?? new Uint8Array());
      expect(toHex(await new Tree(nodeCrypto, at + 1, read).root())).toBe(root);
    }
  });

  it.each([1, 2, 255, 256, 257, 511, 70_000])("gives the root of %d entries", async (count) => {
    const { tree, root } = treeOf(count);
    expect(toHex(await tree.root())).toBe(toHex(root));
  });

  it("takes a tile for none that has fewer hashes than its name says, or none at all", async () => {
    const read = hashesOf(nodeCrypto, 300, async () => new Uint8Array(32));
    await expect(read(0, 0)).rejects.toThrow("not as many hashes");
    expect(() => rootOfTile(nodeCrypto, new Uint8Array())).toThrow("no hashes");
  });

  it("asks for no tile that is not there", async () => {
    const { tree, asked } = treeOf(70_000);
    await tree.inclusionProof(69_999);
    await tree.consistencyProof(300);
    expect(asked.every(({ level, index, width }) => width > 0 && width === widthAt(level, index, 70_000))).toBe(true);
    expect(widthAt(0, 273, 70_000)).toBe(112);
    expect([widthAt(1, 0, 70_000), widthAt(1, 1, 70_000), widthAt(2, 0, 70_000), widthAt(0, 274, 70_000)]).toEqual([
      256, 17, 1, 0,
    ]);
  });
});

describe("leaves that come one after the other", () => {
  /** Goal: the root is known at every size, and nothing is asked of tiles. Method: by the definition, at each size over several tiles. */
  it("come to the root by definition at every size", () => {
    const leaves = leafHashesOf(nodeCrypto, entries(600));
    const range = new LeafRange(nodeCrypto);
    expect(range.root()).toEqual(rootOf([]));
    for (const [at, leaf] of leaves.entries()) {
      range.add(leaf);
      expect(range.size).toBe(at + 1);
      if (at < 40 || at % 37 === 0 || at > 590) expect(range.root()).toEqual(rootOf(leaves.slice(0, at + 1)));
    }
  });
});

describe("proofs", () => {
  const LARGE = 600;
  const { tree, leaves } = treeOf(LARGE);
  const headOf = (size: number) => ({ size, root: rootOf(leaves.slice(0, size)) });
  const sub = (size: number) => treeOf(size).tree;
  const sizes = fc.integer({ min: 1, max: LARGE });

  it("shows every entry in every tree that holds it, and no other in its place", async () => {
    await fc.assert(
      fc.asyncProperty(sizes, fc.nat(), fc.nat(), async (size, first, second) => {
        const [index, other] = [first % size, second % size];
        const proof = await sub(size).inclusionProof(index);
        const [leaf, wrong] = [leaves[index], leaves[other]];
        if (!leaf || !wrong) throw new Error("no leaf");
        expect(isIncluded(nodeCrypto, { index, ...headOf(size) }, leaf, proof)).toBe(true);
        expect(isIncluded(nodeCrypto, { index, ...headOf(size) }, wrong, proof)).toBe(index === other);
        expect(isIncluded(nodeCrypto, { index: other, ...headOf(size) }, leaf, proof)).toBe(index === other);
      }),
      { numRuns: 60 },
    );
  });

  it("shows every tree to be the beginning of every later one, and nothing else", async () => {
    await fc.assert(
      fc.asyncProperty(sizes, sizes, fc.nat(), async (a, b, at) => {
        const [earlier, later] = [Math.min(a, b), Math.max(a, b)];
        const proof = await sub(later).consistencyProof(earlier);
        expect(isConsistent(nodeCrypto, headOf(earlier), headOf(later), proof)).toBe(true);
        const forked = {
          size: earlier,
          root: rootOf([...leaves.slice(0, earlier - 1), leafHash(nodeCrypto, utf8("other"))]),
        };
        expect(isConsistent(nodeCrypto, forked, headOf(later), proof)).toBe(false);
        if (proof.length > 0) {
          const changed = proof.map((hash, index) =>
            index === at % proof.length ? hash.map((byte) => byte ^ 1) : hash,
          );
          expect(isConsistent(nodeCrypto, headOf(earlier), headOf(later), changed)).toBe(false);
          expect(isConsistent(nodeCrypto, headOf(earlier), headOf(later), proof.slice(1))).toBe(false);
        }
        expect(isConsistent(nodeCrypto, headOf(earlier), headOf(later), [...proof, ...leaves.slice(0, 1)])).toBe(false);
      }),
      { numRuns: 60 },
    );
  });

  it("takes the empty tree for the beginning of every tree, and no larger one for that of a smaller", async () => {
    const empty = { size: 0, root: nodeCrypto.sha256() };
    expect(isConsistent(nodeCrypto, empty, headOf(5), [])).toBe(true);
    expect(isConsistent(nodeCrypto, { size: 0, root: headOf(1).root }, headOf(5), [])).toBe(false);
    expect(isConsistent(nodeCrypto, empty, headOf(5), leaves.slice(0, 1))).toBe(false);
    expect(isConsistent(nodeCrypto, headOf(6), headOf(5), await tree.consistencyProof(5))).toBe(false);
    expect(isConsistent(nodeCrypto, headOf(5), { ...headOf(5), root: headOf(6).root }, [])).toBe(false);
  });

  /** Goal: how long a proof must be follows from the sizes, whatever roots somebody signs. Method: roots that fit a proof of another length. */
  it("takes none that is too long or too short for the roots that it would give", async () => {
    const [a, b, c, x] = leaves;
    if (!a || !b || !c || !x) throw new Error("no leaves");
    const above = nodeHash(nodeCrypto, a, b);
    expect(isIncluded(nodeCrypto, { index: 0, size: 2, root: above }, a, [b])).toBe(true);
    expect(isIncluded(nodeCrypto, { index: 0, size: 1, root: nodeHash(nodeCrypto, b, a) }, a, [b])).toBe(false);
    expect(isConsistent(nodeCrypto, { size: 2, root: above }, { size: 1, root: above }, [])).toBe(false);
    expect(isConsistent(nodeCrypto, headOf(5), headOf(5), [x])).toBe(false);
    const proof = await sub(4).consistencyProof(3);
    const under = (size: number) => ({ size, root: nodeHash(nodeCrypto, x, headOf(size).root) });
    expect(isConsistent(nodeCrypto, headOf(3), headOf(4), proof)).toBe(true);
    expect(isConsistent(nodeCrypto, under(3), under(4), [...proof, x])).toBe(false);
    const [half] = await sub(8).consistencyProof(2);
    if (!half) throw new Error("no proof");
    expect(isConsistent(nodeCrypto, headOf(2), headOf(4), [half])).toBe(true);
    expect(isConsistent(nodeCrypto, headOf(2), { ...headOf(4), size: 8 }, [half])).toBe(false);
    expect(isConsistent(nodeCrypto, headOf(3), headOf(5), [])).toBe(false);
  });

  it.each([-1, 600, 601, 0.5, Number.NaN])("shows no entry at index %d", async (index) => {
    const [leaf] = leaves;
    if (!leaf) throw new Error("no leaf");
    expect(isIncluded(nodeCrypto, { index, ...headOf(LARGE) }, leaf, await tree.inclusionProof(0))).toBe(false);
  });
});

describe("tiles' names", () => {
  it.each([
    [{ level: 0, index: 0, width: 256 }, "tile/0/000"],
    [{ level: 0, index: 1_234_067, width: 256 }, "tile/0/x001/x234/067"],
    [{ level: 3, index: 999, width: 7 }, "tile/3/999.p/7"],
    [{ level: 5, index: 0, width: 1 }, "tile/5/000.p/1"],
    [{ level: "entries", index: 1000, width: 255 }, "tile/entries/x001/000.p/255"],
  ] as const)("writes and reads %j", (tile, name) => {
    expect(tilePath(tile)).toBe(name);
    expect(readTilePath(name)).toEqual(tile);
  });

  it.each([
    "tile/0/0",
    "tile/0/0000",
    "tile/0/x000/001",
    "tile/0/001/002",
    "tile/0/x001",
    "tile/00/001",
    "tile/6/001",
    "tile/0/001.p/0",
    "tile/0/001.p/256",
    "tile/0/001.p/07",
    "tile/-1/001",
    "tile/data/001",
    "tile/0/../../etc",
    "tile/0/x001/x001/x001/x001/x001/001",
    "/tile/0/001",
    "tile/0/001\n",
  ])("refuses %j", (name) => {
    expect(readTilePath(name)).toBeUndefined();
  });
});

describe("bundles of entries", () => {
  it("gives back what was put in", () => {
    const some = [...entries(3), new Uint8Array(0), new Uint8Array(65_535)];
    for (const entriesOf of [some, some.toReversed(), [...some, new Uint8Array(0)]])
      expect(entriesIn(bundleOf(entriesOf), entriesOf.length)?.map(({ length }) => length)).toEqual(
        entriesOf.map(({ length }) => length),
      );
  });

  it("refuses an entry that no two bytes can count, and bytes that are no bundle", () => {
    expect(() => bundleOf([new Uint8Array(65_536)])).toThrow(RangeError);
    const bundle = bundleOf(entries(2));
    expect(entriesIn(bundle, 3)).toBeUndefined();
    expect(entriesIn(bundle.subarray(0, -1), 2)).toBeUndefined();
    expect(entriesIn(Buffer.concat([bundle, Uint8Array.of(0)]), 2)).toBeUndefined();
  });
});
