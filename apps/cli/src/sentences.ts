import { ErrorForPeople } from "@darkbloom/protocol/for-people";

/** The sentence that an expected error carries; undefined for a fault in the program. */
export const sentenceOf = (error: unknown): string | undefined =>
  error instanceof ErrorForPeople ? error.message : undefined;
