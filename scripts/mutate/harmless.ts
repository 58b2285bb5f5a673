/**
 * Mutants that no test can see, and why that is right. Found by file and source, so that lines may move; one that is seen,
 * or no longer in the file, is an error. In order of files.
 */
export interface Harmless {
  readonly file: string;
  /** The source of the condition on one line, as `npm run mutate-checks` prints it. */
  readonly text: string;
  /** What it becomes; every change of it where it is missing. */
  readonly change?: string;
  readonly why: string;
}

/** Bounds of the dialects' bodies that two places keep. */
const keptTwice: readonly (readonly [file: string, text: string])[] = [
  ["anthropic-messages/request.ts", "MESSAGES_MAX"],
  ["anthropic-messages/request.ts", "PINNED_SERIALS_MAX"],
  ["anthropic-messages/request.ts", "STOP_STRINGS_MAX"],
  ["anthropic-messages/request.ts", "TEMPLATE_SETTINGS_MAX"],
  ["anthropic-messages/request.ts", "TOOLS_MAX"],
  ["open-model-fields.ts", "TEMPLATE_SETTINGS_MAX"],
  ["openai-chat/request-schema.ts", "LOGIT_BIASES_MAX"],
  ["openai-chat/request.ts", "LOGIT_BIASES_MAX"],
  ["openai-chat/request.ts", "MESSAGES_MAX"],
  ["openai-chat/request.ts", "PINNED_SERIALS_MAX"],
  ["openai-chat/request.ts", "STOP_STRINGS_MAX"],
  ["openai-chat/request.ts", "TEMPLATE_SETTINGS_MAX"],
  ["openai-chat/request.ts", "TOOLS_MAX"],
  ["openai-completions/request.ts", "LOGIT_BIASES_MAX"],
  ["openai-completions/request.ts", "PINNED_SERIALS_MAX"],
  ["openai-completions/request.ts", "STOP_STRINGS_MAX"],
  ["openai-embeddings/request.ts", "PINNED_SERIALS_MAX"],
  ["openai-responses/request-schema.ts", "METADATA_PAIRS_MAX"],
  ["openai-responses/request.ts", "INCLUDES_MAX"],
  ["openai-responses/request.ts", "LOGIT_BIASES_MAX"],
  ["openai-responses/request.ts", "METADATA_PAIRS_MAX"],
  ["openai-responses/request.ts", "PINNED_SERIALS_MAX"],
  ["openai-responses/request.ts", "STOP_STRINGS_MAX"],
  ["openai-responses/request.ts", "TEMPLATE_SETTINGS_MAX"],
  ["openai-responses/request.ts", "TOOLS_MAX"],
];

