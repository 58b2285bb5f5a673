/** Which files decide, and which tests hold a file besides the one beside it. A line for each, in order. */

/** Files and folders whose conditions are taken away when no file is named. */
export const deciding: readonly string[] = [
  "apps/cli/src/commands/verify-log.ts",
  "apps/cli/src/published-log.ts",
  "apps/cli/src/published.ts",
  "apps/cli/src/seen-checkpoint.ts",
  "apps/coordinator/src/accounts/keys.ts",
  "apps/coordinator/src/adapters/database-check.ts",
  "apps/coordinator/src/adapters/database-mark.ts",
  "apps/coordinator/src/adapters/database.ts",
  "apps/coordinator/src/adapters/group-commit.ts",
  "apps/coordinator/src/adapters/http-witness.ts",
  "apps/coordinator/src/adapters/log-signer.ts",
  "apps/coordinator/src/adapters/memory-ledger.ts",
  "apps/coordinator/src/adapters/open-store.ts",
  "apps/coordinator/src/adapters/sqlite-idempotency-keys.ts",
  "apps/coordinator/src/adapters/sqlite-journal.ts",
  "apps/coordinator/src/adapters/sqlite-ledger.ts",
  "apps/coordinator/src/adapters/sqlite-log.ts",
  "apps/coordinator/src/adapters/storage-failure.ts",
  "apps/coordinator/src/http/access.ts",
  "apps/coordinator/src/inference",
  "apps/coordinator/src/ledger",
  "apps/coordinator/src/limits",
  "apps/coordinator/src/machines",
  "apps/coordinator/src/transparency",
  "apps/provider/src/inference",
  "apps/provider/src/session",
  "apps/provider/src/ws",
  "packages/client/src",
  "packages/protocol/src/evidence/levels.ts",
  "packages/protocol/src/evidence/verify.ts",
  "packages/protocol/src/log",
  "packages/protocol/src/money.ts",
  "packages/protocol/src/receipts",
  "packages/protocol/src/sealing",
  "packages/protocol/src/wire/records.ts",
  "packages/protocol/src/wire/request-record.ts",
];

const simulated = [
  "packages/testkit/src/every-path.test.ts",
  "packages/testkit/src/network.test.ts",
  "packages/testkit/src/errors.test.ts",
  "packages/testkit/src/proof.test.ts",
];
const sealed = ["packages/testkit/src/sealed.test.ts"];
const machines = [
  "packages/testkit/src/trust.test.ts",
  "packages/testkit/src/serials.test.ts",
  "packages/testkit/src/clocks.test.ts",
];
const connections = [...machines, "packages/testkit/src/frames.test.ts", "packages/testkit/src/sockets.test.ts"];
const ledgers = [
  "apps/coordinator/src/adapters/memory-ledger.test.ts",
  "apps/coordinator/src/adapters/sqlite-ledger.test.ts",
];
const storage = [
  "apps/coordinator/src/adapters/full-disk.test.ts",
  "apps/coordinator/src/adapters/open-store.test.ts",
  "apps/coordinator/src/adapters/database.test.ts",
  "apps/coordinator/src/adapters/group-commit.test.ts",
];
const logs = [
  "apps/coordinator/src/keep-log.test.ts",
  "apps/coordinator/src/transparency/log-crash.test.ts",
  "apps/coordinator/src/transparency/transparency-log.test.ts",
  "packages/protocol/src/log/tree.test.ts",
  "packages/protocol/src/log/note.test.ts",
];
const edge = ["apps/coordinator/src/http/infer.test.ts", "apps/coordinator/src/http/routes.test.ts"];

