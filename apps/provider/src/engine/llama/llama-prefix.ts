import { Slots } from "../slots.ts";

/** How long a prompt stays in memory for another one of its scope. */
export const PREFIX_KEPT_MS = 5 * 60_000;

/** What a model remembers of one text. */
interface Sequence {
  readonly contextTokens: readonly number[];
  readonly nextTokenIndex: number;
  clearHistory(): Promise<void>;
  /** Keeps the beginning that is the same, and forgets what follows. */
  adaptStateToTokens(tokens: readonly number[], allowShift: false): Promise<void>;
}

/** A sequence of the context, and whose tokens are in it. */
interface Slot<S> {
  readonly sequence: S;
  /** Who may reuse what the sequence holds; undefined: it holds nothing. */
  scope: string | undefined;
  forget: NodeJS.Timeout | undefined;
}

/** A slot in use. */
export interface Taken<S> {
  readonly sequence: S;
  /** So many of the prompt's tokens are in memory already; the last one never is. */
  readonly cachedTokens: number;
  /** Ends the use. With `keep`, what was read stays for the scope that it was taken for. */
  readonly give: (keep: boolean) => Promise<void>;
}

/**
 * Sequences that remember their last prompt, each for the one scope that it came from. Another scope finds
 * an empty sequence, so nobody's prompt serves another's, nor can it be guessed by how fast one is read.
 */
export class PrefixSlots<S extends Sequence> {
  readonly #all: readonly Slot<S>[];
  readonly #slots: Slots<Slot<S>>;

  constructor(sequences: readonly S[]) {
    this.#all = sequences.map((sequence) => ({ sequence, scope: undefined, forget: undefined }));
    this.#slots = new Slots(this.#all);
  }

  /** @param scope undefined: nothing is reused, and nothing is kept afterwards */
  async take(tokens: readonly number[], scope: string | undefined, signal: AbortSignal): Promise<Taken<S>> {
    const slot = await this.#slots.take(signal, (free) => best(free, tokens, scope));
    const { sequence } = slot;
    clearTimeout(slot.forget);
    try {
      if (scope !== undefined && slot.scope === scope)
        // The last token is read again: the first new one is drawn from what it leaves.
        await sequence.adaptStateToTokens(tokens.slice(0, -1), false);
      else await sequence.clearHistory();
    } catch (error) {
      slot.scope = undefined;
      this.#slots.give(slot);
      throw error;
    }
    const give = (keep: boolean) => this.#give(slot, keep ? scope : undefined);
    return { sequence, cachedTokens: sequence.nextTokenIndex, give };
  }

  async #give(slot: Slot<S>, scope: string | undefined): Promise<void> {
    slot.scope = scope;
    try {
      if (scope === undefined) await slot.sequence.clearHistory();
      else {
        slot.forget = setTimeout(() => forget(slot), PREFIX_KEPT_MS);
        slot.forget.unref();
      }
    } finally {
      this.#slots.give(slot);
    }
  }

  /** No timer is left. */
  close(): void {
    for (const { forget: timer } of this.#all) clearTimeout(timer);
  }
}

/** The longest beginning in common within the scope; else an empty one; else the one that waits for longest. */
function best<S extends Sequence>(
  free: readonly Slot<S>[],
  tokens: readonly number[],
  scope: string | undefined,
): Slot<S> {
  const score = (slot: Slot<S>) =>
    scope !== undefined && slot.scope === scope
      ? commonLength(slot.sequence.contextTokens, tokens)
      : slot.scope === undefined
        ? 0
        : -1;
  return free.reduce((one, other) => (score(other) > score(one) ? other : one));
}

function commonLength(some: readonly number[], others: readonly number[]): number {
  const at = some.findIndex((token, index) => token !== others[index]);
  return at === -1 ? some.length : at;
}

/** Where this fails, the next one to take the slot clears it, and is told. */
function forget<S extends Sequence>(slot: Slot<S>): void {
  slot.scope = undefined;
  slot.sequence.clearHistory().catch(() => undefined);
}
