import { joinBytes, toHex, utf8 } from "@darkbloom/protocol/bytes";
import type { Evidence, TrustLevel } from "@darkbloom/protocol/evidence";
import type { AccountId, BuildId, JobId, KeyId, ModelId, ProviderId, Serial, Sha256Hex } from "@darkbloom/protocol/ids";
import { microUsd } from "@darkbloom/protocol/money";
import type { ReceiptDocument } from "@darkbloom/protocol/receipts";
import { nodeCrypto, systemClock, systemRandom } from "@darkbloom/protocol/node";
import { connect, type Socket } from "node:net";
import { auditedAdmin } from "../src/admin/audited.ts";
import { adminOf } from "../src/admin/operations.ts";
import { linksOf } from "../src/admin/people.ts";
import { MemoryAccounts } from "../src/adapters/memory-accounts.ts";
import { Unopened } from "../src/limits/unopened.ts";
import { ownersInMemory } from "../src/adapters/memory-owned-machines.ts";
import { MemoryAudit, MemoryPeople } from "../src/adapters/memory-people.ts";
import { MemoryOperatorTokens } from "../src/adapters/memory-operator-tokens.ts";
import { MemoryPasskeys } from "../src/adapters/memory-passkeys.ts";
import { WebAuthn } from "../src/adapters/web-authn.ts";
import { MemoryTeams } from "../src/adapters/memory-teams.ts";
import { signInOver, type SignInWays } from "../src/accounts/sign-in.ts";
import { MemoryIdentities } from "../src/adapters/memory-identities.ts";
import { MemoryInvites } from "../src/adapters/memory-invites.ts";
import { MemoryDeposits } from "../src/adapters/memory-deposits.ts";
import { MemoryWithdrawals } from "../src/adapters/memory-withdrawals.ts";
import { MemoryLedger } from "../src/adapters/memory-ledger.ts";
import { createObserver } from "../src/adapters/observe.ts";
import { Catalog, type CatalogEntry } from "../src/catalog/catalog.ts";
import type { FleetView, MachineView } from "../src/machines/ports.ts";
import type { HttpDeps } from "../src/http/deps.ts";
import { Changes } from "../src/events/changes.ts";
import { Recent } from "../src/events/recent.ts";
import { createHttpServer } from "../src/http/server.ts";
import { idle, verdictOf } from "../src/machines/members.samples.ts";
import { mayServe } from "../src/machines/trust/serving.ts";
import { PayoutDesk } from "../src/payouts/desk.ts";
import { serialNames } from "../src/machines/trust/serial-names.ts";
import type { Ask } from "../src/inference/ask.ts";
import type { AnswerFacts, Closing, Reply } from "../src/inference/reply.ts";
import { unbound } from "../src/accounts/key-terms.ts";

export const KEY = "eigeninference-testtesttesttesttesttesttesttesttesttesttes";
export const ACCOUNT = "acct_test" as AccountId;
export const PROVIDER = "prov_1" as ProviderId;

export const entry: CatalogEntry = {
  id: "org/tiny" as ModelId,
  build: "tiny-q8" as BuildId,
  weightsSha256: "a".repeat(64) as Sha256Hex,
  displayName: "Tiny",
  contextTokens: 4096,
  maxOutputTokens: 1024,
  price: {
    inputPerMtok: microUsd(250_000n),
    outputPerMtok: microUsd(1_000_000n),
    cachedInputPerMtok: microUsd(25_000n),
  },
  createdSec: 1_700_000_000,
};

export const facts: AnswerFacts & { readonly serial: Serial } = {
  jobId: "job_1" as JobId,
  providerId: PROVIDER,
  serial: "SW-1234" as Serial,
  chip: "M3 Ultra",
  attested: true,
  trustLevel: "self_signed",
  privacy: "transparent",
  timing: { holdMs: 0.25, queueMs: 0, sealMs: 1.5, firstContentMs: 12 },
};

