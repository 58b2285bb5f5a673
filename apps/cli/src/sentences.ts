import {
  AdminError,
  CatalogError,
  CountersignerError,
  DatabaseError,
  DescriptorLimitError,
  NetworkKeyError,
} from "@darkbloom/coordinator";
import { DataFolderError } from "@darkbloom/protocol/node";
import { AppleMdaError, CodeHashError, IdentityKeyError, ModelFileError, NotHardenedError } from "@darkbloom/provider";

/** Errors whose message was written by us for the person at the keyboard. */
const forPeople = [
  AdminError,
  AppleMdaError,
  CatalogError,
  CountersignerError,
  DatabaseError,
  DataFolderError,
  DescriptorLimitError,
  IdentityKeyError,
  ModelFileError,
  NetworkKeyError,
  NotHardenedError,
  CodeHashError,
];

/** The sentence that an expected error carries; undefined for a fault in the program. */
export function sentenceOf(error: unknown): string | undefined {
  return forPeople.some((kind) => error instanceof kind) && error instanceof Error ? error.message : undefined;
}
