import type { EngineRefusalCode } from "@darkbloom/protocol";

/** Why a model cannot begin with this request, and could not elsewhere. Says nothing of the prompt itself. */
export class EngineRefusal extends Error {
  override readonly name = "EngineRefusal";
  readonly code: EngineRefusalCode;

  constructor(code: EngineRefusalCode) {
    super(code);
    this.code = code;
  }
}