const document: ReceiptDocument = {
  receipt: {
    v: 1,
    job_id: "job_1",
    request_id: "r",
    privacy: "transparent",
    endpoint: "/v1/chat/completions",
    model: entry.id,
    build: entry.build,
    weights_sha256: entry.weightsSha256,
    engine: { name: "scripted", version: "1" },
    request_sha256: "b".repeat(64),
    response_sha256: "c".repeat(64),
    sampling: {
      temperature: 1,
      top_p: 1,
      top_k: 0,
      frequency_penalty: 0,
      presence_penalty: 0,
      logit_bias: 0,
      seed: 1,
      stop: 0,
      max_tokens: 8,
      n: 1,
    },
    usage: { prompt_tokens: 1, cached_tokens: 0, completion_tokens: 1, reasoning_tokens: 0 },
    finish_reason: "stop",
    provider_id: PROVIDER,
    identity_key: "AAAA",
    evidence_sha256: "d".repeat(64),
    started_at: "2026-01-01T00:00:00.000Z",
    finished_at: "2026-01-01T00:00:01.000Z",
  },
  provider_signature: "AAAA",
  coordinator_signature: "AAAA",
  coordinator_key_id: "k1",
  countersigned_at: "2026-01-01T00:00:01.000Z",
};
export const closing: Closing = { responseHash: "c".repeat(64), responseSignature: "c2ln", receipt: document };

export const machineView = (level: TrustLevel, more: Partial<MachineView> = {}): MachineView => ({
  ...idle,
  providerId: PROVIDER,
  serial: facts.serial,
  toldSerial: facts.serial,
  identityKey: "AAAA",
  pins: [],
  chipName: "M3 Ultra",
  hardwareModel: "Mac15,14",
  platform: "macos",
  models: [{ build: entry.build, weightsSha256: entry.weightsSha256, contextTokens: 4096 }],
  evidenceSha256: "d".repeat(64) as Sha256Hex,
  verdict: { ...verdictOf(level), checks: [{ id: "blob.signature", status: "pass", seen: "good", remedy: "" }] },
  slots: 2,
  running: 1,
  ...more,
});

export const evidence: Evidence = {
  blob: utf8("blob"),
  blobSignature: utf8("signature"),
  offer: utf8("offer"),
  offerSignature: utf8("signature"),
  challenge: { nonce: utf8("nonce"), callersRoot: null, answer: utf8("answer"), signature: utf8("signature") },
};

/** Machines that answer over a caller's nonce alone in its tree: its path has no steps. */
export const fleetOf = (...machines: MachineView[]): FleetView => ({
  machines: () => machines,
  members: () => [],
  has: (providerId) => machines.some((machine) => machine.providerId === providerId),
  machinesFor: () => machines,
  ownedBy: () => [],
  published: () => machines.map((machine) => ({ machine, evidence })),
  prove: async () => machines.map((machine) => ({ machine, evidence, path: [] })),
});

/** A `serve` that answers with nothing said, and keeps what it was asked. */
export function keepingAsks() {
  const asks: Ask[] = [];
  const serve = async (ask: Ask, reply: Reply): Promise<void> => {
    asks.push(ask);
    reply.begin(facts);
    await reply.end(closing);
  };
  return { asks, serve };
}

/** Fakes in memory and a scripted `serve`. */
export function edgeDeps(more: Partial<HttpDeps> = {}, ways: SignInWays = {}) {
  const lines: string[] = [];
  const observer = createObserver({ level: "trace", destination: { write: (line) => lines.push(line) } });
  const accounts = more.accounts ?? new MemoryAccounts();
  const tools = { clock: more.clock ?? systemClock, random: systemRandom, crypto: nodeCrypto };
  const people = more.people ?? new MemoryPeople();
  const teams = more.teams ?? new MemoryTeams();
  const ledger = new MemoryLedger();
  const owners = more.owners ?? ownersInMemory(tools.clock);
  const invites = new MemoryInvites();
  const signIn = signInOver(
    {
      people,
      teams,
      tokens: new MemoryOperatorTokens(),
      invites,
      identities: new MemoryIdentities(),
      passkeys: new MemoryPasskeys(),
      passkeyChecks: new WebAuthn(),
      networkKey: { mac: (...message) => nodeCrypto.sha256(joinBytes(message)) },
      audit: new MemoryAudit(),
      ledger,
    },
    tools,
    ways,
  );
  const deposits = new MemoryDeposits();
  const payouts =
    more.payouts ?? new PayoutDesk({ ...tools, withdrawals: new MemoryWithdrawals(), ledger: more.ledger ?? ledger });
  const deps: HttpDeps = {
    catalog: new Catalog([entry]),
    ledger,
    accounts,
    ...signIn,
    owners,
    records: { find: () => undefined },
    adminFor: (actor) => {
      const links = linksOf(signIn, () => "http://127.0.0.1");
      const none = { list: async () => [], put: async () => {}, forgive: async () => {} };
      const { signUp } = signIn.admission.rules;
      const books = { ledger: more.ledger ?? ledger, accounts };
      const world = { ...tools, ...signIn, owners, signUp, links, ...books, decisions: none, standings: none };
      const money = { desk: more.desk, deposits: more.deposits ?? deposits, withdrawals: payouts.withdrawals };
      return auditedAdmin(adminOf({ ...world, ...money }), world, actor);
    },
    deposits,
    payouts,
    fleet: fleetOf(machineView("self_signed")),
    clock: systemClock,
    random: systemRandom,
    crypto: nodeCrypto,
    serials: serialNames({ mac: (message) => nodeCrypto.sha256(message) }, "serial"),
    coordinatorKeys: [{ id: "k1", publicKey: new Uint8Array(32) }],
    serve: async (_ask, reply) => {
      reply.begin(facts);
      await reply.write(utf8("data: [DONE]\n\n"));
      await reply.end(closing);
    },
    work: () => ({ open: 0, waitingBytes: 0, queues: [] }),
    recent: new Recent(tools.clock),
    isDraining: () => false,
    shutdown: new AbortController().signal,
    events: observer.events,
    changes: new Changes(),
    unopened: new Unopened(systemClock),
    metrics: observer.metrics,
    acceptProvider: (_request, socket) => socket.destroy(),
    settings: {
      corsOrigins: [],
      trustProxy: false,
      isOpenLocally: true,
      version: "0.1.0",
      minTrustDefault: "self_signed",
    },
    ...more,
  };
  return { deps, lines, observer, accounts, people, teams, ledger };
}

