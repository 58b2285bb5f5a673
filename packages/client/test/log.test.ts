import type { Attestations } from "@darkbloom/protocol/evidence";
import { fromHex, toHex, utf8 } from "@darkbloom/protocol/bytes";
import {
  cosignatureMessage,
  entryBytes,
  hashesOf,
  leafHash,
  NOTE_BYTES_MAX,
  proofFile,
  readNote,
  signatureLine,
  signatureTypes,
  tilePath,
  timedSignature,
  Tree,
  type LogEntry,
} from "@darkbloom/protocol/log";
import { CANDIDATES_MAX } from "@darkbloom/protocol/limits";
import { webCrypto } from "@darkbloom/protocol/web";
import { describe, expect, it } from "vitest";
import {
  checkpointOf,
  entriesNamed,
  filesOf,
  signerNamed,
  type Answer,
  type NamedSigner,
} from "../../../apps/cli/test/hostile-log.ts";
import type { CheckpointStore } from "../src/types.ts";
import { stepsThat, World } from "./world.ts";

const log = signerNamed("log.example/1");

/** A log of these entries, as a coordinator answers for it. */
class PaperLog {
  readonly #files: ReadonlyMap<string, Answer>;
  readonly #proven: readonly Uint8Array[];
  /** What stands below the checkpoint of its proofs, beside the log's own signature. */
  cosigned: (checkpoint: string) => string = () => "";

  constructor(entries: readonly Uint8Array[], proven: readonly Uint8Array[]) {
    this.#files = filesOf(entries, log);
    this.#proven = proven;
  }

  async answer(path: string): Promise<Response> {
    const [, leaf] = /\/log\/proof\/([0-9a-f]{64})$/.exec(path) ?? [];
    const answer = leaf === undefined ? this.#files.get(path) : await this.#proof(fromHex(leaf));
    return typeof answer === "string" || answer instanceof Uint8Array
      ? new Response(answer as Uint8Array<ArrayBuffer>)
      : new Response("", { status: 404 });
  }

  async #proof(leaf: Uint8Array): Promise<string | undefined> {
    const size = this.#proven.length;
    const index = this.#proven.findIndex((entry) => toHex(leafHash(webCrypto, entry)) === toHex(leaf));
    if (index < 0) return undefined;
    const files = filesOf(this.#proven, log);
    const read = hashesOf(webCrypto, size, async (tile) => files.get(`/log/${tilePath(tile)}`) as Uint8Array);
    const path = await new Tree(webCrypto, size, read).inclusionProof(index);
    const checkpoint = String(files.get("/log/checkpoint"));
    return proofFile(index, path, checkpoint + this.cosigned(checkpoint));
  }
}

/** One caller's memory. */
function memory(): CheckpointStore & { readonly kept: Map<string, string>; readonly size: number; writes: number } {
  const kept = new Map<string, string>();
  return {
    kept,
    get size() {
      return Number(kept.get(log.key.name)?.split("\n")[1] ?? 0);
    },
    writes: 0,
    read: async (origin) => kept.get(origin),
    async write(origin, text) {
      this.writes++;
      kept.set(origin, text);
    },
  };
}

async function open() {
  const world = await World.open();
  const shown: { log: PaperLog } = { log: new PaperLog([], []) };
  world.meddle = async (path, answer) => {
    if (path.startsWith("/log/")) return shown.log.answer(path);
    const response = await answer();
    if (path !== "/.well-known/darkbloom") return response;
    const told = { origin: log.key.name, path: "/log", verifier_key: log.verifierKey, witnesses: [] };
    return Response.json({ ...((await response.json()) as object), log: told });
  };
  const [machine] = world.net.fleet.published();
  const blob = JSON.parse(new TextDecoder().decode(machine?.evidence.blob)) as { hpke_keys: { id: string }[] };
  const keys: LogEntry = {
    v: 1,
    kind: "provider_keys",
    evidence_sha256: machine?.machine.evidenceSha256 ?? "",
    identity_key_sha256: toHex(webCrypto.sha256(Buffer.from(machine?.machine.identityKey ?? "", "base64"))),
    hpke_key_ids: blob.hpke_keys.map(({ id }) => id),
  };
  return {
    world,
    keys: entryBytes(keys),
    /** @param size that its proofs are in, where they are of an older checkpoint */
    shows: (entries: readonly Uint8Array[], size = entries.length) =>
      void (shown.log = new PaperLog(entries, entries.slice(0, size))),
    cosigns: (cosigned: PaperLog["cosigned"]) => void (shown.log.cosigned = cosigned),
    [Symbol.asyncDispose]: () => world[Symbol.asyncDispose](),
  };
}

