import { ErrorForPeople } from "@darkbloom/protocol/for-people";
import * as z from "zod";
import { KeyError, type KeyRefusal } from "../accounts/key-terms.ts";

/** What an operation can fail with, and the status of each over HTTP. */
const statuses = {
  invalid: 400,
  unknown_account: 404,
  unknown_key: 404,
  unknown_machine: 404,
  unknown_person: 404,
  unknown_token: 404,
  unknown_invite: 404,
  unknown_deposit: 404,
  unknown_withdrawal: 404,
  too_much: 409,
  revoked: 409,
  /** Something has to end before. */
  in_the_way: 409,
  /** It was not said, or not rightly, what goes. */
  unconfirmed: 409,
  unreachable: 503,
  /** The other end speaks otherwise: nothing was asked, or what was answered is not understood. */
  other_version: 404,
  internal: 500,
} as const;
export type AdminFault = keyof typeof statuses;

/** The message is a sentence for the operator. */
export class AdminError extends ErrorForPeople {
  override readonly name = "AdminError";
  readonly code: AdminFault;

  constructor(code: AdminFault, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }

  get status(): number {
    return statuses[this.code];
  }
}

const keyFaults = {
  invalid: "invalid",
  revoked: "revoked",
  too_many: "too_much",
  unknown_key: "unknown_key",
} as const satisfies Record<KeyRefusal["why"], AdminFault>;

/** What an operation on keys refuses, as the operator is told; anything else as it is. */
export function ofKeys(error: unknown): unknown {
  if (!(error instanceof KeyError)) return error;
  const { why } = error.refused;
  const sentence = why === "unknown_key" ? `${error.message} 'darkbloom keys list' shows every id.` : error.message;
  return new AdminError(keyFaults[why], sentence, { cause: error });
}

/** As it is told over HTTP, in the envelope of every other error here. */
export const adminFailure = z.object({
  error: z.object({
    message: z.string(),
    type: z.literal("admin_error"),
    param: z.null(),
    code: z.enum(Object.keys(statuses) as [AdminFault, ...AdminFault[]]),
  }),
});

export const failureOf = ({ code, message }: AdminError): z.infer<typeof adminFailure> => ({
  error: { message, type: "admin_error", param: null, code },
});

export const otherVersion = (options?: ErrorOptions): AdminError =>
  new AdminError(
    "other_version",
    "The coordinator that holds this folder is of another version than this command. Use the 'darkbloom' of its version, or stop it and start it with this one.",
    options,
  );
