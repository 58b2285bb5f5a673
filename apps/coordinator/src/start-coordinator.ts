import { timingSafeEqual } from "node:crypto";
import { utf8 } from "@darkbloom/protocol/bytes";
import type { MachinePolicy, Revocations, TrustLevel } from "@darkbloom/protocol/evidence";
import type { MicroUsd } from "@darkbloom/protocol/money";
import { endOfTurn, nodeCrypto, nodeHpke, systemClock, systemRandom } from "@darkbloom/protocol/node";
import { within } from "@darkbloom/protocol/time";
import { DescriptorLimitError, descriptorLimit } from "./adapters/descriptor-limit.ts";
import { createObserver, type LogLevel } from "./adapters/observe.ts";
import type { DatabaseError } from "./adapters/database-file.ts";
import { openStore } from "./adapters/open-store.ts";
import { ConsoleBuild } from "./adapters/console-build.ts";
import type { OpenIdSettings } from "./adapters/oauth-open-id.ts";
import type { StripeAccess } from "./adapters/stripe-payments.ts";
import { credentialFor } from "./adapters/tpm-credential.ts";
import type { SlotTurns } from "./cluster/turns.ts";
import type { Actor } from "./accounts/audit.ts";
import type { SignUpRules } from "./accounts/admission.ts";
import { signInOver } from "./accounts/sign-in.ts";
import type { SmtpAddress } from "./accounts/mail.ts";
import { tellingAccounts, tellingPeople, tellingTeams } from "./accounts/telling.ts";
import { auditedAdmin } from "./admin/audited.ts";
import { WebAuthn } from "./adapters/web-authn.ts";
import { linksOf } from "./admin/people.ts";
import { adminOf, type Admin } from "./admin/operations.ts";
import { connectedMachines } from "./admin/connected.ts";
import { serveAdmin } from "./admin/server.ts";
import { toldAdmin } from "./admin/told.ts";
import type { Alias } from "./catalog/catalog.ts";
import type { CatalogEntry } from "./catalog/catalog.ts";
import { Core } from "./core.ts";
import { Changes } from "./events/changes.ts";
import { Notices } from "./events/notices.ts";
import { countingEvents, Recent } from "./events/recent.ts";
import { tellingEvents } from "./events/telling-events.ts";
import { followOthers } from "./follow-others.ts";
import { createHttpServer } from "./http/server.ts";
import { connectionBounds } from "./limits/descriptors.ts";
import { keepLog } from "./keep-log.ts";
import { Approvals } from "./machines/trust/approvals.ts";
import type { DepositDesk, DeskWorld } from "./payments/desk.ts";
import { PayoutDesk } from "./payouts/desk.ts";
import { keepFinishing } from "./payouts/keep-finishing.ts";
import type { PayoutWay } from "./payouts/withdrawals.ts";
import type { Witness } from "./transparency/port.ts";
import { isSeen } from "./machines/eligibility.ts";
import { providerKeysEntry } from "./transparency/facts.ts";
import { mayServe } from "./machines/trust/serving.ts";
import { mayJoin } from "./machines/trust/may-join.ts";
import type { SerialDisclosure } from "./machines/trust/serial-names.ts";
import { ProviderSockets } from "./ws/provider.ts";

/** For the last bytes of answers, after the drain; a caller who reads none of them is not waited for longer. */
const LAST_WORDS_MS = 1_000;

