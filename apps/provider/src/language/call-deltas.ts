import type { Delta } from "@darkbloom/protocol/dialects";

/**
 * The calls of one reply on their way out. A call that has just been made, with the same arguments, is not
 * made again: a model that repeats itself goes on doing so, and the caller would do the same thing twice.
 * Arguments are held back only while they are those of an earlier call.
 */
export class CallDeltas {
  readonly #newId: () => string;
  readonly #made: { readonly name: string; readonly arguments: string }[] = [];
  #name = "";
  #arguments = "";
  #held: Delta[] | undefined;
  /** A whole call was one that had been made before. */
  repeated = false;

  constructor(newId: () => string) {
    this.#newId = newId;
  }

  begin(name: string): Delta[] {
    this.#name = name;
    this.#arguments = "";
    const begun: Delta = { kind: "call", id: this.#newId(), name };
    this.#held = this.#made.some((call) => call.name === name) ? [begun] : undefined;
    return this.#held ? [] : [begun];
  }

  arguments(text: string): Delta[] {
    if (text === "") return [];
    this.#arguments += text;
    const delta: Delta = { kind: "arguments", text };
    if (!this.#held) return [delta];
    this.#held.push(delta);
    const mayRepeat = this.#made.some((call) => call.name === this.#name && call.arguments.startsWith(this.#arguments));
    return mayRepeat ? [] : this.letOut();
  }

  /** The call is whole. */
  end(): Deltas {
    const isMade = this.#made.some((call) => call.name === this.#name && call.arguments === this.#arguments);
    if (this.#held && isMade) {
      this.repeated = true;
      this.#held = undefined;
      return [];
    }
    this.#made.push({ name: this.#name, arguments: this.#arguments });
    return this.letOut();
  }

  letOut(): Delta[] {
    const held = this.#held ?? [];
    this.#held = undefined;
    return held;
  }
}

type Deltas = Delta[];
