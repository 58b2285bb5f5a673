import { failuresOf, fatalFailuresOf, type Verdict } from "@darkbloom/protocol/evidence";
import { NetworkError } from "@darkbloom/protocol/failures";
import type { JobId, ProviderId } from "@darkbloom/protocol/ids";
import { ANSWER_WINDOW_BYTES, CHALLENGE_AGE_MAX_MS } from "@darkbloom/protocol/limits";
import { readRecords, writeRecord, writeRequest, type FromProvider, type Offer } from "@darkbloom/protocol/wire";
import { leaveReasons, type LeaveReason } from "../../events/events.ts";
import { hasFreeSlot } from "../eligibility.ts";
import type { Line, MachineView, Member, PublishedMachine } from "../ports.ts";
import { conductOf, newRecord, routedBy, type MachineRecord } from "../records/records.ts";
import { afterChallenge, distrustedFor, TIMEOUTS_UNTIL_STALE, type Standing } from "../records/standing.ts";
import { CacheScopes } from "./cache-scopes.ts";
import { CallerNonces } from "../trust/caller-nonces.ts";
import { FrameBudget } from "./frame-budget.ts";
import type { Joining, SessionNet } from "./net.ts";
import type { Challenge, MachineEvidence } from "../trust/machine-evidence.ts";
import { MachineClock } from "../trust/machine-clock.ts";
import { ABANDONED_WAIT_MS, hearPiece, hearReading, newLine, type OpenLine } from "./line.ts";
import { Outbox } from "./outbox.ts";
import { SealingContext } from "./sealing-context.ts";
import { Offering } from "../trust/offering.ts";
import { describedBy, type Shown } from "../trust/shown.ts";
import { trustStatusOf } from "../trust/trust-status.ts";
import { closeCodes, type Wire } from "./wire.ts";

type TrustField = "evidenceSha256" | "verdict" | "failing" | "attestedUntilMs" | "distrustedUntilMs" | "approval";
type LoadField = "models" | "draining" | "slots" | "running" | "pace" | "conduct";

/**
 * One provider's connection: its evidence, its standing and the lines open on it. It is the owner of
 * its socket and of its slots; the fleet sees it as a `Member`.
 */
export class ProviderSession implements Member {
  readonly providerId: ProviderId;
  readonly evidence: MachineEvidence;
  readonly #net: SessionNet;
  readonly #wire: Wire;
  readonly #outbox: Outbox;
  readonly #frames: FrameBudget;
  readonly #lines = new Map<JobId, OpenLine>();
  /** Its own until a passed challenge has shown whose connection this is; from then on the machine's. */
  #record: MachineRecord;
  #shown: Shown;
  readonly #offering: Offering;
  #challenge: Challenge | undefined;
  #verdict: Verdict;
  /** The last challenge, on the monotonic clock. */
  #passedAtMs = Number.NEGATIVE_INFINITY;
  #draining = false;
  #view: MachineView;
  #isRestarting = false;
  readonly #sealingContext: SealingContext;
  #leaving: LeaveReason | undefined;
  readonly #scopes: CacheScopes;
  readonly clock: MachineClock;
  /** Nonces of callers, for the next challenge. */
  readonly nonces: CallerNonces;

