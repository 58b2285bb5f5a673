import type { ModelTask } from "@darkbloom/protocol/dialects";
import type { Evidence, NoncePath, Verdict } from "@darkbloom/protocol/evidence";
import type { Gate } from "@darkbloom/protocol/failures";
import type {
  AccountId,
  CoordinatorId,
  JobId,
  ProviderId,
  Serial,
  Sha256Hex,
  MachineId,
} from "@darkbloom/protocol/ids";
import type { Envelope, HpkeContext } from "@darkbloom/protocol/sealing";
import type { FromProvider, Suite } from "@darkbloom/protocol/wire";
import type { ConductFigures } from "./records/conduct.ts";
import type { Beginning, MeasuredAnswer, PaceFigures } from "./records/pace.ts";

/** Whether a machine may serve: it needs no approval or has it, waits for one, or was refused. */
export type Approval = "given" | "awaited" | "refused";

/**
 * The network's own secret, which makes the pseudonyms.
 *
 * - The same message gives the same code for as long as the network lives.
 * - Who does not have it can neither make a code nor try serials against one.
 */
export interface NetworkKey {
  /** HMAC-SHA-256 (RFC 2104) over all parts, one behind another: 32 bytes. */
  mac(...message: readonly Uint8Array[]): Uint8Array;
}

/** A model that a machine says it serves. */
export interface OfferedModel {
  readonly build: string;
  readonly weightsSha256: string;
  readonly contextTokens: number;
  /** Of its longest token, as the machine says; undefined where it does not. */
  readonly tokenBytesMax?: number;
  /** What the machine says that it can be asked for; undefined where it does not. */
  readonly tasks?: readonly ModelTask[];
}

/** A key of a machine, by the evidence that names it. */
export interface Opener {
  readonly evidenceSha256: Sha256Hex;
  readonly keyId: string;
  /** Of evidence that another has replaced: requests that named it before still come until then, on the monotonic clock. */
  readonly untilMs: number;
}

/**
 * A connected machine, as everybody sees it: routing, the list of models, metrics, its owner, and whoever hands it a request.
 * Its session puts a new one in its place whenever something changes, with the fields replaced that did; what passes with time
 * alone is a time here, on the monotonic clock, so that nothing need be made anew for that.
 */
export interface MachineView {
  readonly providerId: ProviderId;
  /** What its operator calls it. */
  readonly machineId: MachineId;
  /** Base64 of the uncompressed P-256 point. Durable: the same machine under another connection has the same. */
  readonly identityKey: string;
  /** In its evidence and in the books: its own, or the pseudonym in its place. */
  readonly serial: Serial;
  /** What callers are told beside the evidence; undefined where the operator discloses nothing. */
  readonly toldSerial: Serial | undefined;
  /** Names by which a pin means this machine. */
  readonly pins: readonly Serial[];
  readonly chipName: string;
  readonly hardwareModel: string;
  readonly engine: { readonly name: string; readonly version: string };
  readonly platform: "macos" | "linux" | "other";
  readonly models: readonly OfferedModel[];

  readonly evidenceSha256: Sha256Hex;
  /** What it can open requests with, the newest first. */
  readonly openers: readonly Opener[];
  readonly verdict: Verdict;
  /** A check fails without whose mending it serves nobody. */
  readonly failing: boolean;
  /** Its latest challenge was passed, and counts until then. −∞: none does. */
  readonly attestedUntilMs: number;
  /** −∞: nothing is held against it. */
  readonly distrustedUntilMs: number;
  /** What the coordinator's operator says about it. */
  readonly approval: Approval;
  /** Whose it is, once it has shown its key. */
  readonly owner: AccountId | undefined;
  /** Its owner wants it to serve nobody else, and to be in no public list. */
  readonly ownerOnly: boolean;

  /** It takes nothing new, or is about to leave. */
  readonly draining: boolean;
  /** Requests that it is given at once: what it claims, as far as it has shown it. */
  readonly slots: number;
  readonly running: number;
  readonly pace: PaceFigures;
  readonly conduct: ConductFigures;

  /** Where another coordinator has its connection, and how long a word there and back takes. Absent: it is here. */
  readonly far?: { readonly home: CoordinatorId; readonly roundTripMs: number };
}

/** A machine with the evidence that others may check. */
export interface PublishedMachine {
  readonly machine: MachineView;
  readonly evidence: Evidence;
  /** Of the nonce that was asked for, in its latest challenge; undefined where it has not answered over it. */
  readonly path?: NoncePath;
}

type Of<Type extends FromProvider["type"]> = Extract<FromProvider, { type: Type }>;

export type Completion = Of<"inference_complete">;

