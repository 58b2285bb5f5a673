/**
 * Names that we made or looked up. The brand keeps a request's own words out of logs, metrics and
 * failures: a plain string has no place to go there.
 */
type Brand<Name extends string> = string & { readonly of: Name };

/** An account that pays or earns, e.g. `acct_5f0c…`. */
export type AccountId = Brand<"account">;
/** One API key's public id, e.g. `key_…`; never the key. */
export type KeyId = Brand<"key">;
/** Somebody who signs in, e.g. `person_…`. */
export type PersonId = Brand<"person">;
/** One sign-in's public id, e.g. `session_…`; never its secret. */
export type SessionId = Brand<"session">;
/** One token of an operator for a program, e.g. `token_…`; never its secret. */
export type TokenId = Brand<"token">;
/** One attempt at one request; the winning one names the job, its hold and its receipt. */
export type JobId = Brand<"job">;
/** One request as the caller sees it: their own `x-request-id` if it is well formed, else ours. */
export type RequestId = Brand<"request">;
/** One connection of one provider; a session handle, never a durable identity. */
export type ProviderId = Brand<"provider">;
/** What a machine is called by its operator; derives from its identity key, e.g. `mach_…`. */
export type MachineId = Brand<"machine">;
/** One life of one coordinator, e.g. `coord_…`: it has another after a restart. */
export type CoordinatorId = Brand<"coordinator">;
/** A machine's serial, or the pseudonym that stands in its place where the operator does not disclose it. */
export type Serial = Brand<"serial">;
/** A public model name that the catalog knows. */
export type ModelId = Brand<"model">;
/** A concrete set of weights that the catalog knows. */
export type BuildId = Brand<"build">;
/** SHA-256 in lower-case hex. */
export type Sha256Hex = Brand<"sha256">;
/** A JSON path made of field names of our own schemas, e.g. `messages.0.content`. */
export type ParamPath = Brand<"param">;
/** A sentence written by us, holding nothing that a caller sent. */
export type OurWords = Brand<"our-words">;

const requestIdShape = /^[A-Za-z0-9._:-]{1,128}$/;

/** The caller's own request id where it can stand in a header and a log line, else undefined. */
export function requestIdFrom(text: string | undefined): RequestId | undefined {
  return text !== undefined && requestIdShape.test(text) ? (text as RequestId) : undefined;
}

export const ourWords = (text: TemplateStringsArray, ...numbers: (number | bigint | OurWords)[]): OurWords =>
  String.raw({ raw: text }, ...numbers.map(String)) as OurWords;