export interface CoordinatorConfig {
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
  readonly dataPath: string;
  /** The URL of a PostgreSQL database, in place of the folder's own. */
  readonly database?: string | undefined;
  /** The URL of a NATS server, over which the coordinators of one network find each other's machines. */
  readonly nats?: string | undefined;
  /** Told when another coordinator has taken that: all that is left is to stop. */
  readonly onDatabaseTaken?: (error: DatabaseError) => void;
  readonly corsOrigins: readonly string[];
  readonly trustProxy: boolean;
  /** `GET /v1/models` leaves out what no connected machine serves. */
  readonly hideUnserved?: boolean;
  /** Refuses requests whose `Host` is a name that a stranger could own. */
  readonly ownHostOnly?: boolean;
  /** What a provider on another machine must show to join; without one, none may. */
  readonly joinToken?: string;
  /** Makers' roots and PCR values, by which machines are judged. */
  readonly trust?: Pick<MachinePolicy, "roots" | "pcrs">;
  /** Identities that are withdrawn, as the list says at each challenge. */
  readonly revoked?: { current(): Revocations };
  /** A machine on which the operator has not decided serves nobody. */
  readonly approveMachines?: boolean;
  /** The floor for public traffic. */
  readonly minTrust: TrustLevel;
  /** What callers learn of machines' serials; `serial` if nothing is said. */
  readonly serialDisclosure?: SerialDisclosure | undefined;
  /** Of each charge, what the provider does not earn: a whole number from 0 to 100. */
  readonly platformFeePercent: number;
  /** What one account may send: sustained, and at once after a pause. */
  readonly requestsPerSec?: number | undefined;
  readonly requestsBurst?: number | undefined;
  /** With what people pay by card; without it they cannot. */
  readonly stripe?: StripeAccess | undefined;
  /** The most of one payment. */
  readonly depositMax?: MicroUsd;
  /** How long what was earned is kept from being withdrawn; 30 days where nothing is said. */
  readonly clearingDays?: number | undefined;
  /** How what was earned is paid out; not at all where nothing is said. */
  readonly payouts?: PayoutWay | undefined;
  /** How long receipts are kept; 90 days where nothing is said. */
  readonly receiptDays?: number | undefined;
  /** Who signs the transparency log's checkpoints beside us. */
  readonly witnesses?: readonly Witness[];
  /** Of our own source files, for the log. */
  readonly codeSha256?: () => Promise<string>;
  /** Who may come that is not known: nobody, where nothing is said. */
  readonly signUp?: SignUpRules | undefined;
  /** Where codes for signing in go out. */
  readonly mail?: { readonly smtp: SmtpAddress; readonly from: string } | undefined;
  /** The provider that signs people in. */
  readonly openId?: OpenIdSettings | undefined;
  /** The origin under which people reach it; where nothing is said, whatever a browser asks under. */
  readonly publicUrl?: string | undefined;
  readonly logLevel: LogLevel;
  readonly version: string;
  /** Models to add to the folder's catalog, e.g. the one of `--model PATH`. */
  readonly models?: readonly CatalogEntry[];
  /** Other names for models of the catalog, which callers may ask for. */
  readonly aliases?: readonly Alias[];
}

export interface RunningCoordinator {
  /** e.g. `http://127.0.0.1:8080` */
  readonly baseUrl: string;
  readonly port: number;
  /** The path of a link that signs an operator in, once. */
  signInLink(): Promise<string>;
  /** How many requests run now. */
  readonly serving: number;
  /** Takes no new requests, lets those that run finish for so long, then closes everything. */
  stop(how: { readonly drainMs: number; onProgress?: (left: number) => void }): Promise<void>;
}

/**
 * Builds a coordinator whole, and starts it.
 *
 * Parts close in the reverse order of their opening: the HTTP edge first, the database and the folder's
 * lock last, so that whatever is under way can still be settled.
 */