export const harmless: readonly Harmless[] = [
  ...keptTwice.map(([file, text]) => ({
    file: `packages/protocol/src/dialects/${file}`,
    text,
    why: "counted before it is read, and by the schema again, in the same words: either refuses as much",
  })),
  {
    file: "apps/cli/src/commands/verify-log.ts",
    text: "performance.now() - toldMs < PROGRESS_EVERY_MS",
    change: "<=",
    why: "an entry sooner or later",
  },
  {
    file: "apps/cli/src/commands/up.ts",
    text: "PATIENCE_MS",
    why: "when a start that takes long is told of",
  },
  {
    file: "apps/cli/src/commands/verify-log.ts",
    text: "PROGRESS_EVERY_MS",
    why: "how often a log that takes long is told of",
  },
  {
    file: "apps/cli/src/network.ts",
    text: "HANG_LOOK_EVERY_MS",
    why: "what the looks come to is seen; only `up` as a program takes them",
  },
  {
    file: "apps/cli/src/network.ts",
    text: "OTHERS_WAIT_MS",
    why: "only `up` as a program waits for its further providers, and says then how many of them serve",
  },
  {
    file: "apps/cli/src/stop.ts",
    text: "ONE_PRESS_MS",
    why: "its tests run it as a process of its own, where no change is switched on",
  },
  {
    file: "apps/cli/src/stop.ts",
    text: "ORPHAN_MS",
    why: "its tests run it as a process of its own, where no change is switched on",
  },
  {
    file: "apps/coordinator/src/adapters/database.ts",
    text: "version < migrations.length",
    change: "true",
    why: "where no step is missing there is nothing to do; not looking spares a start some milliseconds",
  },
  {
    file: "apps/coordinator/src/adapters/database.ts",
    text: "version < migrations.length",
    change: "<=",
    why: "where no step is missing there is nothing to do; not looking spares a start some milliseconds",
  },
  {
    file: "apps/coordinator/src/adapters/database.ts",
    text: 'typeof version !== "number"',
    change: "false",
    why: "SQLite gives every database a version; this says so where it would not",
  },
  {
    file: "apps/coordinator/src/adapters/open-store.ts",
    text: 'error instanceof NetworkError && error.failure.code === "storage_unavailable"',
    change: "left side",
    why: "another failure has no fault of the storage; the compiler wants to be told",
  },
  {
    file: "apps/coordinator/src/adapters/sqlite-rows.ts",
    text: 'typeof value !== "string"',
    change: "false",
    why: "the columns that are read so hold text and never nothing; this says so where they would not",
  },
  {
    file: "apps/coordinator/src/adapters/sqlite-journal.ts",
    text: "known",
    change: "false",
    why: "the same statement prepared again; keeping it spares every entry that",
  },
  {
    file: "apps/coordinator/src/adapters/sqlite-ledger.ts",
    text: "charge > 0n",
    change: "true",
    why: "nothing more was charged, and nothing is added; not adding spares a statement",
  },
  {
    file: "apps/coordinator/src/adapters/sqlite-ledger.ts",
    text: "charge > 0n",
    change: ">=",
    why: "nothing more was charged, and nothing is added; not adding spares a statement",
  },
  {
    file: "apps/coordinator/src/adapters/sqlite-ledger.ts",
    text: 'typeof holdEntry === "bigint"',
    change: "true",
    why: "it is a number or null, which goes on as it is; the compiler wants to be told",
  },
  {
    file: "apps/coordinator/src/adapters/sqlite-log.ts",
    text: "kept.width === width",
    change: "false",
    why: "a whole bundle that is taken apart and put together again has the same bytes",
  },
  {
    file: "apps/coordinator/src/adapters/sqlite-log.ts",
    text: 'typeof job_id !== "string" || !(sha256 instanceof Uint8Array)',
    why: "the columns that are read so hold text and bytes; this says so where they would not",
  },
  {
    file: "apps/coordinator/src/adapters/sqlite-log.ts",
    text: "width === TILE_WIDTH && level !== ENTRIES_LEVEL",
    change: "left side",
    why: "nobody asks for the root of a bundle of entries; it is not computed",
  },
  {
    file: "apps/coordinator/src/http/access.ts",
    text: 'typeof apiKey === "string" && apiKey !== ""',
    change: "right side",
    why: "Node joins what is sent twice under this name; the compiler wants to be told",
  },
  {
    file: "apps/coordinator/src/http/caller-socket.ts",
    text: "CONVERSATION_BYTES_MAX",
    why: "what is given back is never more than was taken",
  },
  {
    file: "apps/coordinator/src/inference/privacy/transparent.ts",
    text: "!secret",
    change: "false",
    why: "what is sealed for one recipient has one secret; this says so where it would not",
  },
  {
    file: "apps/coordinator/src/inference/privacy/transparent.ts",
    text: "terms.nonce !== undefined && { nonce: terms.nonce }",
    change: "right side",
    why: "the header is JSON, which leaves out what is undefined; the compiler wants to be told",
  },
  {
    file: "apps/coordinator/src/inference/privacy/transparent.ts",
    text: "entry.embedding && this.#dialect.checkVectors?.(entry.id, this.#figures, entry.embedding.dimensions)",
    change: "right side",
    why: "who asks a model for vectors that gives none was refused before; the compiler wants to be told",
  },
  {
    file: "apps/coordinator/src/inference/serve.ts",
    text: 'ask.terms.stream && "phase" in failure',
    change: "left side",
    why: "a failure that has no phase is of none; the compiler wants to be told",
  },
  {
    file: "apps/coordinator/src/ledger/book.ts",
    text: "!mayStand(account, balances)",
    change: "false",
    why: "no entry that the rules make takes more than there is; this says so where one would",
  },
  {
    file: "apps/coordinator/src/ledger/journal.ts",
    text: "one < other",
    change: "<=",
    why: "of two amounts that are the same either is the lesser",
  },
  {
    file: "apps/coordinator/src/machines/choose.ts",
    text: "!drawn",
    change: "false",
    why: "the best is as good as itself, so one is drawn; this says so where none would be",
  },
  {
    file: "apps/coordinator/src/machines/slots.ts",
    text: '"chosen" in found && this.#room.isAwaited(waiter.build)',
    change: "true",
    why: "spares a look at all machines: where nobody waits nobody is served by it, and where none was chosen none is free for this one",
  },
  {
    file: "apps/coordinator/src/machines/slots.ts",
    text: '"chosen" in found && this.#room.isAwaited(waiter.build)',
    change: "left side",
    why: "spares a look at all machines: where nobody waits nobody is served by it, and where none was chosen none is free for this one",
  },
  {
    file: "apps/coordinator/src/machines/slots.ts",
    text: '"chosen" in found && this.#room.isAwaited(waiter.build)',
    change: "right side",
    why: "spares a look at all machines: where nobody waits nobody is served by it, and where none was chosen none is free for this one",
  },
  {
    file: "apps/coordinator/src/machines/slots.ts",
    text: "sinceMs < untilMs && untilMs <= nowMs",
    change: "left side",
    why: "who is shut out still is looked at in vain",
  },
  {
    file: "apps/coordinator/src/machines/slots.ts",
    text: "changed.length === 0",
    change: "false",
    why: "without a machine all who wait would be looked at in vain",
  },
  {
    file: "apps/coordinator/src/machines/slots.ts",
    text: '!("chosen" in choice)',
    change: "false",
    why: "one of these machines may serve this waiter, so one is chosen; the compiler wants to be told",
  },
  {
    file: "apps/coordinator/src/machines/slots.ts",
    text: "!member",
    change: "false",
    why: "who was chosen is connected in that turn; this says so where it would not be",
  },
  {
    file: "apps/coordinator/src/machines/waiting-room.ts",
    text: "sum === 0",
    change: "false",
    why: "what is zero counts as nothing; forgetting it spares memory",
  },
  {
    file: "apps/coordinator/src/machines/trust/activation.ts",
    text: "!this.#tpm || !this.#secret",
    change: "right side",
    why: "where there is a secret there is a TPM; the compiler wants to be told",
  },
  {
    file: "apps/coordinator/src/machines/connection/outbox.ts",
    text: 'before?.type === "credit" && message.type === "credit"',
    change: "left side",
    why: "what is about the same is of the same type; the compiler wants to be told",
  },
  {
    file: "apps/coordinator/src/machines/connection/provider-session.ts",
    text: "line.closed || line.abandoned",
    change: "right side",
    why: "what its machine has closed is closed once more, which changes nothing",
  },
  {
    file: "apps/coordinator/src/machines/trust/trust-status.ts",
    text: "offsetMs > 0",
    change: ">=",
    why: "a clock that is off is off by something",
  },
  {
    file: "apps/provider/src/inference/answer.ts",
    text: "job.stream && job.asLines !== true",
    change: "right side",
    why: "a plain answer is rendered at its end, and what has not begun is given no comments",
  },
  {
    file: "apps/provider/src/inference/answer.ts",
    text: 'echo !== ""',
    change: "true",
    why: "nothing said is rendered as nothing; looking spares a call for each token",
  },
  {
    file: "apps/provider/src/inference/answer.ts",
    text: "!prompt",
    change: "false",
    why: "there are as many choices as the prompts have; this says so where there were more",
  },
  {
    file: "apps/provider/src/ws/dial.ts",
    text: "!isBinary && Buffer.isBuffer(data)",
    change: "left side",
    why: "ws gives every text as one Buffer; only its type has other forms",
  },
  {
    file: "apps/coordinator/src/transparency/transparency-log.ts",
    text: "oldest !== undefined",
    change: "true",
    why: "too many facts have an oldest; the compiler wants to be told",
  },
  {
    file: "packages/protocol/src/log/tree.ts",
    text: "!first",
    change: "false",
    why: "without a hash the sizes alone say that it is no proof; the compiler wants to be told",
  },
  {
    file: "packages/protocol/src/sealing/answer.ts",
    text: "rest.length < NONCE_BYTES",
    change: "<=",
    why: "of a nonce that comes alone there is no frame yet, whether it is kept or read",
  },
  {
    file: "packages/protocol/src/sealing/envelope-bytes.ts",
    text: "told && parts",
    change: "left side",
    why: "what was told was read from the parts: without them there is nothing told",
  },
  {
    file: "packages/protocol/src/sealing/envelope-bytes.ts",
    text: "bytes.length < 4",
    change: "<=",
    why: "a length with nothing behind it is no JSON, which parsing says too",
  },
  {
    file: "packages/protocol/src/wire/records.ts",
    text: "idLength === 0 || idLength > JOB_ID_BYTES_MAX || bytesAt > message.length",
    change: "left side",
    why: "of a length that is cut off the next condition finds less than nothing left, or `DataView` throws the same error",
  },
  {
    file: "apps/provider/src/session/outbox.ts",
    text: "first && more.length === 0",
    change: "false",
    why: "one record that is joined to none is the same bytes, copied",
  },
  {
    file: "apps/provider/src/session/outbox.ts",
    text: "first && more.length === 0",
    change: "right side",
    why: "there is a first one: none was looked for above",
  },
];