/** What a provider says about one attempt, in the order in which it said it. */
export type LineEvent =
  | { readonly kind: "frames"; readonly bytes: Uint8Array }
  /** So many tokens of the prompt are read by now, it says. */
  | { readonly kind: "reading"; readonly readTokens: number }
  | { readonly kind: "complete"; readonly completion: Completion }
  | { readonly kind: "error"; readonly error: Of<"inference_error"> }
  /** The connection is lost; `silent` where nothing was heard for too long before. */
  | { readonly kind: "gone"; readonly silent: boolean };

/**
 * One attempt's line to its provider, and the slot that it takes there. The session owns it; the
 * attempt that opened it holds it until it leaves scope.
 *
 * - The slot is free again when the provider has closed the attempt or is gone, not when we lose
 *   interest: leaving the scope before that only sends a cancel.
 * - At most one `take` waits at a time.
 */
export interface Line extends Disposable {
  readonly jobId: JobId;
  readonly providerId: ProviderId;
  readonly serial: Serial;
  /** Both of the evidence that is in force now; whoever hands a request over keeps what they say. */
  sealing(): Sealing;
  machine(): MachineView;
  /** Hands the request over. Throws `provider_busy` if the provider's queue is full, `provider_gone` if it left. */
  send(request: { callerRequestId: string; account: AccountId; envelope: Envelope }): void;
  /** The next event, or undefined after `waitMs` without one. */
  take(waitMs: number): Promise<LineEvent | undefined>;
  /** Whoever waits for an event is refused, and for this reason. */
  interrupt(reason: unknown): void;
  /** Allows the provider to send so many bytes more. */
  credit(bytes: number): void;
  /** Asks the provider to stop between tokens and close; its closing still comes. */
  cancel(): void;
  /**
   * Tells routing how soon an answer began, that a good one came and, where its bytes say that, how fast, or that this
   * attempt was the machine's fault.
   */
  began(beginning: Beginning): void;
  measured(answer?: MeasuredAnswer): void;
  faulted(): void;
  /** It would not take this one and said that this is its caller's doing, which another machine disproves or nobody can: no fault, unless it says so to many. */
  declined(account: AccountId): void;
  /** The machine took no more work, although it had a free slot by our count. */
  wasBusy(): void;
  /** The answer is not what its machine signed. It is remembered of the machine, whichever connection it has by now, or none. */
  distrust(): void;
}

/** What sealing for a machine needs; of the evidence in force at the moment of asking. */
export interface Sealing {
  readonly context: HpkeContext;
  readonly keyId: string;
  readonly suite: Suite;
  readonly evidenceSha256: Sha256Hex;
  /** Since 1970, in the time that this machine shares with us. */
  readonly nowMs: number;
}

/** A connected provider, as its session offers it to the fleet. */
export interface Member {
  readonly providerId: ProviderId;
  /** The same object until something changes. */
  readonly view: MachineView;
  published(): PublishedMachine;
  /** Milliseconds since 1970, in the time that this machine shares with its home. */
  now(): number;
  /** Answers a challenge over this nonce. */
  prove(nonce: Uint8Array): Promise<PublishedMachine>;
  /**
   * Asks for a slot; only the machine, or whoever hosts it, knows whether there is one.
   *
   * - From the moment of asking `view` counts it as taken, so that nobody is sent after the same one.
   * - Who says "full", or is gone, shows no free slot until it knows better, so that nobody asks it again in vain.
   */
  reserve(jobId: JobId): Promise<Line | "full">;
  /** The same machine has connected anew; this connection ends. */
  replaced(): void;
  /** The operator has decided on this machine, or has forgiven it; or its owner has changed what is so of it. */
  decidedOn(): void;
  /** This account has it no more. Where it was its owner, or let it in, its connection ends. */
  unlinked(account: AccountId): void;
  /** What keeps it from being asked, and since when. */
  course(): MachineCourse;
  /** An answer did not match its signature: no request reaches this machine again. */
  distrust(): void;
}

/** What keeps a machine from being asked. */
export interface MachineCourse {
  /** The first gate that keeps every plain request away; undefined: none does. */
  readonly gate: Gate | undefined;
  /** Since when that is so, in milliseconds since 1970. */
  readonly since: number;
}

export interface FleetView {
  machines(): readonly MachineView[];
  members(): Iterable<Member>;
  /** Whether this one is connected. */
  has(providerId: ProviderId): boolean;
  /** Those alone who say that they serve this build. */
  machinesFor(build: string): Iterable<MachineView>;
  published(): readonly PublishedMachine[];
  /** Those of an account. */
  ownedBy(account: AccountId): readonly Member[];
  /**
   * Has every machine answer a challenge over this nonce, soon; waits for all of them, or until their time is up.
   *
   * @throws NetworkError `overloaded` where too many nonces wait already
   */
  prove(nonce: Uint8Array): Promise<readonly PublishedMachine[]>;
}
