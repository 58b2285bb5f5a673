import { unbound } from "@darkbloom/coordinator/accounts/key-terms";
import { openStore } from "@darkbloom/coordinator/adapters/open-store";
import { timeOrderedId } from "@darkbloom/coordinator/ledger/time-ordered-id";
import type { AccountId, JobId, KeyId, MachineId, RequestId, Serial, Sha256Hex } from "@darkbloom/protocol/ids";
import { microUsd } from "@darkbloom/protocol/money";
import { nodeCrypto, systemClock, systemRandom } from "@darkbloom/protocol/node";
import { toBase64, toHex, utf8 } from "@darkbloom/protocol/bytes";
import { randomUUID } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CREDIT, entry } from "./answers.ts";
import { spreadOf, type Spread } from "./figures.ts";

type Store = Awaited<ReturnType<typeof openStore>>;
type Ledger = Store["ledger"];
type HoldTerms = Parameters<Ledger["hold"]>[0];
type Settlement = Parameters<Ledger["settle"]>[1];
type Receipt = NonNullable<NonNullable<Settlement["job"]>["receipt"]>;

/** How long each measure lasts, and how often. Medians need an odd number of rounds. */
export interface LedgerPlan {
  readonly rounds: number;
  readonly roundMs: number;
  readonly warmUpMs: number;
}
export const fullLedgerPlan: LedgerPlan = { rounds: 7, roundMs: 500, warmUpMs: 3_000 };
export const quickLedgerPlan: LedgerPlan = { rounds: 3, roundMs: 150, warmUpMs: 500 };
export const tinyLedgerPlan: LedgerPlan = { rounds: 1, roundMs: 1, warmUpMs: 1 };

/** What one answer, or one look-up, takes: µs of all threads of this process, and on the clock. */
export interface Taken {
  readonly cpuMicros: Spread;
  readonly clockMicros: Spread;
}

/** Answers whose money moves at once, and of how many accounts they are. */
const groups = {
  alone: { size: 1, accounts: 1 },
  "in groups of 8": { size: 8, accounts: 1 },
  "in groups of 64": { size: 64, accounts: 1 },
  "in groups of 64, of 16 accounts": { size: 64, accounts: 16 },
} as const;
const KEYS = 1_000;

/**
 * The money of one answer, as the coordinator moves it: hold, settlement and receipt, in the store of a data folder on a
 * disk. Calls of a group are made in one turn of the loop. And what it takes to find a caller's key.
 */
export async function measureLedger(plan: LedgerPlan): Promise<Record<string, Taken>> {
  const path = mkdtempSync(join(tmpdir(), "darkbloom-ledger-"));
  await using cleanup = new AsyncDisposableStack();
  cleanup.defer(async () => rmSync(path, { recursive: true, force: true, maxRetries: 5 }));
  const failed: unknown[] = [];
  const onSweepError = (error: unknown) => void failed.push(error);
  const store = cleanup.use(await openStore(join(path, "data"), { clock: systemClock, onSweepError }));
  for (let n = 0; n < 16; n++) await store.ledger.credit(`credit_${n}`, accountAt(n), CREDIT, 1);
  const keys = await addKeys(store);

  const acts: Record<string, () => Promise<Spent>> = {
    ...Object.fromEntries(
      Object.entries(groups).map(([name, group]) => [
        name,
        async () => {
          const answers = Array.from({ length: group.size }, (_, n) => answerOf(accountAt(n % group.accounts)));
          return await spentOn(group.size, () => pay(store.ledger, answers));
        },
      ]),
    ),
    "a key is found": () =>
      spentOn(keys.length, async () => {
        for (const hash of keys) await store.accounts.find(hash);
      }),
  };
  for (const act of Object.values(acts)) await repeat(act, plan.warmUpMs / Object.keys(acts).length);
  const rounds = Object.fromEntries(Object.keys(acts).map((name) => [name, [] as Round[]]));
  for (let round = 0; round < plan.rounds; round++)
    for (const [name, act] of Object.entries(acts)) rounds[name]?.push(await repeat(act, plan.roundMs));
  if (failed.length > 0) throw new AggregateError(failed, "the store could not be swept");
  const faults = await store.ledger.check();
  if (faults.length > 0) throw new Error(`the books do not add up: ${faults.map(({ part }) => part).join(", ")}`);
  return Object.fromEntries(
    Object.entries(rounds).map(([name, taken]) => [
      name,
      {
        cpuMicros: spreadOf(taken.map(({ cpuMicros }) => cpuMicros)),
        clockMicros: spreadOf(taken.map(({ clockMicros }) => clockMicros)),
      },
    ]),
  );
}

interface Round {
  readonly cpuMicros: number;
  readonly clockMicros: number;
}

interface Spent extends Round {
  readonly done: number;
}