  constructor(net: SessionNet, wire: Wire, { providerId, evidence, shown, verdict }: Joining) {
    this.#net = net;
    this.#wire = wire;
    this.#outbox = new Outbox(wire, () => this.leave("unread"));
    this.#frames = new FrameBudget(net.clock);
    this.providerId = providerId;
    this.evidence = evidence;
    this.#shown = shown;
    this.#offering = new Offering(shown);
    this.#verdict = verdict;
    this.#record = newRecord();
    this.#scopes = new CacheScopes(net);
    this.clock = new MachineClock(net.clock);
    this.nonces = new CallerNonces(net.crypto);
    this.#sealingContext = new SealingContext(net);
    this.#view = {
      providerId,
      ...describedBy(shown, evidence.name),
      ...this.#trusted(),
      ...this.#loaded(),
    };
  }

  get shown(): Shown {
    return this.#shown;
  }
  get verdict(): Verdict {
    return this.#verdict;
  }
  get standing(): Standing {
    return this.#record.standing;
  }
  get outbox(): Outbox {
    return this.#outbox;
  }
  get leaving(): LeaveReason | undefined {
    return this.#leaving;
  }
  get running(): number {
    return this.#lines.size;
  }

  // What the fleet asks.
  get view(): MachineView {
    return this.#view;
  }

  /** Everybody sees what has changed, and whoever waits for this machine looks again. */
  #become(changes: Partial<MachineView>): void {
    this.#view = { ...this.#view, ...changes };
    this.#net.fleet.changed(this);
  }

  /** What follows from its evidence, from what is held against it and from its operator's word. */
  #trusted(): Pick<MachineView, TrustField> {
    return {
      evidenceSha256: this.#shown.sha256,
      verdict: this.#verdict,
      failing: fatalFailuresOf(this.#verdict.checks, this.#shown.blob.platform).length > 0,
      attestedUntilMs: this.#attestedUntilMs,
      distrustedUntilMs: this.standing.distrust?.untilMs ?? Number.NEGATIVE_INFINITY,
      approval: this.#net.approvals.of(this.#shown.machineId),
    };
  }

  /** What it does, and how well. */
  #loaded(): Pick<MachineView, LoadField> {
    return {
      draining: this.#draining || this.#leaving !== undefined,
      models: this.#offering.askable.models,
      ...routedBy(this.#record, this.#offering.askable.slots),
      ...(this.#isRestarting && { slots: 0 }),
      running: this.#lines.size,
    };
  }

  published(): PublishedMachine {
    // What it only withdraws for now is still in the offer that its evidence shows.
    const machine = { ...this.#view, models: this.#offering.models };
    return { machine, evidence: this.evidence.published(this.#shown, this.#challenge) };
  }

  async prove(nonce: Uint8Array): Promise<PublishedMachine> {
    const path = await this.nonces.include(nonce);
    return { ...this.published(), ...(path && { path }) };
  }

  async reserve(jobId: JobId): Promise<Line | "full"> {
    return this.#view.draining || !hasFreeSlot(this.#view) ? "full" : this.open(jobId);
  }

  /** Takes a slot, whether one is free or not. */
  open(jobId: JobId): Line {
    const line = newLine(this.#net.deadlines);
    const besideAtStart = this.#lines.size;
    this.#lines.set(jobId, line);
    // A slot that is taken is of no use to anybody who waits.
    this.#view = { ...this.#view, running: this.#lines.size };
    this.#frames.grant();
    let sent = false;
    const cancel = () => {
      if (sent && !line.closed) this.#outbox.control({ type: "cancel", job_id: jobId });
    };
    return {
      jobId,
      providerId: this.providerId,
      serial: this.evidence.name.serial,
      sealing: () => ({ ...this.#sealingContext.of(this.#shown), nowMs: this.clock.now() }),
      machine: () => this.#view,
      send: ({ callerRequestId, account, envelope }) => {
        if (this.#leaving)
          throw new NetworkError({ code: "provider_gone", providerId: this.providerId, phase: "before_content" });
        line.windowBytes = ANSWER_WINDOW_BYTES;
        const bytes = writeRequest({
          caller_request_id: callerRequestId,
          envelope,
          cache_scope: this.#scopes.of(account),
          credit_bytes: ANSWER_WINDOW_BYTES,
        });
        const taken = this.#outbox.body(writeRecord({ kind: "request", jobId, bytes }), () => {
          if (line.abandoned) this.#close(jobId, line);
          return !line.abandoned;
        });
        if (!taken) throw new NetworkError({ code: "provider_busy", providerId: this.providerId });
        sent = true;
      },
      take: (waitMs) => line.mailbox.take(waitMs),
      interrupt: (reason) => line.mailbox.interrupt(reason),
      credit: (bytes) => {
        line.windowBytes += bytes;
        if (!line.closed) this.#outbox.control({ type: "credit", job_id: jobId, bytes });
      },
      cancel,
      ...conductOf(this.#net.clock, this.#record, besideAtStart, {
        running: () => this.#lines.size,
        changed: () => this.#become(this.#loaded()),
        ejected: () => this.tellTrust(),
      }),
      distrust: () => {
        this.distrust();
        this.#net.fleet.distrust(this);
      },
      [Symbol.dispose]: () => {
        if (line.closed || line.abandoned) return;
        line.abandoned = true;
        if (!sent) return this.#close(jobId, line);
        this.#outbox.sweep();
        cancel();
        void this.#awaitClosing(line);
      },
    };
  }

  replaced(): void {
    this.leave("replaced");
  }

  approvalChanged(): void {
    this.judge(this.#verdict, this.standing);
  }

  distrust(): void {
    this.judge(this.#verdict, distrustedFor(this.standing, "answer"));
  }

  // What the story of the connection does.

  /** It offers something else from its next challenge on. */
  announce(offer: Offer): void {
    this.#offering.announce(offer);
    this.#become(this.#loaded());
  }

  /** Takes over newly checked evidence of the same machine, or a challenge that renews what is in force. */
  attest(shown: Shown, challenge: Challenge, verdict: Verdict): void {
    this.#offering.count(shown);
    this.#shown = shown;
    this.#challenge = challenge;
    if (this.#passedAtMs === Number.NEGATIVE_INFINITY) {
      // Before this, whoever names a machine's public key could end its connection and spoil its record.
      this.#record = this.#net.records.open(shown.blob.identity_key);
      this.#net.fleet.takeOver(this);
    }
    this.#passedAtMs = this.#net.clock.monotonicMs();
    this.judge(verdict, afterChallenge(this.standing, "pass", this.#passedAtMs));
    this.#net.keysShown?.(shown);
  }

  judge(verdict: Verdict, standing: Standing): void {
    const from = this.#verdict.level;
    this.#verdict = verdict;
    this.#record.standing = standing;
    if (from !== verdict.level) {
      const failedChecks = failuresOf(verdict.checks, this.#shown.blob.platform).length;
      this.#net.events.verdictChanged({ providerId: this.providerId, from, to: verdict.level, failedChecks });
    }
    // Its record may be another by now.
    this.#become({ ...this.#trusted(), ...this.#loaded() });
    this.tellTrust();
  }

  tellTrust(): void {
    this.#outbox.control(trustStatusOf(this.#net, this.#view, this.#verdict, this.standing, this.clock));
  }

  /** Without its model a machine has no slot, and is waited for like one that is full. */
  beat(isRestarting: boolean): void {
    if (isRestarting === this.#isRestarting) return;
    this.#isRestarting = isRestarting;
    this.#become(this.#loaded());
  }

  drain(): void {
    if (this.#draining) return;
    this.#draining = true;
    this.#become(this.#loaded());
    this.#ackDrain();
  }

  /** Says goodbye; `closed` follows when the socket is gone. */
  leave(reason: LeaveReason): void {
    if (this.#leaving) return;
    this.#leaving = reason;
    this.#become(this.#loaded());
    if (leaveReasons[reason] === "unsaid") this.#wire.terminate();
    else this.#wire.close(closeCodes.policy, reason);
  }

  /** Every line ends; whoever listens is told. */
  closed(): void {
    this.#leaving ??= "closed";
    this.#become(this.#loaded());
    for (const [jobId, line] of this.#lines) {
      line.mailbox.put({ kind: "gone", silent: this.#leaving === "silent" });
      this.#close(jobId, line);
    }
  }

  /** Counts what the machine sends, in characters or bytes. @returns false once it has sent too much, and is closed */
  mayCost(length: number): boolean {
    if (this.#leaving) return false;
    if (this.#frames.spend(length)) return true;
    this.leave("flood");
    return false;
  }

  /** Pieces of answers. One for an attempt that is unknown, over or abandoned is skipped, and costs as much as a message. @throws RangeError for what is no message of records */
  hearRecords(message: Uint8Array): void {
    let areAwaited = message.length > 0;
    for (const { kind, jobId, bytes } of readRecords(message)) {
      const line = kind === "answer" ? this.#lines.get(jobId as JobId) : undefined;
      const isAwaited = line?.abandoned === false;
      areAwaited &&= isAwaited;
      if (!isAwaited && !this.mayCost(0)) return;
      const wrong = line && hearPiece(line, bytes);
      if (wrong) return this.leave(wrong);
      // Its provider may wait for credit to close it.
      if (line?.abandoned) this.#outbox.control({ type: "credit", job_id: jobId, bytes: bytes.length });
    }
    // What windows bound costs nothing here.
    if (areAwaited) this.#frames.giveBack(message.length);
  }

  /** A frame about one attempt. One for an attempt that is unknown or over is skipped. */
  hear(frame: Extract<FromProvider, { job_id: string }>): void {
    const jobId = frame.job_id as JobId;
    const line = this.#lines.get(jobId);
    if (!line) return;
    if (frame.type === "reading") return hearReading(line, frame.read_tokens);
    if (frame.type === "inference_complete") line.mailbox.put({ kind: "complete", completion: frame });
    else line.mailbox.put({ kind: "error", error: frame });
    // Such a refusal is no fault; it holds for every request to come, or it would cost each of them a try.
    if (frame.type === "inference_error" && frame.code === "draining") this.#draining = true;
    this.#close(jobId, line);
  }

  /** A machine that was told to stop and neither stops nor fails is stuck; its slot would be lost for good. */
  async #awaitClosing(line: OpenLine): Promise<void> {
    await this.#net.clock.sleep(ABANDONED_WAIT_MS);
    if (!line.closed) this.leave("stuck");
  }

  #close(jobId: JobId, line: OpenLine): void {
    line.closed = true;
    this.#lines.delete(jobId);
    this.#ackDrain();
    this.#become(this.#loaded());
  }

  #ackDrain(): void {
    if (this.#draining && this.#lines.size === 0) this.#outbox.control({ type: "provider_drain_ack" });
  }

  /** On the monotonic clock. */
  get #attestedUntilMs(): number {
    const { hardFailures, timeouts } = this.standing;
    return !this.clock.isOff && hardFailures === 0 && timeouts < TIMEOUTS_UNTIL_STALE
      ? this.#passedAtMs + CHALLENGE_AGE_MAX_MS
      : Number.NEGATIVE_INFINITY;
  }
}
