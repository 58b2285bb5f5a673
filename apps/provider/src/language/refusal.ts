import type { EngineRefusalCode } from "@darkbloom/protocol/provider-words";

/** Why a model cannot begin with this request, and could not elsewhere. Says nothing of the prompt itself. */
export class EngineRefusal extends Error {
  override readonly name = "EngineRefusal";
  readonly code: EngineRefusalCode;
  /** Of a prompt that does not fit: how long it is, or at least is. */
  readonly promptTokens: number | undefined;

  constructor(code: EngineRefusalCode, promptTokens?: number) {
    super(code);
    this.code = code;
    this.promptTokens = promptTokens;
  }
}
