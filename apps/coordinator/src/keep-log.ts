import type { Revocations } from "@darkbloom/protocol/evidence";
import type { LogEntry } from "@darkbloom/protocol/log";
import { LOG_CHECKPOINT_FILE, LOG_KEY_FILE, LogError } from "./adapters/log-signer.ts";
import type { Store } from "./adapters/open-store.ts";
import { coordinatorKeyEntry, releaseEntry, revocationEntries, weightsEntry } from "./transparency/facts.ts";
import type { Witness } from "./transparency/port.ts";
import { ForkedLog, LOG_EVERY_MS, TransparencyLog, type LogNet } from "./transparency/transparency-log.ts";

/** What the log says beside receipts and machines' keys. */
export interface LoggedConfig {
  readonly version: string;
  /** Of our own source; it takes a while, and nothing waits for it. */
  readonly codeSha256?: () => Promise<string>;
  readonly revoked?: { current(): Revocations };
  readonly witnesses?: readonly Witness[];
}

export interface KeptLog extends AsyncDisposable {
  readonly log: TransparencyLog;
}

/**
 * Opens the folder's transparency log and lets it grow until it is disposed of.
 *
 * @throws LogError where the folder's files contradict what the log has signed
 */
export async function keepLog(
  net: Pick<LogNet, "clock" | "crypto" | "events">,
  store: Store,
  config: LoggedConfig,
): Promise<KeptLog> {
  const { networkKey, logStore, logSigner } = store;
  const log = await TransparencyLog.open({
    ...net,
    networkKey,
    store: logStore,
    signer: logSigner,
    witnesses: config.witnesses ?? [],
    head: store.among?.logHead,
  }).catch((error: unknown) => {
    throw error instanceof ForkedLog ? forked(store.folder.path, error) : error;
  });
  const { keyId, publicKey } = store.countersigner;
  const entries: LogEntry[] = [coordinatorKeyEntry(keyId, publicKey), ...store.catalog.entries.map(weightsEntry)];
  for (const entry of entries) log.add(entry);
  void config.codeSha256?.().then(
    (sha256) => log.add(releaseEntry(config.version, sha256)),
    (error: unknown) => net.events.bug({ where: "background" }, error),
  );
  const stop = new AbortController();
  const running = Promise.all([
    log.run(stop.signal),
    config.revoked && logRevocations(net, log, config.revoked, stop.signal),
  ]);
  return {
    log,
    async [Symbol.asyncDispose]() {
      stop.abort();
      await running;
    },
  };
}

/** Room that a long list leaves for what is told once: the release's hash comes late. */
const FACTS_THAT_COME_ONCE = 16;

/** A list is looked at as often as the log grows; its entries are taken once for each new list, as many as there is room for. */
async function logRevocations(
  { clock }: Pick<LogNet, "clock">,
  log: TransparencyLog,
  revoked: { current(): Revocations },
  over: AbortSignal,
): Promise<void> {
  let known: Revocations | undefined;
  let left: LogEntry[] = [];
  while (!over.aborted) {
    const list = revoked.current();
    if (list !== known) left = revocationEntries(list);
    known = list;
    for (const entry of left.splice(0, Math.max(0, log.room - FACTS_THAT_COME_ONCE))) log.add(entry);
    await clock.sleep(LOG_EVERY_MS, over).catch(() => undefined);
  }
}

const forked = (path: string, { message }: ForkedLog): LogError =>
  new LogError(
    `The transparency log in ${path} would contradict what it has signed: ${message}. Put the newest database back; only if it is lost, move ${LOG_KEY_FILE} and ${LOG_CHECKPOINT_FILE} away, and a new log begins, which everybody sees.`,
  );
