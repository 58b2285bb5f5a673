import type { HpkeContext, JobId, ProviderId, Sha256Hex, Suite } from "@darkbloom/protocol";
import type { Candidate } from "../routing/choose.ts";
import type { Line } from "../session/line.ts";
import type { FleetView, ProvenView, ProviderView } from "./view.ts";

/** What sealing for a machine needs; of the evidence in force at the moment of asking. */
export interface Sealing {
  readonly context: HpkeContext;
  readonly keyId: string;
  readonly suite: Suite;
  readonly evidenceSha256: Sha256Hex;
}

/** A connected provider, as its session offers it to the fleet. */
export interface Member {
  readonly providerId: ProviderId;
  /** Durable: the same machine under another connection has the same. */
  readonly identityKey: string;
  candidate(): Candidate;
  view(): ProviderView;
  /** Answers a challenge over this nonce. */
  prove(nonce: Uint8Array): Promise<ProvenView>;
  /** Takes a slot. The caller has just seen one free, in the same turn. */
  open(jobId: JobId): Line;
  sealing(): Sealing;
  /** The same machine has connected anew; this connection ends. */
  replaced(): void;
  /** An answer did not match its signature: no request reaches this machine again. */
  distrust(): void;
}

/** Owns who is connected. Eligibility is asked of each member at the moment of choosing, never stored. */
export class Fleet implements FleetView {
  readonly #members = new Map<ProviderId, Member>();
  readonly #watchers = new Set<() => void>();

  /** Leaving the scope of the answer removes the member. */
  join(member: Member): Disposable {
    this.#members.set(member.providerId, member);
    this.changed();
    return {
      [Symbol.dispose]: () => {
        this.#members.delete(member.providerId);
        this.changed();
      },
    };
  }

  /** A member has shown that it has its identity key: an older connection of the same machine ends. */
  takeOver(member: Member): void {
    for (const other of this.#members.values())
      if (other !== member && other.identityKey === member.identityKey) other.replaced();
  }

  get(providerId: ProviderId): Member | undefined {
    return this.#members.get(providerId);
  }

  candidates(): Candidate[] {
    return [...this.#members.values()].map((member) => member.candidate());
  }

  providers(): ProviderView[] {
    return [...this.#members.values()].map((member) => member.view());
  }

  prove(nonce: Uint8Array): Promise<readonly ProvenView[]> {
    return Promise.all([...this.#members.values()].map((member) => member.prove(nonce)));
  }

  /** A slot became free, a machine joined, left or passed a challenge: whoever waits looks again. */
  changed(): void {
    for (const watcher of this.#watchers) watcher();
  }

  watch(watcher: () => void): Disposable {
    this.#watchers.add(watcher);
    return { [Symbol.dispose]: () => void this.#watchers.delete(watcher) };
  }
}