/** A file, or all files that begin so, and the tests (or folders of tests) that hold it too; all that fit count. */
export const furtherTests: readonly (readonly [begin: string, tests: readonly string[]])[] = [
  ["apps/cli/src/", ["apps/cli/src/doctor-way.test.ts", "apps/cli/src/published.test.ts"]],
  ["apps/cli/src/commands/", ["apps/cli/src/commands/provider-stop.test.ts"]],
  ["apps/cli/src/published", ["apps/cli/src/commands/verify-log.test.ts"]],
  ["apps/cli/src/seen-checkpoint.ts", ["apps/cli/src/commands/verify-log.test.ts"]],
  ["apps/coordinator/src/accounts/", ["apps/coordinator/src/adapters/sqlite-accounts.test.ts", ...edge]],
  ["apps/coordinator/src/adapters/database", ["apps/coordinator/src/adapters/open-store.test.ts"]],
  ["apps/coordinator/src/adapters/group-commit.ts", ["apps/coordinator/src/adapters/sqlite-ledger.test.ts"]],
  ["apps/coordinator/src/adapters/log-signer.ts", logs],
  ["apps/coordinator/src/adapters/migrations.ts", ["apps/coordinator/src/adapters/open-store.test.ts"]],
  ["apps/coordinator/src/adapters/sqlite-", ["apps/coordinator/src/adapters/sqlite-ledger.test.ts"]],
  ["apps/coordinator/src/adapters/sqlite-", ["apps/coordinator/src/adapters/"]],
  ["apps/coordinator/src/adapters/sqlite-log.ts", logs],
  ["apps/coordinator/src/adapters/storage-failure.ts", storage],
  ["apps/coordinator/src/admin/", ["apps/coordinator/src/admin/"]],
  ["apps/coordinator/src/http/", [...edge, "apps/coordinator/src/http/", "packages/testkit/src/errors.test.ts"]],
  ["apps/coordinator/src/inference/", ["apps/coordinator/src/inference/", ...simulated, ...sealed, ...edge]],
  ["apps/coordinator/src/ledger/", [...ledgers, "apps/coordinator/src/inference/idempotency.test.ts", ...simulated]],
  ["apps/coordinator/src/limits/", edge],
  ["apps/coordinator/src/machines/", [...simulated, ...connections]],
  ["apps/coordinator/src/machines/fleet.ts", ["apps/coordinator/src/machines/"]],
  ["apps/coordinator/src/machines/records/", ["apps/coordinator/src/machines/records/"]],
  ["apps/coordinator/src/machines/slots.ts", ["apps/coordinator/src/machines/"]],
  ["apps/coordinator/src/machines/waiting-room.ts", ["apps/coordinator/src/machines/"]],
  ["apps/coordinator/src/machines/connection/", [...machines, "apps/coordinator/src/machines/"]],
  ["apps/coordinator/src/machines/trust/", [...machines, "apps/coordinator/src/machines/"]],
  ["apps/coordinator/src/transparency/", logs],
  ["apps/coordinator/src/ws/", [...connections]],
  ["apps/provider/src/engine/", ["apps/provider/src/engine/"]],
  ["apps/provider/src/files/", ["apps/provider/src/files/"]],
  ["apps/provider/src/identity/", ["apps/provider/src/identity/"]],
  ["apps/provider/src/identity/tpm/", ["apps/provider/test/soft-tpm.test.ts"]],
  [
    "apps/provider/src/inference/",
    ["apps/provider/src/inference/", "packages/testkit/test/goldens/", ...simulated, ...sealed],
  ],
  ["apps/provider/src/language/", ["apps/provider/src/language/"]],
  ["apps/provider/src/posture/", ["apps/provider/src/posture/"]],
  ["apps/provider/src/session/", ["apps/provider/src/session/", ...simulated, ...connections]],
  ["apps/provider/src/ws/", connections],
  ["packages/client/src/", ["packages/client/src/", "packages/client/test/"]],
  ["packages/protocol/src/dialects/", ["packages/protocol/src/dialects/"]],
  ["packages/protocol/src/evidence/", ["packages/protocol/src/evidence/", "packages/protocol/src/printable.test.ts"]],
  ["packages/protocol/src/log/", logs],
  ["packages/protocol/src/receipts/", ["packages/testkit/src/proof.test.ts", "packages/protocol/test/vectors.test.ts"]],
  ["packages/protocol/src/schema/", ["packages/protocol/src/schema/", "packages/protocol/src/dialects/"]],
  [
    "packages/protocol/src/sealing/",
    ["packages/protocol/src/sealing/", "packages/testkit/src/frames.test.ts", ...sealed],
  ],
  ["packages/protocol/src/tpm/", ["packages/protocol/src/tpm/", "packages/protocol/src/evidence/"]],
  ["packages/protocol/src/wire/", ["packages/protocol/src/wire/", ...connections]],
  ["packages/protocol/src/x509/", ["packages/protocol/src/x509/", "packages/protocol/test/"]],
];
