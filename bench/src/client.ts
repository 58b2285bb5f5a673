import { type Agent, request as dial, type ClientRequest, type IncomingMessage } from "node:http";
import { answerOf, askOf, dialect, decodedIn, type Asked } from "./answers.ts";

/** An answer of the benchmark takes seconds at most; whatever takes longer has hung. */
const ANSWER_MS_MAX = 30_000;
/** What may follow a stream's own bytes: the receipt comment. */
const TRAILING_BYTES_MAX = 16 * 1024;
const RECEIPT_MARK = ": darkbloom-receipt ";
const RECEIPT_HEADER = "x-darkbloom-receipt";

/** Where a contender listens, and what it takes and gives. */
export interface Target {
  readonly name: ContenderName | Earlier;
  readonly port: number;
  readonly apiKey: string;
  /** Whether each answer must bring a receipt. */
  readonly signs: boolean;
}
export const contenderNames = ["bare", "proxy", "darkbloom"] as const;
export type ContenderName = (typeof contenderNames)[number];
/** Another checkout of this repository, where one is measured beside. */
export type Earlier = "earlier";
/** Something of each contender, and of the other checkout where there is one. */
export type ByContender<Value> = Readonly<Record<ContenderName, Value>> & Readonly<Partial<Record<Earlier, Value>>>;

/** One request, and what a whole answer to it must be. */
export interface Question {
  readonly body: Buffer;
  readonly stream: boolean;
  /** Of the answer itself, without a receipt. */
  readonly answerBytes: number;
}

export async function questionOf(workload: Asked): Promise<Question> {
  const body = askOf(workload);
  const answerBytes = (await answerOf(decodedIn(body))).reduce((sum, chunk) => sum + chunk.length, 0);
  return { body, stream: workload.stream, answerBytes };
}

/** What one whole answer took, from the moment of asking. */
export interface Timing {
  readonly firstContentMs: number;
  readonly totalMs: number;
}

/** An answer that is not whole. The message is a closed word or a code, so that alike ones are counted together. */
export class BadAnswer extends Error {
  override readonly name = "BadAnswer";
}

/**
 * Asks once, and takes the answer whole.
 *
 * @param seen told whenever some of it has come
 * @throws BadAnswer for another status, a wrong length, a missing receipt, a broken connection or none in time
 */
export function exchange(
  target: Target,
  agent: Agent,
  question: Question,
  seen: () => void = () => undefined,
): Promise<Timing> {
  return new Promise((resolve, reject) => {
    const askedMs = performance.now();
    const request = post(target, agent, question);
    const deadline = setTimeout(() => fail("no whole answer in time"), ANSWER_MS_MAX);
    const fail = (reason: string): void => {
      clearTimeout(deadline);
      reject(new BadAnswer(reason));
      request.destroy();
    };
    request.on("error", (error) => fail("code" in error ? String(error.code) : error.name));
    request.on("response", (response) => {
      let seenBytes = 0;
      let firstContentMs = 0;
      const after: Buffer[] = [];
      response.on("data", (bytes: Buffer) => {
        if (seenBytes === 0) firstContentMs = performance.now() - askedMs;
        seen();
        const over = seenBytes + bytes.length - question.answerBytes;
        if (over > TRAILING_BYTES_MAX) return fail("longer than asked for");
        if (over > 0) after.push(bytes.subarray(Math.max(0, bytes.length - over)));
        seenBytes += bytes.length;
      });
      response.on("error", () => fail("cut short"));
      response.on("end", () => {
        const fault = faultOf(target, question, response, seenBytes, Buffer.concat(after));
        if (fault !== undefined) return fail(fault);
        clearTimeout(deadline);
        resolve({ firstContentMs, totalMs: performance.now() - askedMs });
      });
    });
  });
}

/** Asks, and never reads the answer. Aborting the request hangs up. */
export function askInSilence(target: Target, agent: Agent, question: Question): ClientRequest {
  const request = post(target, agent, question);
  request.on("response", (response) => response.on("error", () => undefined).pause());
  return request;
}

function post({ port, apiKey }: Target, agent: Agent, { body }: Question): ClientRequest {
  const headers = {
    authorization: `Bearer ${apiKey}`,
    "content-type": "application/json",
    "content-length": body.length,
  };
  const request = dial({ host: "127.0.0.1", port, path: dialect.endpoint, method: "POST", agent, headers });
  request.end(body);
  return request;
}

/** What is wrong with an answer that has ended. A body shorter than its own headers say is an error before this. */
function faultOf(
  { signs }: Target,
  { stream, answerBytes }: Question,
  { statusCode, headers }: IncomingMessage,
  seenBytes: number,
  after: Buffer,
): string | undefined {
  if (statusCode !== 200) return `status ${statusCode}`;
  if (seenBytes < answerBytes) return "shorter than asked for";
  if (!signs || !stream) {
    if (after.length > 0) return "longer than asked for";
    return signs && headers[RECEIPT_HEADER] === undefined ? "no receipt" : undefined;
  }
  const comment = after.toString("latin1");
  return comment.startsWith(RECEIPT_MARK) && comment.endsWith("\n\n") ? undefined : "no receipt";
}
