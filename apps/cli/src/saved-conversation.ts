import { fromUtf8, toHex, utf8 } from "@darkbloom/protocol/bytes";
import { fieldOf, joinTurns } from "@darkbloom/protocol/dialects";
import { splitProof } from "@darkbloom/protocol/receipts";
import { nodeCrypto } from "@darkbloom/protocol/node";
import { CommandFailed } from "./failure.ts";
import type { SavedAnswer } from "./saved-answer.ts";

/** A response over a WebSocket, and the hash of what asked for it. */
export interface SavedTurn extends SavedAnswer {
  /** Of the request as it was sent, or of the texts that it goes on with and itself; undefined where they are not there. */
  readonly requestSha256: string | undefined;
}

type Texts = readonly Uint8Array<ArrayBuffer>[];

/** What some programs write before a message that came or went. */
const DIRECTION = /^[<>] /;

/** Whether a file holds messages, a line each, and no answer of HTTP's. */
export const isConversation = (file: Uint8Array): boolean => /^\s*(?:[<>] )?\{/.test(startOf(file));

const startOf = (file: Uint8Array): string => Buffer.from(file.subarray(0, 64)).toString("latin1");

/**
 * The responses of a conversation over a WebSocket, saved message by message: each on a line of its own, in the order in which
 * they came. Where what was sent stands between them, it is looked at too.
 *
 * @throws CommandFailed where a line is no message, or no response has a receipt
 */
export function readSavedConversation(file: Uint8Array, path: string): readonly SavedTurn[] {
  const turns: SavedTurn[] = [];
  const asked: string[] = [];
  /** By id, the texts of each response: what asked for it and what it said, and so on for those before it. */
  const chains = new Map<string, Texts>();
  let told = "";
  for (const [at, line] of linesOf(file, path).entries()) {
    const message = messageIn(line, `${path}, message ${at + 1},`);
    const type = fieldOf(message, "type");
    if (type === "response.create") {
      asked.push(line);
      continue;
    }
    if (type === "error") {
      asked.shift();
      told = "";
      continue;
    }
    const ended = splitProof(`${line}\n`);
    told += ended ? ended.line : `${line}\n`;
    if (!ended) continue;
    const chain = chainOf(asked.shift(), chains);
    const id = fieldOf(fieldOf(message, "response"), "id");
    if (chain && typeof id === "string") chains.set(id, [...chain, utf8(ended.line)]);
    const { proof } = ended;
    turns.push({
      hashed: utf8(told),
      receipt: proof.receipt,
      toldSha256: proof.responseHash,
      signature: proof.responseSignature,
      requestSha256: chain && toHex(nodeCrypto.sha256(chain.length > 1 ? joinTurns(chain) : (chain[0] ?? utf8("")))),
    });
    told = "";
  }
  if (turns.length === 0)
    throw new CommandFailed(`${path} has no response with a receipt: its last event's member "darkbloom" has it.`);
  return turns;
}

function linesOf(file: Uint8Array, path: string): readonly string[] {
  try {
    const lines = fromUtf8(file).split("\n");
    return lines.map((line) => line.replace(DIRECTION, "")).filter((line) => line.trim() !== "");
  } catch {
    throw new CommandFailed(`${path} is no text.`);
  }
}

function messageIn(line: string, where: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    throw new CommandFailed(`${where} is no JSON: give the messages as they came, each on one line.`);
  }
}

/** The texts that a request's hash is over; undefined where one of them is not in the file. */
function chainOf(request: string | undefined, chains: ReadonlyMap<string, Texts>): Texts | undefined {
  if (request === undefined) return undefined;
  const id = fieldOf(JSON.parse(request), "previous_response_id") ?? null;
  if (id === null) return [utf8(request)];
  const before = typeof id === "string" ? chains.get(id) : undefined;
  return before && [...before, utf8(request)];
}
