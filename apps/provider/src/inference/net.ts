import type { Clock, Crypto, Random } from "@darkbloom/protocol/ports";
import type { Hpke, Opened } from "@darkbloom/protocol/sealing";
import type { Signer } from "@darkbloom/protocol/signer";
import type { Deadlines } from "@darkbloom/protocol/time";
import type { FromProvider, InferenceRequest } from "@darkbloom/protocol/wire";
import type { Engine } from "./engine.ts";

/** What answering needs from outside. */
export interface AnswerNet {
  readonly clock: Clock;
  readonly crypto: Crypto;
  readonly hpke: Hpke;
  readonly random: Random;
  readonly engine: Engine;
  readonly signer: Signer;
  /** Of this connection. */
  readonly providerId: string;
  /** Does it at the end of this turn of the loop. */
  readonly defer: (act: () => void) => void;
  readonly deadlines: Deadlines;
  /** Opens a request with the keys that are in force now. */
  open(request: Pick<InferenceRequest, "envelope" | "cache_scope">): Opened;
  send(message: FromProvider): void;
  /** A whole frame of the sealed answer. @param isLast the next that is sent is its end */
  sendFrame(frame: Uint8Array, isLast: boolean): void;
  /** An assumption of ours broke, or the engine did. */
  failed(error: unknown): void;
}
