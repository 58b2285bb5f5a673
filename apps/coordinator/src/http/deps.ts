import type { TrustLevel } from "@darkbloom/protocol/evidence";
import type { MicroUsd } from "@darkbloom/protocol/money";
import type { Clock, Crypto, Random } from "@darkbloom/protocol/ports";
import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import type { Actor } from "../accounts/audit.ts";
import type { SignIn } from "../accounts/sign-in.ts";
import type { MachineOwners } from "../accounts/machine-owners.ts";
import type { Accounts } from "../accounts/port.ts";
import type { Admin } from "../admin/operations.ts";
import type { Catalog } from "../catalog/catalog.ts";
import type { Changes } from "../events/changes.ts";
import type { Events } from "../events/events.ts";
import type { Recent } from "../events/recent.ts";
import type { MachineRecords } from "../machines/records/records.ts";
import type { FleetView } from "../machines/ports.ts";
import type { Queue } from "../machines/waiting-room.ts";
import type { Ask } from "../inference/ask.ts";
import type { Reply } from "../inference/reply.ts";
import type { Ledger } from "../ledger/port.ts";
import type { RequestRate } from "../limits/rate.ts";
import type { Unopened } from "../limits/unopened.ts";
import type { DepositStore } from "../payments/deposits.ts";
import type { DepositDesk } from "../payments/desk.ts";
import type { PayoutDesk } from "../payouts/desk.ts";
import type { PayoutWay } from "../payouts/withdrawals.ts";
import type { TransparencyLog } from "../transparency/transparency-log.ts";
import type { SerialNames } from "../machines/trust/serial-names.ts";

/** A key that this coordinator countersigns receipts with, or did. */
export interface CoordinatorKey {
  readonly id: string;
  /** Ed25519, 32 bytes. */
  readonly publicKey: Uint8Array;
}

/** The transparency log, as callers may read it. */
export type LogView = Pick<
  TransparencyLog,
  "checkpoint" | "fact" | "origin" | "receipt" | "tile" | "verifierKey" | "witnesses"
>;

/** Counters in the exposition format that they say they have. */
export interface MetricsSource {
  readonly contentType: string;
  text(): Promise<string>;
}

/** What runs and waits in this coordinator now. */
export interface Work {
  /** Requests that were taken and have not ended, those that wait among them. */
  readonly open: number;
  /** Of the bodies that wait. */
  readonly waitingBytes: number;
  readonly queues: readonly Queue[];
}

/** The other coordinators, as far as they are heard. */
export interface ClusterView {
  /** Whether the bus between them is there. */
  readonly isUp: boolean;
  readonly peers: number;
}

/** A file of the console, as it is sent. */
export interface ConsoleFile {
  readonly type: string;
  readonly plain: Buffer;
  readonly gzip: Buffer;
}

/** The console's files, or how far they are. */
export interface ConsoleView {
  look():
    | { readonly kind: "building"; readonly modules: number }
    | { readonly kind: "ready"; readonly files: ReadonlyMap<string, ConsoleFile> }
    | { readonly kind: "failed" };
}

export interface HttpSettings extends RequestRate {
  /** Origins whose pages may call from a browser; `*` allows every one. Empty: none. */
  readonly corsOrigins: readonly string[];
  /** Whether the last entry of `X-Forwarded-For` is believed. */
  readonly trustProxy: boolean;
  /** The origin under which people reach this coordinator, as the operator has set it. */
  readonly publicUrl?: string | undefined;
  /** Whether `GET /v1/models` leaves out what no connected machine serves. */
  readonly hideUnserved?: boolean;
  /** Whether providers may join by an address alone: no token is set, and no proxy trusted. Then counters are shown to this machine without a key. */
  readonly isOpenLocally?: boolean;
  /** Refuses requests whose `Host` a stranger could own: for a network that its owner's browser can reach. */
  readonly ownHostOnly?: boolean;
  /** HTTP connections at once. */
  readonly connectionsMax?: number;
  /** Of this software, e.g. `0.1.0`. */
  readonly version: string;
  /** The floor for every request: a caller may ask for more, never for less. `none` only where the operator allows such machines. */
  readonly minTrustDefault: TrustLevel;
  /** The most of one payment; as `DEPOSIT_MICRO_USD_MAX` says where nothing is said. */
  readonly depositMax?: MicroUsd | undefined;
  /** How what was earned is paid out; nothing is where nothing is said. */
  readonly payouts?: PayoutWay | undefined;
  /** How long receipts are kept; as `RECEIPT_LIFE_MS` says where nothing is said. */
  readonly receiptDays?: number | undefined;
}

/** What the HTTP edge needs from the rest of the coordinator. Built once at start. */
export interface HttpDeps extends SignIn {
  readonly catalog: Catalog;
  readonly ledger: Ledger;
  readonly accounts: Accounts;
  /** The operator's operations, each change written down as done by whom. */
  adminFor(actor: Actor): Admin;
  /** What people have paid in. */
  readonly deposits: DepositStore;
  /** Undefined where no payments are taken. */
  readonly desk?: DepositDesk | undefined;
  /** Money on its way out. */
  readonly payouts: PayoutDesk;
  readonly fleet: FleetView;
  readonly clock: Clock;
  readonly random: Random;
  readonly crypto: Crypto;
  readonly serials: SerialNames;
  readonly owners: MachineOwners;
  /** What machines did. */
  readonly records: Pick<MachineRecords, "find">;
  readonly coordinatorKeys: readonly CoordinatorKey[];
  /** Undefined where none is kept. */
  readonly log?: LogView;
  /** One inference, start to end. Throws NetworkError, before or after `reply.begin`. */
  serve(ask: Ask, reply: Reply): Promise<void>;
  work(): Work;
  /** What happened in the last minutes. */
  readonly recent: Recent;
  /** Undefined where there are no other coordinators. */
  readonly cluster?: ClusterView | undefined;
  isDraining(): boolean;
  /** Aborts, with `draining`, when what still runs can be waited for no longer. */
  readonly shutdown: AbortSignal;
  readonly events: Events;
  /** Of what pages show. */
  readonly changes: Changes;
  /** Of sealed requests. */
  readonly unopened: Unopened;
  readonly metrics: MetricsSource;
  /** Takes over the socket of `GET /ws/provider`. */
  acceptProvider(request: IncomingMessage, socket: Duplex, head: Buffer): void;
  /** Undefined where none is served. */
  readonly console?: ConsoleView;
  readonly settings: HttpSettings;
}
