import { NetworkError } from "@darkbloom/protocol/failures";
import type { AccountId, JobId, ProviderId } from "@darkbloom/protocol/ids";
import { ANSWER_WINDOW_BYTES } from "@darkbloom/protocol/limits";
import { readRecords, writeRecord, writeRequest, type FromProvider, type Offer } from "@darkbloom/protocol/wire";
import { leaveReasons, type LeaveReason } from "../../events/events.ts";
import { hasFreeSlot } from "../eligibility.ts";
import type { Line, MachineCourse, MachineView, Member, PublishedMachine } from "../ports.ts";
import { conductOf, routedBy } from "../records/records.ts";
import { distrustedFor } from "../records/standing.ts";
import { Course } from "../trust/course.ts";
import { MachineTrust, type Joining } from "../trust/machine-trust.ts";
import { describedBy } from "../trust/shown.ts";
import { CacheScopes } from "./cache-scopes.ts";
import { FrameBudget } from "./frame-budget.ts";
import { ABANDONED_WAIT_MS, hearPiece, hearReading, newLine, type OpenLine } from "./line.ts";
import type { SessionNet } from "./net.ts";
import { Outbox } from "./outbox.ts";
import { SealingContext } from "./sealing-context.ts";
import { closeCodes, type Wire } from "./wire.ts";

type LoadField = "models" | "draining" | "slots" | "running" | "pace" | "conduct";

/**
 * One provider's connection: what is thought of its machine, and the lines open on it. It is the owner of
 * its socket and of its slots; the fleet sees it as a `Member`.
 */
export class ProviderSession implements Member {
  readonly providerId: ProviderId;
  readonly trust: MachineTrust;
  readonly #net: SessionNet;
  readonly #wire: Wire;
  readonly #outbox: Outbox;
  readonly #frames: FrameBudget;
  readonly #lines = new Map<JobId, OpenLine>();
  #draining = false;
  #view: MachineView;
  #isRestarting = false;
  readonly #sealingContext: SealingContext;
  #leaving: LeaveReason | undefined;
  readonly #scopes: CacheScopes;
  readonly #course: Course;
  readonly #linked: Joining["linked"];

  constructor(net: SessionNet, wire: Wire, joining: Joining) {
    const { providerId, evidence, shown } = joining;
    this.#net = net;
    this.#wire = wire;
    this.#outbox = new Outbox(wire, net.defer, () => this.leave("unread"));
    this.#frames = new FrameBudget(net.clock);
    this.providerId = providerId;
    this.#linked = joining.linked;
    this.#course = new Course(net);
    this.trust = new MachineTrust(net, joining, {
      recognised: () => {
        net.fleet.takeOver(this);
        this.#ownerFound();
      },
      judged: () => {
        // Its record may be another by now.
        this.#become({ ...this.trust.view, ...this.#loaded() });
        this.#course.look(this.#view);
        this.tellTrust();
      },
    });
    this.#scopes = new CacheScopes(net);
    this.#sealingContext = new SealingContext(net);
    this.#view = {
      providerId,
      ...describedBy(shown, evidence.name),
      ...this.trust.view,
      ...this.#loaded(),
    };
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

  /** What it does, and how well. */
  #loaded(): Pick<MachineView, LoadField> {
    return {
      draining: this.#draining || this.#leaving !== undefined,
      models: this.trust.offering.askable.models,
      ...routedBy(this.trust.record, this.trust.offering.askable.slots),
      ...(this.#isRestarting && { slots: 0 }),
      running: this.#lines.size,
    };
  }

  published(): PublishedMachine {
    return this.trust.published(this.#view);
  }

  now(): number {
    return this.trust.clock.now();
  }

  async prove(nonce: Uint8Array): Promise<PublishedMachine> {
    const path = await this.trust.nonces.include(nonce);
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
      serial: this.trust.evidence.name.serial,
      sealing: () => ({ ...this.#sealingContext.of(this.trust.shown), nowMs: this.now() }),
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
        this.trust.record.offeredAt = this.#net.clock.now();
      },
      take: (waitMs) => line.mailbox.take(waitMs),
      interrupt: (reason) => line.mailbox.interrupt(reason),
      credit: (bytes) => {
        line.windowBytes += bytes;
        if (!line.closed) this.#outbox.control({ type: "credit", job_id: jobId, bytes });
      },
      cancel,
      ...conductOf(this.#net.clock, this.trust.record, besideAtStart, {
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

  decidedOn(): void {
    this.trust.judge(this.trust.verdict, this.trust.standing);
  }

  unlinked(account: AccountId): void {
    if (this.#view.owner === account || this.#linked?.account === account) this.leave("unlinked");
  }

  course(): MachineCourse {
    return this.#course.look(this.#view);
  }

  /** Of a machine that was let in by somebody, whoever that was has it from now on, unless they took it back meanwhile. */
  #ownerFound(): void {
    const { owners, events } = this.#net;
    const failed = (error: unknown) => events.bug({ where: "background" }, error);
    if (this.#linked && !owners.prove(this.#linked.tokenHash, failed)) return this.leave("unlinked");
    owners.seen(this.trust.shown.machineId, failed);
  }

  distrust(): void {
    this.trust.judge(this.trust.verdict, distrustedFor(this.trust.standing, "answer"));
  }

  // What the story of the connection does.

  /** It offers something else from its next challenge on. */
  announce(offer: Offer): void {
    this.trust.announce(offer);
    this.#become(this.#loaded());
  }

  tellTrust(): void {
    this.#outbox.control(this.trust.status(this.#view));
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
    if (this.trust.isRecognised)
      this.#net.owners.seen(this.trust.shown.machineId, (error) =>
        this.#net.events.bug({ where: "background" }, error),
      );
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
}
