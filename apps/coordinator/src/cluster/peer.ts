import { toBase64 } from "@darkbloom/protocol/bytes";
import { NetworkError } from "@darkbloom/protocol/failures";
import type { CoordinatorId, JobId, ProviderId } from "@darkbloom/protocol/ids";
import { CHALLENGE_ANSWER_MS } from "@darkbloom/protocol/limits";
import type { Clock } from "@darkbloom/protocol/ports";
import { LATE, within, type Deadlines } from "@darkbloom/protocol/time";
import type { Line, PublishedMachine } from "../machines/ports.ts";
import { FarLine, type Way } from "./far-line.ts";
import type { FarMember, Home } from "./far-member.ts";
import { LentLines, type WayBack } from "./lent-lines.ts";
import { readAddressed, type Post, type PostKind } from "./post.ts";
import { FAR_LINES_MAX, type Of } from "./words.ts";

/** A home that has not said by then whether there is a slot is taken for full. */
export const RESERVE_WAIT_MS = 2_000;
/** A challenge begins some time after its first nonce has come, and its answer takes the bus. */
const PROOF_WAIT_MS = CHALLENGE_ANSWER_MS + 5_000;
/** Nonces of callers that wait for one home at once: a caller's is asked of each of its machines. */
const PROOFS_WAITING_MAX = 16_384;
const PROOFS_RETRY_SEC = 10;
/** Weight of the newest round trip in the moving average. */
const NEWEST_TRIP = 0.2;

export interface PeerNet {
  readonly clock: Clock;
  readonly deadlines: Deadlines;
  readonly post: Post;
  readonly bug: (error: unknown) => void;
}

type LineWords = Of<
  | "reading"
  | "closed"
  | "gone"
  | "lost"
  | "credit"
  | "cancel"
  | "release"
  | "began"
  | "measured"
  | "learnt"
  | "declined"
>;

/** A machine that it hosts, while it is a member of the fleet here. */
interface Hosted {
  readonly machine: FarMember;
  joined: Disposable | undefined;
}

/**
 * Another coordinator, for as long as its beats come: the machines that it hosts, the lines that are open to them from here, and the
 * lines to machines of this one that are open from there. With its end all of them end.
 */
export class Peer implements Home {
  readonly id: CoordinatorId;
  readonly hosted = new Map<ProviderId, Hosted>();
  readonly lent: LentLines;
  /** What it has told of its fleet is known up to this version. */
  fleetVersion: number | undefined;
  /** Its last link, or when it was first heard of. */
  heardAtMs: number;
  readonly #net: PeerNet;
  readonly #way: Way & WayBack;
  readonly #lines = new Map<JobId, FarLine>();
  readonly #asked = new Map<JobId, { machine: FarMember; answer: (line: Line | "full") => void }>();
  readonly #proofs = new Map<number, (proof: Of<"proved"> | undefined) => void>();
  /** Asked in vain: the question or its answer was lost, or a slot was kept for somebody else, of which no change will tell. */
  readonly #refusing = new Set<FarMember>();
  #proofId = 0;
  #tripMs: number | undefined;
  /** The time in its last link, and when that came. */
  #echo: { readonly atMs: number; readonly heardAtMs: number } | undefined;
  #isOver = false;