export async function startCoordinator(config: CoordinatorConfig): Promise<RunningCoordinator> {
  const clock = systemClock;
  const bounds = connectionBounds(descriptorLimit());
  if (!bounds) throw new DescriptorLimitError();
  await using opening = new AsyncDisposableStack();
  const observer = createObserver({ level: config.logLevel });
  const { metrics } = observer;
  const changes = new Changes();
  const recent = new Recent(clock);
  const events = countingEvents(tellingEvents(observer.events, changes), recent);
  const notices = new Notices();
  const store = opening.use(
    await openStore(config.dataPath, {
      clock,
      ...(config.models && { models: config.models }),
      ...(config.aliases && { aliases: config.aliases }),
      ...(config.receiptDays !== undefined && { receiptLifeMs: config.receiptDays * 24 * 60 * 60_000 }),
      clearingDays: config.clearingDays,
      database: config.database,
      ...(config.nats !== undefined && {
        shared: { notices, onLeaseLost: () => events.databaseChanged({ state: "lease_lost" }) },
      }),
      onDatabase: (state) => events.databaseChanged({ state }),
      ...(config.onDatabaseTaken && { onDatabaseTaken: config.onDatabaseTaken }),
      onSweepError: (error) => events.bug({ where: "background" }, error),
    }),
  );
  const accounts = tellingAccounts(store.accounts, changes);
  const people = tellingPeople(store.people, changes);
  const teams = tellingTeams(store.teams, changes);
  const { catalog, countersigner, ledger, networkKey, standings } = store;
  const tools = { clock, random: systemRandom, crypto: nodeCrypto };
  const { log } = opening.use(await keepLog({ ...tools, events }, store, config));
  const approvals = new Approvals(config.approveMachines ?? false, await store.decisions.list());
  const { trustProxy, joinToken } = config;
  const joinRules = { joinToken, trustProxy, localSecret: store.localSecret, isSame: isSameSecret };
  // Loaded where it is asked for, like all that is between coordinators: who is alone has no need of it.
  const turns = config.nats === undefined ? undefined : new (await import("./cluster/turns.ts")).SlotTurns(clock);
  const core = opening.use(
    new Core({
      turns,
      ...tools,
      hpke: nodeHpke,
      catalog,
      ledger,
      countersigner,
      events,
      networkKey,
      approvals,
      owners: store.owners,
      platformFeePercent: config.platformFeePercent,
      serialDisclosure: config.serialDisclosure ?? "serial",
      floor: { minTrust: config.minTrust, catalog },
      policy: () => ({ ...config.trust, ...(config.revoked && { revocations: config.revoked.current() }) }),
      makeCredential: credentialFor,
      keysShown: ({ blob, sha256 }) => log.add(providerKeysEntry(nodeCrypto, blob, sha256)),
      mayJoin: (shown, isLocal) => mayJoin(joinRules, shown, isLocal),
      defer: endOfTurn(),
      grievances: {
        known: await standings.list(),
        keep: (grievance) =>
          void standings.put(grievance).catch((error: unknown) => events.bug({ where: "background" }, error)),
      },
    }),
  );
  const { fleet } = core.net;
  opening.use(fleet.watch(() => changes.tell("load")));
  core.sessionNet.owners.watch(({ account }) => changes.tell("machines", account));
  const joined = async (url: string, ours: SlotTurns) => {
    const { joinCluster } = await import("./join-cluster.ts");
    const net = { ...core.sessionNet, slots: core.net.slots, approvals, networkKey, turns: ours, notices, changes };
    return await joinCluster(net, url, (error) => events.busFailed(error));
  };
  const cluster = turns && config.nats !== undefined ? opening.use(await joined(config.nats, turns)) : undefined;
  if (cluster) {
    observer.watchCluster(cluster);
    const { owners, decisions } = store;
    const followed = { ...core.sessionNet, notices, owners, decisions, approvals, standings };
    opening.use(followOthers(followed, (error) => events.bug({ where: "background" }, error)));
  }
  observer.watch({
    // Those of others are counted there; one that serves its owner alone is in no public figure.
    machines: () => fleet.machines().filter((machine) => !machine.far && isSeen(machine)),
    mayServe: (machine) => mayServe(machine, core.sessionNet.floor, clock.monotonicMs()),
  });
  const connected = connectedMachines(core.sessionNet, approvals, cluster?.decided);
  // Loaded where it is asked for: who sends no mail does not wait for it at a start.
  const mail =
    config.mail && (await import("./adapters/smtp-mailer.ts")).openMail(config.mail.smtp, config.mail.from, tools);
  const openId = config.openId && (await import("./adapters/oauth-open-id.ts")).openOpenId(config.openId, tools);
  const signIn = signInOver({ ...store, people, teams, passkeyChecks: new WebAuthn() }, tools, {
    signUp: config.signUp,
    mail,
    openId,
  });
  let baseUrl = "";
  const links = linksOf(signIn, () => config.publicUrl ?? baseUrl);
  const failed = (error: unknown) => events.bug({ where: "background" }, error);
  const desk =
    config.stripe && opening.use(await openDesk(config.stripe, { ...tools, ...store }, failed, store.among?.isOldest));
  const payouts = new PayoutDesk({ ...tools, ledger, withdrawals: store.withdrawals });
  opening.use(keepFinishing(payouts, clock, failed));
  const plainAdmin = adminOf({
    ...store,
    accounts,
    people,
    teams,
    ...tools,
    desk,
    connected,
    links,
    signUp: signIn.admission.rules.signUp,
  });
  const adminFor = (actor: Actor): Admin => toldAdmin(auditedAdmin(plainAdmin, { ...signIn, clock }, actor), events);
  opening.use(await serveAdmin(store.folder.path, adminFor("socket"), config.version));
  const sockets = opening.use(new ProviderSockets(core, { trustProxy, bounds }));
  const http = createHttpServer({
    ...core.edge,
    accounts,
    ...signIn,
    changes,
    recent,
    cluster,
    console: opening.use(new ConsoleBuild({ clock, onFailure: (error) => events.bug({ where: "background" }, error) })),
    adminFor,
    deposits: store.deposits,
    desk,
    payouts,
    log,
    metrics,
    acceptProvider: (request, socket, head) => sockets.upgrade(request, socket, head),
    settings: {
      corsOrigins: config.corsOrigins,
      hideUnserved: config.hideUnserved === true,
      trustProxy,
      publicUrl: config.publicUrl,
      isOpenLocally: joinToken === undefined && !trustProxy,
      ownHostOnly: config.ownHostOnly ?? false,
      connectionsMax: bounds.http,
      version: config.version,
      minTrustDefault: config.minTrust,
      receiptDays: config.receiptDays,
      depositMax: config.depositMax,
      payouts: config.payouts,
      requestsPerSec: config.requestsPerSec,
      requestsBurst: config.requestsBurst,
    },
  });
  opening.defer(() => http.close());
  const { port } = await http.listen({ host: config.host, port: config.port });
  events.started({ port });
  baseUrl = `http://${config.host.includes(":") ? `[${config.host}]` : config.host}:${port}`;

  const parts = opening.move();
  return {
    baseUrl,
    port,
    get serving() {
      return core.serving;
    },
    signInLink: async () => (await adminFor("socket").signInLink({})).path,
    async stop({ drainMs, onProgress }) {
      const elsewhere = cluster && within(clock, drainMs, cluster.drained());
      await core.drain(drainMs, onProgress);
      await elsewhere;
      // To close first would look to those who still wait as if they had hung up.
      core.end();
      const written = core.emptied().then(() => http.written());
      await within(clock, LAST_WORDS_MS, written);
      await parts.disposeAsync();
    },
  };
}

/** Takes payments until it is disposed of. Loaded where there is a key: who takes none does not wait for it at a start. */
async function openDesk(
  access: StripeAccess,
  world: Omit<DeskWorld, "cards">,
  failed: (error: unknown) => void,
  isOurs?: () => boolean,
): Promise<DepositDesk & AsyncDisposable> {
  const [{ StripePayments }, { DepositDesk }, { keepPursuing }] = await Promise.all([
    import("./adapters/stripe-payments.ts"),
    import("./payments/desk.ts"),
    import("./payments/pursue.ts"),
  ]);
  const desk = new DepositDesk({ ...world, cards: new StripePayments(access) });
  const rounds = keepPursuing(desk, world.clock, failed, isOurs);
  return Object.assign(desk, { [Symbol.asyncDispose]: () => rounds[Symbol.asyncDispose]() });
}

/** Compares without telling by its time how much was right. */
function isSameSecret(shown: string, secret: string): boolean {
  const digests = [shown, secret].map((text) => nodeCrypto.sha256(utf8(text))) as [Uint8Array, Uint8Array];
  return timingSafeEqual(...digests);
}
