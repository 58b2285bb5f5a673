import { equalBytes } from "@darkbloom/protocol/bytes";
import { checks, type Check } from "@darkbloom/protocol/evidence";
import {
  cosignedAtSec,
  LeafRange,
  openCheckpoint,
  readEntry,
  readVerifierKey,
  type Checkpoint,
  type Hash,
  type Note,
} from "@darkbloom/protocol/log";
import { nodeCrypto } from "@darkbloom/protocol/node";
import { command } from "../command.ts";
import { CommandFailed } from "../failure.ts";
import { columns, note, outputOf, wordsOf } from "../output.ts";
import { ContradictoryLog, PublishedLog } from "../published-log.ts";
import { SeenCheckpoint } from "../seen-checkpoint.ts";
import { wellKnownOf } from "../well-known.ts";

const LOG_PROGRESS_EVERY_MS = 2_000;
const DISTRUST =
  "Keep both checkpoints: together they show that this log was changed. Tell its operator, and whoever relies on it.";

export const verifyLog = command({
  path: "verify log",
  does: "Verify a coordinator's transparency log: its checkpoint's signatures, that it only grew since the last one seen, and every entry. Exit code 1 where a check fails.",
  examples: [
    "verify log --coordinator http://127.0.0.1:8080",
    "verify log --coordinator https://coordinator.example.com --checkpoint ./last-seen",
    "verify log --coordinator https://coordinator.example.com --log-key 'darkbloom/log/…+…+…' --json",
  ],
  needs: {
    coordinator: "required",
    logKey: "optional",
    logWitness: "optional",
    checkpoint: "optional",
    json: { default: "false" },
  },
  async run({ coordinator, logKey, logWitness, checkpoint: file, json }) {
    const output = outputOf(json);
    const published = (await wellKnownOf(coordinator)).log;
    if (!published) throw new CommandFailed(`${coordinator.href} keeps no transparency log.`);
    const key = logKey ?? readVerifierKey(nodeCrypto, published.verifier_key);
    if (!key)
      throw new CommandFailed("The key that this coordinator names for its log is none. Give one with --log-key.");
    const kept = file === undefined ? undefined : await SeenCheckpoint.in(file, key);
    const log = new PublishedLog(coordinator, published.path);

    const text = await log.checkpoint();
    const opened = await openCheckpoint(nodeCrypto, text, key);
    if (!opened)
      throw new CommandFailed(
        "What the log shows as its checkpoint is none, or not signed by its key. If the log began anew, its operator must say so: compare the key in /.well-known/darkbloom.",
      );
    const { checkpoint } = opened;
    const witnesses = logWitness?.map(({ verifierKey }) => verifierKey) ?? published.witnesses;
    const read = await readAll(log, checkpoint.size, kept?.checkpoint?.size);
    const found: Check[] = [
      checks.pass("log.signature", `${checkpoint.size} entries, signed by ${key.name}`),
      ...(await Promise.all(witnesses.map((witness) => witnessed(opened.note, witness)))),
      ...(witnesses.length === 0 ? [unwitnessed] : []),
      kept?.checkpoint ? grown(kept.checkpoint, checkpoint, read) : firstSight(file),
      whole(checkpoint, read),
    ];
    const failed = found.some(({ status }) => status === "fail");
    output.result(
      {
        event: "verified",
        good: !failed,
        origin: checkpoint.origin,
        size: checkpoint.size,
        checks: found,
        entries: read.counted,
      },
      () =>
        [
          columns(found.map((check) => [check.status, check.id, wordsOf(check)])),
          "",
          columns([["Entries", ""], ...Object.entries(read.counted).map(([kind, count]) => [String(count), kind])]),
          "",
          failed ? "A check fails: do not rely on this log." : "No check fails.",
        ].join("\n"),
    );
    if (!failed) kept?.keep(text);
    return failed ? 1 : 0;
  },
});

/** What a log's entries, read from the first on, come to. */
interface ReadLog {
  /** How many there are of each kind. */
  readonly counted: Readonly<Record<string, number>>;
  /** Undefined where they were not read to their end. */
  readonly root: Hash | undefined;
  /** Of as many as the checkpoint counts that was seen last; undefined where they were not read so far. */
  readonly seenRoot: Hash | undefined;
  /** Where its files contradict each other: there nothing more is read. */
  readonly contradiction: string | undefined;
}

/** Tells how far it is where that takes a while. */
async function readAll(log: PublishedLog, size: number, seenSize: number | undefined): Promise<ReadLog> {
  const counted: Record<string, number> = {};
  const leaves = new LeafRange(nodeCrypto);
  let seenRoot = seenSize === 0 ? leaves.root() : undefined;
  let toldMs = performance.now();
  try {
    for await (const { bytes, leaf } of log.entries(size)) {
      leaves.add(leaf);
      if (leaves.size === seenSize) seenRoot = leaves.root();
      const kind = readEntry(bytes)?.kind ?? "unknown";
      counted[kind] = (counted[kind] ?? 0) + 1;
      if (performance.now() - toldMs < LOG_PROGRESS_EVERY_MS) continue;
      note(`${leaves.size} of ${size} entries read.`);
      toldMs = performance.now();
    }
  } catch (error) {
    if (!(error instanceof ContradictoryLog)) throw error;
    return { counted, root: undefined, seenRoot, contradiction: error.message };
  }
  return { counted, root: leaves.root(), seenRoot, contradiction: undefined };
}

function grown(seen: Checkpoint, now: Checkpoint, { seenRoot }: ReadLog): Check {
  if (seen.size <= now.size && !seenRoot)
    return checks.unknown(
      "log.consistency",
      `not all ${seen.size} entries of the checkpoint that was seen last could be read`,
      "See log.entries.",
    );
  return checks.either(
    "log.consistency",
    seenRoot !== undefined && equalBytes(seenRoot, seen.root),
    `it holds all ${seen.size} entries of the checkpoint that was seen last, unchanged`,
    `it is not the log whose checkpoint of ${seen.size} entries was seen last`,
    DISTRUST,
  );
}

const whole = (checkpoint: Checkpoint, { root, contradiction }: ReadLog): Check =>
  checks.either(
    "log.entries",
    root !== undefined && equalBytes(root, checkpoint.root),
    "every entry is one of those that the checkpoint was signed over, and every tile of hashes is what they give",
    contradiction ?? "the entries are not those that the checkpoint was signed over",
    DISTRUST,
  );

const firstSight = (file: string | undefined): Check =>
  checks.unknown(
    "log.consistency",
    "seen for the first time",
    file === undefined
      ? "Keep its checkpoint with --checkpoint FILE, and the next run compares."
      : `Its checkpoint is kept in ${file}: the next run compares.`,
  );

const unwitnessed: Check = checks.unknown(
  "log.witnesses",
  "unwitnessed: nobody else signs this log, so it could show you another tree than others",
  "Compare the checkpoint with somebody else's, or ask the operator for witnesses.",
);

async function witnessed(signed: Note, witness: string): Promise<Check> {
  const key = readVerifierKey(nodeCrypto, witness);
  const at = key && (await cosignedAtSec(nodeCrypto, signed, key));
  return at === undefined
    ? checks.unknown("log.witnesses", `${key?.name ?? "a witness"} has not signed this checkpoint`, "Try again later.")
    : checks.pass("log.witnesses", `${key?.name} saw it at ${new Date(at * 1000).toISOString()}`);
}
