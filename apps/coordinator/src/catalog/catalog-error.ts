import { ErrorForPeople } from "@darkbloom/protocol";

/** The message is a sentence for the operator, and names the field. */
export class CatalogError extends ErrorForPeople {
  override readonly name = "CatalogError";
}