/** The HTTP edge on a loopback port, around these. */
export async function openEdge(more: Partial<HttpDeps> = {}, ways: SignInWays = {}) {
  const { deps, lines, observer, accounts, people, teams, ledger } = edgeDeps(more, ways);
  await accounts.add(toHex(nodeCrypto.sha256(utf8(KEY))) as Sha256Hex, {
    keyId: "key_1" as KeyId,
    account: ACCOUNT,
    ...unbound,
    name: "laptop",
    label: "eigeninference-Ab3…x9Q2",
    createdAt: 1_700_000_000_000,
    createdBy: null,
    lastUsedAt: null,
    revokedAt: null,
  });
  const { fleet, catalog, clock, settings } = deps;
  observer.watch({
    machines: () => fleet.machines(),
    mayServe: (machine) => mayServe(machine, { catalog, minTrust: settings.minTrustDefault }, clock.monotonicMs()),
  });
  const http = createHttpServer(deps);
  const { port } = await http.listen({ host: "127.0.0.1", port: 0 });
  const origin = `http://127.0.0.1:${port}`;
  return {
    port,
    origin,
    lines,
    deps,
    accounts,
    people,
    teams,
    ledger,
    observer,
    settings,
    get: (path: string, init: RequestInit = {}) => fetch(origin + path, init),
    keyed: (path: string, { headers = {} }: { headers?: Record<string, string> } = {}) =>
      fetch(origin + path, { headers: { authorization: `Bearer ${KEY}`, ...headers } }),
    chat: (body: string | Uint8Array<ArrayBuffer>, headers: Record<string, string> = {}) =>
      fetch(`${origin}/v1/chat/completions`, {
        method: "POST",
        body,
        headers: { authorization: `Bearer ${KEY}`, "content-type": "application/json", ...headers },
      }),
    [Symbol.asyncDispose]: () => http.close(),
  };
}

export const chatBody = (more: object = {}): string =>
  JSON.stringify({ model: entry.id, messages: [{ role: "user", content: "Hello" }], ...more });

/** The bytes of one POST as they go over the wire. */
export const rawChat = (body: string, { version = "1.1", headers = "" } = {}): string =>
  `POST /v1/chat/completions HTTP/${version}\r\nhost: x\r\nauthorization: Bearer ${KEY}\r\n` +
  `content-length: ${Buffer.byteLength(body)}\r\n${headers}\r\n${body}`;

/** A TCP connection that keeps what it hears, as Latin-1 text so that each character is one byte. */
export async function dial(port: number) {
  const socket: Socket = connect(port, "127.0.0.1");
  let heard = "";
  socket.setEncoding("latin1");
  socket.on("data", (text: string) => {
    heard += text;
  });
  socket.on("error", () => undefined);
  const closed = new Promise<void>((resolve) => socket.once("close", () => resolve()));
  await new Promise((resolve) => socket.once("connect", resolve));
  return {
    socket,
    closed,
    heard: () => heard,
    forget: () => {
      heard = "";
    },
    /** Resolves once what was heard matches; the test's own timeout bounds it. */
    async until(pattern: RegExp): Promise<string> {
      while (!pattern.test(heard)) await systemClock.sleep(5);
      return heard;
    },
    [Symbol.dispose]: () => socket.destroy(),
  };
}
