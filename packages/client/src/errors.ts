import type { Action } from "./types.ts";

/** Everything that can be wrong beside what the coordinator itself answers; `status` is what an SDK sees of it. */
export const faults = {
  address_foreign: { action: "fix", status: 400 },
  body_unreadable: { action: "fix", status: 400 },
  body_too_large: { action: "fix", status: 413 },
  route_unknown: { action: "fix", status: 404 },
  policy_contradicted: { action: "fix", status: 400 },
  /** The coordinator takes nothing in the mode that the policy asks for. */
  mode_unavailable: { action: "fix", status: 400 },
  model_unknown: { action: "fix", status: 404 },
  /** No machine is as the policy wants it. */
  policy_unmet: { action: "fix", status: 403 },
  no_machine: { action: "retry", status: 503 },
  /** Machines were named twice, and none could serve. To go on by itself would let a coordinator choose by refusing. */
  no_candidate: { action: "retry", status: 503 },
  evidence_unavailable: { action: "retry", status: 503 },
  /** Too few of the policy's witnesses have signed what the log shows. */
  log_unwitnessed: { action: "retry", status: 503 },
  evidence_stale: { action: "retry", status: 503 },
  answer_cut_off: { action: "retry", status: 502 },
  answer_too_large: { action: "stop", status: 502 },
  /** A machine, or the coordinator in its name, shows what is not so. */
  evidence_false: { action: "stop", status: 403 },
  answer_false: { action: "stop", status: 502 },
  /** An answer by somebody whose evidence does not hold, or whom nobody knows. */
  machine_unverified: { action: "stop", status: 502 },
  receipt_missing: { action: "stop", status: 502 },
  receipt_false: { action: "stop", status: 502 },
  log_missing: { action: "stop", status: 403 },
  log_false: { action: "stop", status: 403 },
} as const satisfies Record<string, { action: Action; status: number }>;
export type FaultCode = keyof typeof faults;

/** Something was not as it must be. The message is a sentence that says what to do; it holds nothing of a prompt or an answer. */
export class DarkbloomError extends Error {
  override readonly name = "DarkbloomError";
  readonly code: FaultCode;
  readonly action: Action;

  constructor(code: FaultCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    this.action = faults[code].action;
  }
}
