import { toHex, fromBase64OrNothing, utf8 } from "@darkbloom/protocol/bytes";
import { checks, coordinatorKeyId, type Check } from "@darkbloom/protocol/evidence";
import { readVerifierKey, type NoteKey } from "@darkbloom/protocol/log";
import { verifyReceipt, type KnownOfAnswer, type ReceiptDocument } from "@darkbloom/protocol/receipts";
import { nodeCrypto } from "@darkbloom/protocol/node";
import { command } from "../command.ts";
import { CommandFailed } from "../failure.ts";
import { bundledModel, locateModel } from "../model.ts";
import { columns, outputOf, wordsOf, type Output } from "../output.ts";
import { replayChecks } from "../replay-checks.ts";
import { wellKnownOf } from "../well-known.ts";
import { savedBytes } from "../saved-file.ts";
import { readSavedAnswer, readSavedReceipt, type SavedAnswer } from "../saved-answer.ts";
import { isConversation, readSavedConversation, type SavedTurn } from "../saved-conversation.ts";

const needs = {
  coordinator: "optional",
  coordinatorKey: "optional",
  logKey: "optional",
  json: { default: "false" },
} as const;
const replayNeeds = { ...needs, replay: "optional", model: { default: bundledModel.id } } as const;

export const verifyResponse = command({
  path: "verify response",
  does: "Verify an answer that 'curl -i' saved, or each response of a WebSocket's messages: hash, signatures and receipt, step by step. Exit code 1 where a check fails.",
  examples: [
    "verify response answer.txt",
    "verify response answer.txt --coordinator http://127.0.0.1:8080",
    "verify response answer.txt --coordinator-key BASE64 --json",
    "verify response answer.txt --replay request.json",
  ],
  operand: "FILE",
  needs: replayNeeds,
  async run({ coordinator, coordinatorKey, logKey, json, replay, model }, file) {
    const saved = savedBytes(file);
    const keys = await keysFrom({ coordinator, coordinatorKey, logKey });
    const output = outputOf(json);
    if (isConversation(saved)) {
      if (replay !== undefined)
        throw new CommandFailed("A response over a WebSocket is not run again: leave out --replay.");
      const ends: (0 | 1)[] = [];
      for (const turn of readSavedConversation(saved, file))
        ends.push(tell(output, turn.receipt, await checksOf(turn, keys)));
      return ends.includes(1) ? 1 : 0;
    }
    const answer = readSavedAnswer(saved, file);
    const replayed =
      replay === undefined
        ? []
        : await replayChecks(answer.receipt.receipt, {
            body: savedBytes(replay),
            told: answer.hashed,
            model: locateModel(model),
          });
    return tell(output, answer.receipt, [...(await checksOf(answer, keys)), ...replayed]);
  },
});

/** What is said of an answer by itself: the hash that came with it, and what its receipt says. */
async function checksOf(answer: SavedAnswer & Partial<SavedTurn>, keys: Keys): Promise<readonly Check[]> {
  const { hashed, receipt, signature, toldSha256, requestSha256 } = answer;
  const responseSha256 = toHex(nodeCrypto.sha256(hashed));
  const isSealed = receipt.receipt.privacy === "sealed";
  const receiptChecks = await verifyReceipt(nodeCrypto, receipt, {
    ...keys,
    ...(!isSealed && { responseSha256 }),
    ...(signature !== undefined && { responseSignature: signature }),
    ...(requestSha256 !== undefined && { requestSha256 }),
  });
  const found = isSealed ? await asOpened(receiptChecks, answer, responseSha256) : receiptChecks;
  if (toldSha256 === undefined) return found;
  const isThese = toldSha256 === responseSha256;
  const told = checks.either(
    "response.hash",
    isThese,
    "x-response-hash is that of these bytes",
    "x-response-hash is that of other bytes",
    "",
  );
  return [told, ...found];
}

/**
 * A sealed receipt names the bytes that went over the wire, which whoever has the opened answer does not have; the machine's signature
 * is over the answer itself.
 */
async function asOpened(
  found: readonly Check[],
  { receipt, signature }: SavedAnswer,
  sha256: string,
): Promise<Check[]> {
  const id = "response.signature";
  if (signature === undefined) return [...found];
  const key = fromBase64OrNothing(receipt.receipt.identity_key);
  const isGood = await nodeCrypto.verifyP256(key, utf8(sha256), fromBase64OrNothing(signature));
  const seen = ["the signature is good", "the signature is not over these bytes by this key"] as const;
  const own = checks.either(id, isGood, ...seen, "Do not trust this answer; tell the operator its job id.");
  return found.map((check) => (check.id === id ? own : check));
}

export const verifyReceiptCommand = command({
  path: "verify receipt",
  does: "Verify a saved receipt by itself: its two signatures, and its place in the log where it names one. Exit code 1 where a check fails.",
  examples: ["verify receipt receipt.json --coordinator http://127.0.0.1:8080"],
  operand: "FILE",
  needs,
  async run({ json, ...known }, file) {
    const receipt = readSavedReceipt(savedBytes(file), file);
    return tell(outputOf(json), receipt, await verifyReceipt(nodeCrypto, receipt, await keysFrom(known)));
  },
});

function tell(output: Output, { receipt }: ReceiptDocument, found: readonly Check[]): 0 | 1 {
  const failed = found.some(({ status }) => status === "fail");
  output.result({ event: "verified", good: !failed, checks: found, receipt }, () =>
    [
      columns(found.map((check) => [check.status, check.id, wordsOf(check)])),
      "",
      // What others wrote is printed as JSON, which has no control characters.
      ...Object.entries(receipt).map(([name, value]) => `${name}  ${JSON.stringify(value)}`),
      "",
      failed
        ? "A check fails: do not trust this answer."
        : "No check fails. Whether the machine is what it says: 'darkbloom verify providers'.",
    ].join("\n"),
  );
  return failed ? 1 : 0;
}

type Keys = Pick<KnownOfAnswer, "coordinatorKeys" | "logKey">;

interface Known {
  readonly coordinator: URL | undefined;
  readonly coordinatorKey: Uint8Array | undefined;
  readonly logKey: NoteKey | undefined;
}

/** The keys that were given; of the others those that the coordinator publishes, where it may be asked. */
async function keysFrom({ coordinator, coordinatorKey, logKey }: Known): Promise<Keys> {
  const published = coordinator && !(coordinatorKey && logKey) ? await wellKnownOf(coordinator) : undefined;
  const publishedLogKey = published?.log && readVerifierKey(nodeCrypto, published.log.verifier_key);
  const keyOfLog = logKey ?? publishedLogKey;
  return {
    coordinatorKeys: coordinatorKey
      ? new Map([[coordinatorKeyId(nodeCrypto, coordinatorKey), coordinatorKey]])
      : new Map(published?.coordinator_keys.map(({ id, public_key }) => [id, fromBase64OrNothing(public_key)])),
    ...(keyOfLog && { logKey: keyOfLog }),
  };
}
