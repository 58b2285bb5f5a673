import { ErrorForPeople } from "@darkbloom/protocol/for-people";

export const adminFaults = [
  "invalid",
  "unknown_account",
  "unknown_key",
  "unknown_machine",
  "too_much",
  "unreachable",
  "internal",
] as const;
export type AdminFault = (typeof adminFaults)[number];

/** The message is a sentence for the operator. */
export class AdminError extends ErrorForPeople {
  override readonly name = "AdminError";
  readonly code: AdminFault;

  constructor(code: AdminFault, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
