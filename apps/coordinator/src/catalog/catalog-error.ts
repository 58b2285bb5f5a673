import { ErrorForPeople } from "@darkbloom/protocol/for-people";

/** The message is a sentence for the operator, and names the field. */
export class CatalogError extends ErrorForPeople {
  override readonly name = "CatalogError";
}