describe("a policy that demands the log", () => {
  it("asks the machine whose keys it holds, and keeps its checkpoint", async () => {
    await using net = await open();
    net.shows([...entriesNamed("a", 300), net.keys]);
    const store = memory();
    const { verification } = await net.world.ask(net.world.client({ log: { store, key: log.verifierKey } }));
    expect([verification.outcome, stepsThat("pass", verification).includes("log.keys")]).toEqual(["verified", true]);
    expect(store.kept.get(log.key.name)).toMatch(/^log\.example\/1\n301\n/);
  });

  /** Goal: a log that too few witnesses have seen is taken for none. Method: a policy with two witnesses, and what they or others have signed below the checkpoint. */
  const [first, second, stranger] = ["first", "second", "third"].map((name) =>
    signerNamed(`witness.example/${name}`, signatureTypes.cosignature),
  ) as [NamedSigner, NamedSigner, NamedSigner];
  const by =
    (witness: NamedSigner, key = witness.key, signed = (text: string) => text) =>
    (checkpoint: string) => {
      const text = readNote(checkpoint)?.text ?? "";
      const signature = witness.sign(cosignatureMessage(signed(text), 1_700_000_000n));
      return signatureLine(webCrypto, key, timedSignature(1_700_000_000n, signature));
    };
  const anotherTree = (text: string): string => text.replace("\n301\n", "\n300\n");
  it.each<
    [what: string, lines: ((checkpoint: string) => string)[], quorum: number | undefined, signed: string | undefined]
  >([
    ["both", [by(first), by(second)], undefined, "witness.example/first, witness.example/second"],
    ["both, of whom one is enough", [by(first), by(second)], 1, "witness.example/first, witness.example/second"],
    ["one of two, which is enough", [by(second)], 1, "witness.example/second"],
    ["one of two", [by(second)], undefined, undefined],
    ["one of two, twice", [by(second), by(second)], 2, undefined],
    ["nobody", [], 1, undefined],
    ["a stranger", [by(stranger)], 1, undefined],
    ["a stranger in a witness's name", [by(stranger, first.key)], 1, undefined],
    ["a witness, of another tree", [by(first, first.key, anotherTree)], 1, undefined],
    ["a witness, as logs sign", [(text) => signatureLine(webCrypto, first.key, first.sign(utf8(text)))], 1, undefined],
  ])("asks where its witnesses have signed, and not else: %s", async (_, lines, quorum, signed) => {
    await using net = await open();
    net.shows([...entriesNamed("a", 300), net.keys]);
    net.cosigns((checkpoint) => lines.map((line) => line(checkpoint)).join(""));
    const store = memory();
    const witnesses = [first.verifierKey, second.verifierKey];
    const policy = { log: { store, witnesses, ...(quorum !== undefined && { quorum }) } };
    const { verification } = await net.world.ask(net.world.client(policy));
    const seen = verification.steps.find(({ id }) => id === "log.witnesses");
    expect([verification.outcome, seen?.seen, net.world.asked, store.writes]).toEqual(
      signed === undefined ? ["refused", undefined, 0, 0] : ["verified", signed, 1, 1],
    );
    if (signed === undefined) expect(verification.error).toMatchObject({ code: "log_unwitnessed", action: "retry" });
  });

  /** Goal: no proof fills its reader's memory. Method: twice a note's length, which none is, and a byte more; what is said of it. */
  it.each([
    [2 * NOTE_BYTES_MAX, "no_machine"],
    [2 * NOTE_BYTES_MAX + 1, "evidence_unavailable"],
  ])("reads no more than %i bytes of a proof: %s", async (bytes, code) => {
    await using net = await open();
    net.shows([net.keys]);
    const { meddle } = net.world;
    net.world.meddle = async (path, ...more) =>
      path.startsWith("/log/proof/") ? new Response(new Uint8Array(bytes)) : meddle(path, ...more);
    const { verification } = await net.world.ask(net.world.client({ log: {} }));
    expect([verification.error?.code, net.world.asked]).toEqual([code, 0]);
  });

  /** Goal: who asks sealed waits for no more checks than a request can use. Method: a dozen machines, of which a request names four; how many were looked for in the log. */
  it("checks twice as many machines as a sealed request names, and no more", async () => {
    await using net = await open();
    net.shows([net.keys]);
    const { meddle } = net.world;
    net.world.meddle = async (path, ...more) => {
      const response = await meddle(path, ...more);
      if (path !== "/v1/providers/attestation") return response;
      const shown = (await response.json()) as Attestations;
      return Response.json({ ...shown, providers: Array.from({ length: 12 }, () => shown.providers[0]) });
    };
    await net.world.ask(net.world.client({ mode: "sealed", log: {} }));
    expect(net.world.sent.filter((line) => line.startsWith("GET /log/proof/"))).toHaveLength(2 * CANDIDATES_MAX);
  });

  it("sends nothing to a machine whose keys it does not hold", async () => {
    await using net = await open();
    net.shows(entriesNamed("a", 3));
    const client = net.world.client({ log: {} });
    const error = async () => (await net.world.ask(client)).verification.error;
    expect(await error()).toMatchObject({ code: "no_machine", action: "retry" });
    await net.world.net.clock.advance(10_000);
    expect(await error()).toMatchObject({ code: "log_missing", action: "stop" });
    expect(net.world.asked).toBe(0);
    net.shows([net.keys]);
    expect(await error()).toBeUndefined();
  });

  it("sends nothing where the log is under another key than the pinned one", async () => {
    await using net = await open();
    net.shows([net.keys]);
    const { verification } = await net.world.ask(
      net.world.client({ log: { key: signerNamed("log.example/1").verifierKey } }),
    );
    expect([verification.error?.code, net.world.asked]).toEqual(["log_false", 0]);
  });

  it("goes on with a log that has grown, and with an older checkpoint of the same log", async () => {
    await using net = await open();
    const store = memory();
    for (const size of [1, 2, 300, 600, 2]) {
      net.shows([net.keys, ...entriesNamed("a", Math.max(size, store.size - 1))], size + 1);
      expect([size, (await net.world.ask(net.world.client({ log: { store } }))).verification.outcome]).toEqual([
        size,
        "verified",
      ]);
    }
    expect(store.kept.get(log.key.name)).toMatch(/\n601\n/);
  });

  it("keeps a checkpoint anew only where there is more in it", async () => {
    await using net = await open();
    const store = memory();
    for (const [more, writes] of [
      [1, 1],
      [1, 1],
      [2, 2],
      [2, 2],
    ] as const) {
      net.shows([net.keys, ...entriesNamed("a", more)]);
      await net.world.ask(net.world.client({ log: { store } }));
      expect(store.writes).toBe(writes);
    }
  });

  it("goes on from a log that was empty", async () => {
    await using net = await open();
    const store = memory();
    store.kept.set(log.key.name, checkpointOf(log, 0, webCrypto.sha256()));
    net.shows([net.keys, ...entriesNamed("a", 2)]);
    expect((await net.world.ask(net.world.client({ log: { store } }))).verification.outcome).toBe("verified");
    expect(store.kept.get(log.key.name)).toMatch(/\n3\n/);
  });

  /** Goal: who takes over a log's name is found out. Method: what was seen last, under a key of before; the log itself is in order. */
  it("sends nothing where another key signed what was seen last", async () => {
    await using net = await open();
    const store = memory();
    const before = checkpointOf(signerNamed("log.example/1"), 1, leafHash(webCrypto, net.keys));
    store.kept.set(log.key.name, before);
    net.shows([net.keys]);
    const { verification } = await net.world.ask(net.world.client({ log: { store } }));
    expect([verification.error?.code, net.world.asked]).toEqual(["log_false", 0]);
    expect(store.kept.get(log.key.name)).toBe(before);
  });

  it("sends nothing where the log's key is none", async () => {
    await using net = await open();
    net.shows([net.keys]);
    const { meddle } = net.world;
    net.world.meddle = async (path, answer, init) => {
      const response = await meddle(path, answer, init);
      if (path !== "/.well-known/darkbloom") return response;
      const told = (await response.json()) as { readonly log: object };
      return Response.json({ ...told, log: { ...told.log, verifier_key: "no key" } });
    };
    const { verification } = await net.world.ask(net.world.client({ log: {} }));
    expect([verification.error?.code, net.world.asked]).toEqual(["log_false", 0]);
  });

  /** Goal: two callers who are shown two logs find out. Method: one's memory in the other's hands, whatever the sizes are. */
  it.each([
    [300, 300],
    [300, 500],
    [500, 300],
    [1, 300],
    [2, 1],
  ])("sends nothing to a coordinator that shows two callers two logs, of %s and %s entries", async (one, other) => {
    await using net = await open();
    const store = memory();
    net.shows([net.keys, ...entriesNamed("a", one)]);
    expect((await net.world.ask(net.world.client({ log: { store } }))).verification.outcome).toBe("verified");
    const asked = net.world.asked;
    net.shows([...entriesNamed("b", other), net.keys]);
    const { verification } = await net.world.ask(net.world.client({ log: { store } }));
    expect([verification.error?.code, verification.error?.action, net.world.asked]).toEqual([
      "log_false",
      "stop",
      asked,
    ]);
    expect(store.kept.get(log.key.name)).toContain(`\n${one + 1}\n`);
  });
});