  constructor(net: PeerNet, id: CoordinatorId) {
    const { post, deadlines } = net;
    this.#net = net;
    this.id = id;
    this.heardAtMs = net.clock.monotonicMs();
    const hand = (kind: "frames" | "request", parts: readonly Uint8Array[]) => post.hand(id, kind, parts);
    this.#way = { deadlines, say: (words) => post.tell(id, words), mention: (words) => post.mention(id, words), hand };
    this.lent = new LentLines(this.#way, net.bug);
  }

  get roundTripMs(): number {
    return this.#tripMs ?? 0;
  }

  /** Lines from here to its machines. */
  get lines(): number {
    return this.#lines.size;
  }

  async reserve(machine: FarMember, jobId: JobId): Promise<Line | "full"> {
    machine.took();
    if (this.#isOver || this.#lines.size + this.#asked.size >= FAR_LINES_MAX) {
      machine.isFull();
      return "full";
    }
    const asked = Promise.withResolvers<Line | "full">();
    this.#asked.set(jobId, { machine, answer: asked.resolve });
    this.#way.say({ type: "reserve", job: jobId, providerId: machine.providerId });
    const answer = await within(this.#net.clock, RESERVE_WAIT_MS, asked.promise);
    if (answer !== LATE) return answer;
    this.#way.say({ type: "release", job: jobId });
    this.#refused(jobId);
    return "full";
  }

  granted(jobId: JobId): void {
    const asked = this.#asked.get(jobId);
    if (!asked) return;
    this.#asked.delete(jobId);
    const { machine } = asked;
    const end = {
      providerId: machine.providerId,
      get view() {
        return machine.view;
      },
      sealing: () => machine.sealing(),
      distrust: () => machine.distrust(),
      closed: () => machine.gaveBack(),
    };
    const line = new FarLine(this.#way, end, jobId, () => void this.#lines.delete(jobId));
    this.#lines.set(jobId, line);
    asked.answer(line);
  }

  full(jobId: JobId): void {
    this.#refused(jobId)?.("full");
  }

  #refused(jobId: JobId): ((line: "full") => void) | undefined {
    const asked = this.#asked.get(jobId);
    this.#asked.delete(jobId);
    asked?.machine.isFull();
    if (asked) this.#refusing.add(asked.machine);
    return asked?.answer;
  }

  /** Slots of this machine that were asked for, and of which its home has not said anything. */
  pendingOf(machine: FarMember): number {
    let pending = 0;
    for (const asked of this.#asked.values()) if (asked.machine === machine) pending++;
    return pending;
  }

  async prove(machine: FarMember, nonce: Uint8Array): Promise<PublishedMachine> {
    if (this.#proofs.size >= PROOFS_WAITING_MAX)
      throw new NetworkError({ code: "overloaded", retryAfterSec: PROOFS_RETRY_SEC });
    if (this.#isOver) return machine.published();
    const id = this.#proofId++;
    const proof = Promise.withResolvers<Of<"proved"> | undefined>();
    this.#proofs.set(id, proof.resolve);
    this.#way.say({ type: "prove", id, providerId: machine.providerId, nonce: toBase64(nonce) });
    const proved = await within(this.#net.clock, PROOF_WAIT_MS, proof.promise);
    this.#proofs.delete(id);
    if (proved === LATE || !proved?.machine) return machine.published();
    machine.become(proved.machine, this.pendingOf(machine));
    return { ...machine.published(), ...(proved.path && { path: proved.path }) };
  }

  proved(words: Of<"proved">): void {
    this.#proofs.get(words.id)?.(words);
  }

  leave(machine: FarMember): void {
    const hosted = this.hosted.get(machine.providerId);
    if (!hosted) return;
    hosted.joined?.[Symbol.dispose]();
    hosted.joined = undefined;
  }

  /** It hosts this one no more. */
  forget(providerId: ProviderId): void {
    this.hosted.get(providerId)?.joined?.[Symbol.dispose]();
    this.hosted.delete(providerId);
  }

  hear(words: LineWords): void {
    if (words.type === "lost") this.#lines.get(words.job)?.lose();
    else if (words.type === "reading" || words.type === "closed" || words.type === "gone")
      this.#lines.get(words.job)?.hear(words);
    else this.lent.hear(words);
  }

  take(kind: Exclude<PostKind, "words">, record: Uint8Array): void {
    if (kind === "request") return this.lent.request(record);
    const piece = readAddressed(record);
    if (piece) this.#lines.get(piece.jobId as JobId)?.frames(piece.number, piece.bytes);
  }

  /** What is said with every beat: both ends compare which lines there are, and whether all that was said on them has come. */
  link(waiting: [ProviderId, number][]): Of<"link"> {
    const nowMs = this.#net.clock.monotonicMs();
    const echo = this.#echo && { atMs: this.#echo.atMs, heldMs: nowMs - this.#echo.heardAtMs };
    const asked = Array.from(this.#lines, ([jobId, { said }]): [JobId, number] => [jobId, said]);
    for (const jobId of this.#asked.keys()) asked.push([jobId, 0]);
    const distrusted: ProviderId[] = [];
    for (const { machine } of this.hosted.values()) if (machine.isDistrusted) distrusted.push(machine.providerId);
    return { type: "link", atMs: nowMs, ...(echo && { echo }), asked, lent: this.lent.said, waiting, distrusted };
  }

  linked({ atMs, echo, asked, lent }: Of<"link">): void {
    const nowMs = this.#net.clock.monotonicMs();
    this.heardAtMs = nowMs;
    this.#echo = { atMs, heardAtMs: nowMs };
    if (echo) {
      const tripMs = Math.max(0, nowMs - echo.atMs - echo.heldMs);
      this.#tripMs = (this.#tripMs ?? tripMs) * (1 - NEWEST_TRIP) + tripMs * NEWEST_TRIP;
    }
    for (const machine of this.#refusing) machine.mayBeFree();
    this.#refusing.clear();
    this.lent.compare(new Map(asked));
    const said = new Map(lent);
    for (const [jobId, line] of this.#lines) {
      const last = said.get(jobId);
      if (last === undefined) line.lose();
      else line.compare(last);
    }
  }

  /** It is gone, or cannot be reached. */
  end(): void {
    this.#isOver = true;
    for (const providerId of this.hosted.keys()) this.forget(providerId);
    for (const line of this.#lines.values()) line.lose();
    for (const jobId of this.#asked.keys()) this.full(jobId);
    for (const answer of this.#proofs.values()) answer(undefined);
    this.lent.end();
  }
}
