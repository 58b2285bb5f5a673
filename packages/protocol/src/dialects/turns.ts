import { fromUtf8Body, joinBytes } from "../bytes.ts";
import { parseAsWritten } from "../written-order.ts";
import { fieldOf } from "./fields.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** Stands before each text (RFC 7464); no JSON text holds it. */
const RECORD_SEPARATOR = 0x1e;

/** On the value of a request that goes on with a response: its id, which no JSON can put there. */
const goesOnWith = Symbol("goes on with");

/** The response that a request goes on with, where `parseRequest` put the conversation together. */
export function previousIdOf(body: unknown): string | null {
  const id = typeof body === "object" && body !== null ? (Reflect.get(body, goesOnWith) as unknown) : undefined;
  return typeof id === "string" ? id : null;
}

/**
 * A request that goes on with a response, as one body: before it each earlier request and the event that ended its response,
 * word for word as they went over the connection, so that whoever has them can compute the hash that a receipt names.
 */
export const joinTurns = (texts: readonly Uint8Array[]): Bytes =>
  joinBytes(texts.flatMap((text) => [Uint8Array.of(RECORD_SEPARATOR), text]));

/**
 * The JSON value of a request's body. Of one that goes on with a response: the last request, with all that was said before
 * in front of its input.
 *
 * @throws TypeError for what is not UTF-8, SyntaxError for what is no JSON; its text quotes the body
 */
export function parseRequest(body: Uint8Array): unknown {
  const text = fromUtf8Body(body);
  if (body[0] !== RECORD_SEPARATOR) return parseAsWritten(text);
  const turns = text.slice(1).split("\u001e").map(parseAsWritten);
  const last = turns.at(-1);
  if (typeof last !== "object" || last === null || turns.length % 2 === 0) throw new SyntaxError("no turns");
  const input = turns.flatMap((turn, at) => (at % 2 === 0 ? itemsOf(fieldOf(turn, "input")) : outputOf(turn)));
  return { ...last, input, previous_response_id: null, [goesOnWith]: fieldOf(last, "previous_response_id") };
}

const outputOf = (event: unknown): readonly unknown[] => {
  const output = fieldOf(fieldOf(event, "response"), "output");
  return Array.isArray(output) ? output : [];
};

/** A text is a user's message. */
const itemsOf = (input: unknown): readonly unknown[] =>
  Array.isArray(input) ? input : [{ role: "user", content: input }];
