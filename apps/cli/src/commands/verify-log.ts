import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { equalBytes } from "@darkbloom/protocol/bytes";
import { checks, type Check } from "@darkbloom/protocol/evidence";
import {
  cosignedAtSec,
  isConsistent,
  openCheckpoint,
  readEntry,
  readVerifierKey,
  type Checkpoint,
  type Note,
  type NoteKey,
} from "@darkbloom/protocol/log";
import { nodeCrypto } from "@darkbloom/protocol/node";
import { command } from "../command.ts";
import { CommandFailed } from "../failure.ts";
import { columns, note, outputOf, wordsOf } from "../output.ts";
import { PublishedLog } from "../published-log.ts";
import { baseOf, wellKnownOf } from "../well-known.ts";

const PROGRESS_EVERY_MS = 2_000;
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
    const seen = file === undefined || !existsSync(file) ? undefined : seenIn(file, key);
    const log = new PublishedLog(new URL(`${published.path.replace(/^\/+|\/+$/g, "")}/`, baseOf(coordinator)));

    const text = await log.checkpoint();
    const opened = openCheckpoint(nodeCrypto, text, key);
    if (!opened)
      throw new CommandFailed(
        "The log's checkpoint is not signed by its key. If the log began anew, its operator must say so: compare the key in /.well-known/darkbloom.",
      );
    const { checkpoint } = opened;
    const witnesses = logWitness?.map(({ verifierKey }) => verifierKey) ?? published.witnesses;
    const counted = await countEntries(log, checkpoint.size);
    const found: Check[] = [
      checks.pass("log.signature", `${checkpoint.size} entries, signed by ${key.name}`),
      ...witnesses.map((witness) => witnessed(opened.note, witness)),
      ...(witnesses.length === 0 ? [unwitnessed] : []),
      seen ? await grown(log, seen, checkpoint) : firstSight(file),
      checks.either(
        "log.entries",
        equalBytes(await log.tree(checkpoint.size).root(), checkpoint.root),
        "every entry is one of the tree that the checkpoint was signed over",
        "the entries are not those that the checkpoint was signed over",
        DISTRUST,
      ),
    ];
    const failed = found.some(({ status }) => status === "fail");
    if (file !== undefined && !failed) writeFileSync(file, text);
    output.result(
      {
        event: "verified",
        good: !failed,
        origin: checkpoint.origin,
        size: checkpoint.size,
        checks: found,
        entries: counted,
      },
      () =>
        [
          columns(found.map((check) => [check.status, check.id, wordsOf(check)])),
          "",
          columns([["Entries", ""], ...Object.entries(counted).map(([kind, count]) => [String(count), kind])]),
          "",
          failed ? "A check fails: do not rely on this log." : "No check fails.",
        ].join("\n"),
    );
    return failed ? 1 : 0;
  },
});

/** How many entries there are of each kind; tells how far it is where that takes a while. */
async function countEntries(log: PublishedLog, size: number): Promise<Record<string, number>> {
  const counted: Record<string, number> = {};
  let read = 0;
  let toldMs = performance.now();
  for await (const entry of log.entries(size)) {
    const kind = readEntry(entry)?.kind ?? "unknown";
    counted[kind] = (counted[kind] ?? 0) + 1;
    read += 1;
    if (performance.now() - toldMs < PROGRESS_EVERY_MS) continue;
    note(`${read} of ${size} entries read.`);
    toldMs = performance.now();
  }
  return counted;
}

async function grown(log: PublishedLog, seen: Checkpoint, now: Checkpoint): Promise<Check> {
  const isGrown =
    seen.size === 0 ||
    (seen.size <= now.size &&
      isConsistent(nodeCrypto, seen, now, await log.tree(now.size).consistencyProof(seen.size)));
  return checks.either(
    "log.consistency",
    isGrown,
    `it holds all ${seen.size} entries of the checkpoint that was seen last, unchanged`,
    `it is not the log whose checkpoint of ${seen.size} entries was seen last`,
    DISTRUST,
  );
}

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

function witnessed(signed: Note, witness: string): Check {
  const key = readVerifierKey(nodeCrypto, witness);
  const at = key && cosignedAtSec(nodeCrypto, signed, key);
  return at === undefined
    ? checks.unknown("log.witnesses", `${key?.name ?? "a witness"} has not signed this checkpoint`, "Try again later.")
    : checks.pass("log.witnesses", `${key?.name} saw it at ${new Date(at * 1000).toISOString()}`);
}

/** @throws CommandFailed where the file holds no checkpoint of this log */
function seenIn(file: string, key: NoteKey): Checkpoint {
  const opened = openCheckpoint(nodeCrypto, readFileSync(file, "utf8"), key);
  if (!opened)
    throw new CommandFailed(
      `${file} holds no checkpoint that this log's key signed. If the log began anew, ask its operator why; then move the file away.`,
    );
  return opened.checkpoint;
}