async function spentOn(done: number, act: () => Promise<void>): Promise<Spent> {
  const startedMs = performance.now();
  const started = process.cpuUsage();
  await act();
  const { user, system } = process.cpuUsage(started);
  return { done, cpuMicros: user + system, clockMicros: (performance.now() - startedMs) * 1_000 };
}

/** For one of what is done, over so long. */
async function repeat(act: () => Promise<Spent>, ms: number): Promise<Round> {
  const startedMs = performance.now();
  let [done, cpuMicros, clockMicros] = [0, 0, 0];
  do {
    const spent = await act();
    done += spent.done;
    cpuMicros += spent.cpuMicros;
    clockMicros += spent.clockMicros;
  } while (performance.now() - startedMs < ms);
  return { cpuMicros: cpuMicros / done, clockMicros: clockMicros / done };
}

const accountAt = (n: number): AccountId => `acct_${String(n).padStart(32, "0")}` as AccountId;

interface Answer {
  readonly terms: HoldTerms;
  readonly settlement: Settlement;
}

const answerOf = (account: AccountId): Answer => {
  const terms = termsOf(account);
  return { terms, settlement: settlementOf(terms) };
};

async function pay(ledger: Ledger, answers: readonly Answer[]): Promise<void> {
  await Promise.all(answers.map(({ terms }) => ledger.hold(terms)));
  await Promise.all(answers.map(({ terms, settlement }) => ledger.settle(terms.holdId, settlement)));
}

async function addKeys({ accounts }: Store): Promise<Sha256Hex[]> {
  const hashes: Sha256Hex[] = [];
  for (let n = 0; n < KEYS; n++) {
    const hash = toHex(nodeCrypto.sha256(utf8(`key ${n}`))) as Sha256Hex;
    const account = accountAt(n % 16);
    const keyId = `key_${n}` as KeyId;
    await accounts.add(hash, {
      keyId,
      account,
      createdBy: null,
      ...unbound,
      name: "bench",
      label: "eigeninference-Ab3…x9Q2",
      createdAt: n,
      lastUsedAt: null,
      revokedAt: null,
    });
    hashes.push(hash);
  }
  return hashes;
}

const MACHINE = `mach_${"1".repeat(32)}`;
const EARNER = { account: MACHINE as AccountId, machineId: MACHINE as MachineId };
/** As the coordinator makes them. */
const idOf = (): string => timeOrderedId({ clock: systemClock, random: systemRandom });

const termsOf = (account: AccountId): HoldTerms => ({
  holdId: `hold_${idOf()}` as HoldTerms["holdId"],
  requestId: randomUUID() as string as RequestId,
  account,
  keyId: "key_0" as KeyId,
  model: entry.id,
  amount: microUsd(1_000n),
  tokens: 1_000n,
  caps: [],
  at: systemClock.now(),
});

/** As long, and as random, as a real one. */
function settlementOf({ requestId }: HoldTerms): Settlement {
  const jobId = `job_${idOf()}` as JobId;
  const at = systemClock.now();
  return {
    outcome: "finished",
    charge: microUsd(40n),
    at,
    job: {
      jobId,
      serial: "SW-0123456789" as Serial,
      usage: { promptTokens: 24, cachedTokens: 0, completionTokens: 9, reasoningTokens: 0 },
      earned: microUsd(36n),
      earner: EARNER,
      receipt: receiptOf(jobId, requestId, at),
      receiptSha256: systemRandom.bytes(32),
    },
  };
}

const shared = {
  identity: toBase64(systemRandom.bytes(65)),
  evidence: toHex(systemRandom.bytes(32)),
  provider: `prov_${idOf()}`,
  keyId: toHex(systemRandom.bytes(8)),
};

const receiptOf = (jobId: JobId, requestId: RequestId, at: number): Receipt => ({
  receipt: {
    v: 1,
    job_id: jobId,
    request_id: requestId,
    privacy: "transparent",
    endpoint: "/v1/chat/completions",
    model: entry.id,
    build: entry.build,
    weights_sha256: entry.weightsSha256,
    engine: { name: "scripted", version: "1" },
    request_sha256: toHex(systemRandom.bytes(32)),
    response_sha256: toHex(systemRandom.bytes(32)),
    sampling: {
      temperature: 0,
      top_p: 1,
      seed: at,
      top_k: 0,
      frequency_penalty: 0,
      presence_penalty: 0,
      logit_bias: 0,
      stop: 0,
      max_tokens: 9,
      n: 1,
    },
    usage: { prompt_tokens: 24, cached_tokens: 0, completion_tokens: 9, reasoning_tokens: 0 },
    finish_reason: "stop",
    provider_id: shared.provider,
    identity_key: shared.identity,
    evidence_sha256: shared.evidence,
    started_at: new Date(at - 20).toISOString(),
    finished_at: new Date(at).toISOString(),
  },
  provider_signature: toBase64(systemRandom.bytes(71)),
  coordinator_signature: toBase64(systemRandom.bytes(64)),
  coordinator_key_id: shared.keyId,
  countersigned_at: new Date(at).toISOString(),
});
