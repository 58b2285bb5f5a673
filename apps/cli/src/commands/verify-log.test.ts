import { lstatSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import {
  bundleOf,
  cosignatureMessage,
  leafHashesOf,
  readNote,
  signatureLine,
  signatureTypes,
  timedSignature,
} from "@darkbloom/protocol/log";
import { nodeCrypto } from "@darkbloom/protocol/node";
import { afterEach, describe, expect, it, vi } from "vitest";
import { temporaryFolder } from "../../test/binary.ts";
import {
  brokenOff,
  checkpointOf,
  endless,
  endlessly404,
  entriesNamed,
  filesOf,
  hostileLog,
  hung,
  signerNamed,
  type Answer,
} from "../../test/hostile-log.ts";
import { CommandFailed } from "../failure.ts";
import { verifyLog } from "./verify-log.ts";

afterEach(() => vi.restoreAllMocks());

interface Told {
  readonly code: number;
  /** What a person reads as the reason where the command could not do its work. */
  readonly sentence: string;
  readonly checks: Readonly<Record<string, string>>;
  readonly entries: Readonly<Record<string, number>>;
  readonly notes: string;
  readonly text: string;
}

/** The command, and what it says. */
async function verified(
  url: string,
  { checkpoint, json = "true" }: { checkpoint?: string; json?: string } = {},
): Promise<Told> {
  let [stdout, notes] = ["", ""];
  vi.spyOn(process.stdout, "write").mockImplementation((text) => Boolean((stdout += String(text))));
  vi.spyOn(process.stderr, "write").mockImplementation((text) => Boolean((notes += String(text))));
  const flags = { coordinator: [url], json: [json], ...(checkpoint !== undefined && { checkpoint: [checkpoint] }) };
  const ended = await verifyLog.run(flags, {}, "").catch((error: unknown) => {
    if (error instanceof CommandFailed) return error.message;
    throw error;
  });
  const { checks = [], entries = {} } = (stdout.startsWith("{") ? JSON.parse(stdout) : {}) as {
    checks?: { id: string; status: string }[];
    entries?: Record<string, number>;
  };
  return {
    code: typeof ended === "number" ? ended : 1,
    sentence: typeof ended === "string" ? ended : "",
    checks: Object.fromEntries(checks.map(({ id, status }) => [id.replace("log.", ""), status])),
    entries,
    notes,
    text: stdout,
  };
}

const keysThatSay = (log: object | undefined): string =>
  JSON.stringify({ coordinator_keys: [], modes: [], suites: [], ...(log && { log }) });
const noLog = keysThatSay(undefined);
const badKey = keysThatSay({ origin: "log.example/1", path: "/log", verifier_key: "none", witnesses: [] });

const inOrder = { signature: "pass", witnesses: "unknown", consistency: "unknown", entries: "pass" };

describe("verify log", () => {
  it.each([0, 1, 255, 256, 257, 600, 65_537])("finds a log of %d entries in order", async (count) => {
    using net = await hostileLog(count);
    expect(await verified(net.url)).toMatchObject({
      code: 0,
      checks: inOrder,
      entries: count === 0 ? {} : { weights: count },
    });
    // Every file once: none is kept, however long the log is.
    expect(net.asked.toSorted()).toEqual([...net.files.keys()].toSorted());
  });

  /** Goal: no entry is shown as one of a tree that does not hold it. Method: false entries with hashes of their own, as far up as a liar likes. */
  it.each([0, 1])("sees entries that the signed tree does not hold, with true tiles above level %d", async (level) => {
    using net = await hostileLog();
    for (const [path, answer] of filesOf(entriesNamed("forged", 256), net.log))
      if (path.startsWith("/log/tile/") && !path.startsWith(`/log/tile/${level + 1}/`)) net.files.set(path, answer);
    expect(await verified(net.url)).toMatchObject({ code: 1, checks: { ...inOrder, entries: "fail" } });
  });

  it.each<readonly [string, string, Answer]>([
    ["an entry", "/log/tile/entries/000", bundleOf([...entriesNamed("true", 255), ...entriesNamed("false", 1)])],
    ["too few entries", "/log/tile/entries/000", bundleOf(entriesNamed("true", 255))],
    ["no entries", "/log/tile/entries/000", ""],
    ["too few hashes", "/log/tile/0/000", Buffer.concat(leafHashesOf(nodeCrypto, entriesNamed("true", 255)))],
    ["a hash above", "/log/tile/1/000.p/1", new Uint8Array(32)],
  ])("sees %s that is another, and reads no further", async (_what, path, answer) => {
    using net = await hostileLog(300);
    net.files.set(path, answer);
    expect(await verified(net.url)).toMatchObject({ code: 1, checks: { ...inOrder, entries: "fail" } });
  });

  it.each<readonly [string, string, Answer, string]>([
    ["keys without end", "/.well-known/darkbloom", endless, "does not tell its keys"],
    ["keys that break off", "/.well-known/darkbloom", brokenOff, "does not tell its keys"],
    ["a checkpoint without end", "/log/checkpoint", endless, "can be (65536 bytes)"],
    ["a checkpoint that breaks off", "/log/checkpoint", brokenOff, "broke off"],
    ["a checkpoint that is no text", "/log/checkpoint", Uint8Array.of(0xff), "is no text"],
    ["entries without end", "/log/tile/entries/000", endless, "can be (1048576 bytes)"],
    ["entries that break off", "/log/tile/entries/000", brokenOff, "broke off"],
    ["hashes without end", "/log/tile/0/000", endless, "can be (8192 bytes)"],
    ["an error without end", "/log/tile/0/000", endlessly404, "answers with status 404"],
    ["keys of no log", "/.well-known/darkbloom", noLog, "keeps no transparency log"],
    ["a key that is none", "/.well-known/darkbloom", badKey, "The key that this coordinator names for its log is none"],
  ])("says in a sentence that it is sent %s", async (_what, path, answer, words) => {
    using net = await hostileLog();
    net.files.set(path, answer);
    const { code, sentence } = await verified(net.url);
    expect([code, sentence]).toEqual([1, expect.stringContaining(words)]);
  });

  it("reads a log below a path, and says to a person what it found", async () => {
    using net = await hostileLog();
    const files = [...net.files];
    net.files.clear();
    for (const [path, answer] of files) net.files.set(`/under${path}`, answer);
    expect(await verified(`${net.url}/under`)).toMatchObject({ code: 0, text: expect.stringContaining('"good":true') });
    const told = await verified(`${net.url}/under`, { json: "false" });
    expect(told.text).toMatch(/^pass +log\.signature +256 entries, signed by log\.example\/1$/m);
    expect(told.text).toMatch(/^256 +weights$/m);
    expect(told.text).toContain("No check fails.");
    expect(told.text).toContain("Keep its checkpoint with --checkpoint FILE");
    net.files.set("/under/log/tile/0/000", "");
    expect((await verified(`${net.url}/under`, { json: "false" })).text).toContain("do not rely on this log");
  });

  it("says of a witness whose key is none that it has not signed", async () => {
    using net = await hostileLog();
    net.tell({ witnesses: ["nonsense"] });
    expect(await verified(net.url)).toMatchObject({ code: 0, checks: inOrder });
  });

  it.each([
    ["/log/tile/entries/000", "answers with status 404"],
    ["/log/tile/1/000.p/1", "answers with status 404"],
    ["/log/checkpoint", "answers with status 404"],
  ])("says that %s is not there", async (path, sentence) => {
    using net = await hostileLog();
    net.files.delete(path);
    expect(await verified(net.url)).toMatchObject({
      code: 1,
      sentence: expect.stringContaining(path + " " + sentence),
    });
  });

  /** Goal: nobody is held by files that never come. Method: each kind hangs in its head and in its body; the waits are told, and cut short. */
  it.each(["/.well-known/darkbloom", "/log/checkpoint", "/log/tile/entries/000", "/log/tile/0/000"])(
    "waits ten seconds for %s, and no longer",
    async (path) => {
      using net = await hostileLog();
      const timeout = AbortSignal.timeout.bind(AbortSignal);
      for (const answer of [hung, () => undefined]) {
        const waits: number[] = [];
        vi.spyOn(AbortSignal, "timeout").mockImplementation((ms) => {
          waits.push(ms);
          return timeout(200);
        });
        net.files.set(path, answer);
        expect((await verified(net.url)).sentence).toMatch(/does not tell its keys|broke off|does not answer/);
        expect(new Set(waits)).toEqual(new Set([10_000]));
        vi.restoreAllMocks();
      }
    },
  );

  /** Goal: whoever waits for a long log sees that it goes on. Method: a clock that is a second further each time it is looked at. */
  it("tells every two seconds how far it is", async () => {
    using net = await hostileLog(300);
    let nowMs = 0;
    vi.spyOn(performance, "now").mockImplementation(() => (nowMs += 1_000));
    const { notes } = await verified(net.url);
    const told = notes.split("\n").flatMap((line) => /^(\d+) of 300 entries read\.$/.exec(line)?.[1] ?? []);
    expect(told.length).toBeGreaterThan(100);
    expect(told.length).toBeLessThanOrEqual(150);
    vi.spyOn(performance, "now").mockReturnValue(nowMs);
    expect((await verified(net.url)).notes).toBe("");
  });

  it.each([2 ** 53, 2 ** 63])("takes a checkpoint of %d entries for none", async (size) => {
    using net = await hostileLog();
    net.files.set("/log/checkpoint", checkpointOf(net.log, size, nodeCrypto.sha256()));
    expect(await verified(net.url)).toMatchObject({ code: 1, sentence: expect.stringContaining("is none") });
  });

  it("asks no more of a log that claims as many entries as there can be than it shows", async () => {
    using net = await hostileLog();
    net.files.set("/log/checkpoint", checkpointOf(net.log, Number.MAX_SAFE_INTEGER, nodeCrypto.sha256()));
    const { code, sentence } = await verified(net.url);
    expect([code, sentence]).toEqual([1, expect.stringContaining("/001 answers with status 404")]);
    // Of the two last files, which are asked for together, one may be refused before the other is heard.
    expect([5, 6]).toContain(net.asked.length);
  });

  it("is not led to another host", async () => {
    using net = await hostileLog();
    using other = await hostileLog();
    for (const path of [`${other.url}/log`, `//${new URL(other.url).host}/log`, "data:text/plain,"]) {
      net.tell({ path });
      expect((await verified(net.url)).sentence).toContain(`${net.url}/`);
    }
    expect(other.asked).toEqual([]);
  });

  it.each([
    [2n ** 64n - 1n, "unknown"],
    [8_640_000_000_001n, "unknown"],
    [8_640_000_000_000n, "pass"],
    [1_800_000_000n, "pass"],
  ])("takes the time %d of a witness as %s", async (time, status) => {
    using net = await hostileLog();
    const witness = signerNamed("witness.example/1", signatureTypes.cosignature);
    const checkpoint = String(net.files.get("/log/checkpoint"));
    const signature = witness.sign(cosignatureMessage(readNote(checkpoint)?.text ?? "", time));
    const line = signatureLine(nodeCrypto, witness.key, timedSignature(time, signature));
    net.files.set("/log/checkpoint", checkpoint + line);
    net.tell({ witnesses: [witness.verifierKey] });
    expect(await verified(net.url)).toMatchObject({ code: 0, checks: { ...inOrder, witnesses: status } });
  });
});

describe("the checkpoint that was seen last", () => {
  it.each([0, 1, 256, 300])("of %d entries is compared with the log, and replaced by the newer", async (count) => {
    using net = await hostileLog(count);
    using folder = temporaryFolder();
    const file = `${folder.path}/seen`;
    expect(await verified(net.url, { checkpoint: file })).toMatchObject({
      code: 0,
      checks: inOrder,
      text: expect.stringContaining(`is kept in ${file}`),
    });
    net.becomes(entriesNamed("true", 600));
    expect(await verified(net.url, { checkpoint: file })).toMatchObject({
      code: 0,
      checks: { ...inOrder, consistency: "pass" },
    });
    expect(readFileSync(file, "utf8")).toBe(net.files.get("/log/checkpoint"));
    expect(readdirSync(folder.path)).toEqual(["seen"]);
  });

  it.each<readonly [string, Uint8Array[]]>([
    ["holds other entries", [...entriesNamed("other", 1), ...entriesNamed("true", 600).slice(1)]],
    ["is shorter", entriesNamed("true", 299)],
    ["is another of the same length", entriesNamed("other", 300)],
  ])("is kept where the log %s, though all of it is signed", async (_what, entries) => {
    using net = await hostileLog(300);
    using folder = temporaryFolder();
    const file = `${folder.path}/seen`;
    await verified(net.url, { checkpoint: file });
    const seen = readFileSync(file, "utf8");
    net.becomes(entries);
    expect(await verified(net.url, { checkpoint: file })).toMatchObject({
      code: 1,
      checks: { ...inOrder, consistency: "fail" },
    });
    expect(readFileSync(file, "utf8")).toBe(seen);
  });

  it("is neither held nor broken by a log that could not be read so far", async () => {
    using net = await hostileLog(300);
    using folder = temporaryFolder();
    const file = `${folder.path}/seen`;
    await verified(net.url, { checkpoint: file });
    net.files.set("/log/tile/1/000.p/1", new Uint8Array(32));
    expect((await verified(net.url, { checkpoint: file })).checks).toEqual({
      ...inOrder,
      consistency: "pass",
      entries: "fail",
    });
    net.files.set("/log/tile/0/000", new Uint8Array(32 * 256));
    expect((await verified(net.url, { checkpoint: file })).checks).toEqual({ ...inOrder, entries: "fail" });
  });

  /** Goal: what cannot be read or kept is told before the log is read, which may take hours. Method: files that are none. */
  it.each([
    ["a folder", "", "holds no checkpoint"],
    ["in no folder", "/none/seen", "No checkpoint can be kept"],
    ["below a file", "/text/seen", "No checkpoint can be kept"],
    ["of another log", "/text", "holds no checkpoint"],
    ["a link that leads nowhere", "/dangling", "No checkpoint can be kept"],
  ])("cannot be %s", async (_what, name, words) => {
    using net = await hostileLog();
    using folder = temporaryFolder();
    writeFileSync(`${folder.path}/text`, "text");
    symlinkSync(`${folder.path}/nowhere`, `${folder.path}/dangling`);
    const file = folder.path + name;
    const { code, sentence } = await verified(net.url, { checkpoint: file });
    expect([code, sentence]).toEqual([1, expect.stringContaining(file)]);
    expect(sentence).toContain(words);
    expect(net.asked).toEqual(["/.well-known/darkbloom"]);
    expect(readFileSync(`${folder.path}/text`, "utf8")).toBe("text");
  });

  it("stays behind its link, and whole where the newer one cannot be written", async () => {
    using net = await hostileLog();
    using folder = temporaryFolder();
    const [file, link] = [`${folder.path}/seen`, `${folder.path}/link`];
    await verified(net.url, { checkpoint: file });
    symlinkSync(file, link);
    net.becomes(entriesNamed("true", 300));
    expect(await verified(net.url, { checkpoint: link })).toMatchObject({ code: 0 });
    expect(lstatSync(link).isSymbolicLink()).toBe(true);
    const seen = readFileSync(file, "utf8");
    expect(seen).toBe(net.files.get("/log/checkpoint"));
    net.becomes(entriesNamed("true", 301));
    // Whatever stands in the way of the write.
    writeFileSync(`${file}.${process.pid}.draft`, "");
    const told = await verified(net.url, { checkpoint: file });
    expect(told).toMatchObject({ code: 1, checks: { entries: "pass" }, sentence: expect.stringContaining(file) });
    expect(readFileSync(file, "utf8")).toBe(seen);
  });
});
