import { toHex, utf8 } from "@darkbloom/protocol/bytes";
import { checks } from "@darkbloom/protocol/evidence";
import { responseHeaders } from "@darkbloom/protocol/headers";
import { decodeReceipt, type ReceiptDocument } from "@darkbloom/protocol/receipts";
import { AnswerStream, cutOff } from "./answer-stream.ts";
import type { Ask } from "./asked.ts";
import type { Sent } from "./asking.ts";
import { bytesOf } from "./bytes-of.ts";
import { checkReceipt, type Checked, type Checking } from "./check-receipt.ts";
import { errorEvent, wordsOf } from "./error-answer.ts";
import { DarkbloomError } from "./errors.ts";
import { CLIENT_ANSWER_BYTES_MAX } from "./limits.ts";
import type { Machine } from "./machine.ts";
import { stepOf } from "./steps.ts";
import type { Outcome, Step, Verification } from "./types.ts";

/** One answer on its way to the program that asked. */
export interface Answering extends Checking {
  readonly ask: Ask;
  readonly sent: Sent;
  readonly response: Response;
  /** Told when everything about the answer is known; what is told after that counts no longer. */
  readonly settle: (facts: Facts) => void;
  readonly brokenStreams: "throw" | "event";
}

/** How an answer ended; what is known of its request stands elsewhere. */
export interface Facts {
  readonly outcome: Outcome;
  readonly document?: ReceiptDocument | undefined;
  readonly machine?: Machine | undefined;
  readonly steps: readonly Step[];
  readonly error?: DarkbloomError;
}

/**
 * Gives the answer out as far as it is checked: a plain one when all of it was, a stream but for its end until then.
 *
 * @throws DarkbloomError where a plain one does not hold: nothing of it is given out
 */
export async function checkedAnswer(answering: Answering): Promise<Response> {
  const { response, settle } = answering;
  if (!response.ok) {
    const step = stepOf(checks.unknown("answer.error", `status ${response.status}`));
    settle({ outcome: "failed", steps: [step] });
    return response;
  }
  return response.headers.get("content-type")?.startsWith("text/event-stream") === true
    ? streamed(answering)
    : plain(answering);
}

async function plain(answering: Answering): Promise<Response> {
  const { response, crypto } = answering;
  const bytes = await bytesOf(response.body, CLIENT_ANSWER_BYTES_MAX);
  if (!bytes) throw new DarkbloomError("answer_too_large", "The answer is longer than any may be.");
  const responseSha256 = toHex(crypto.sha256(bytes));
  const told = response.headers.get(responseHeaders.responseHash);
  const word = response.headers.get(responseHeaders.receipt);
  const responseSignature = response.headers.get(responseHeaders.signature) ?? undefined;
  await verified(answering, word === null ? undefined : decodeReceipt(word), {
    responseSha256,
    ...(responseSignature !== undefined && { responseSignature }),
    ...(told !== null && { told }),
  });
  return new Response(bytes, { status: response.status, headers: headersOf(response) });
}

/** What came, to hold against its receipt. */
interface Came {
  readonly responseSha256: string;
  readonly responseSignature?: string;
  /** `x-response-hash`. */
  readonly told?: string;
}

/** Checks everything, and settles. @throws DarkbloomError where something fails that must not */
async function verified(answering: Answering, document: ReceiptDocument | undefined, came: Came): Promise<void> {
  const { rules, ask, sent, response, settle } = answering;
  const { told, ...hashes } = came;
  const steps = [stepOf(checks.pass("answer.whole", "it did"))];
  if (told !== undefined)
    steps.push(
      stepOf(checks.either("response.hash", told === came.responseSha256, "it is", "it is that of other bytes", "")),
    );
  let checked: Checked = { steps: [], machine: undefined };
  if (document) {
    checked = await checkReceipt(answering, document, {
      ...hashes,
      requestSha256: sent.requestSha256,
      nonce: sent.nonce,
      jobId: response.headers.get(responseHeaders.jobId) ?? undefined,
      endpoint: ask.endpoint,
      model: ask.model,
    });
  } else {
    const seen = "there is none";
    const remedy = 'Tell the operator, or ask for less with `receipts: "optional"`.';
    steps.push(
      stepOf(
        rules.receiptsRequired ? checks.fail("receipt.present", seen, remedy) : checks.unknown("receipt.present", seen),
      ),
    );
  }
  const all = [...steps, ...checked.steps];
  const facts = { document, machine: checked.machine, steps: all };
  const error = faultIn(steps, checked);
  settle(error ? { ...facts, outcome: "refused", error } : { ...facts, outcome: "verified" });
  if (error) throw error;
}

/** The steps of a machine's evidence that fail are its own matter: whether it is accepted has a step of its own. */
function faultIn(own: readonly Step[], { steps, machine }: Checked): DarkbloomError | undefined {
  const evidence = new Set(machine?.verdict.checks.map(({ id }) => id));
  const failed = [...own, ...steps.filter(({ id }) => !evidence.has(id))].filter(({ status }) => status === "fail");
  const [first] = failed;
  if (!first) return undefined;
  const code =
    first.id === "receipt.present"
      ? "receipt_missing"
      : failed.some(({ id }) => /^(response\.|receipt\.(request|response)$)/.test(id))
        ? "answer_false"
        : failed.some(({ id }) => id === "machine.accepted")
          ? "machine_unverified"
          : "receipt_false";
  return new DarkbloomError(
    code,
    `The answer does not hold, and is not given out as a good one: ${failed.map(({ id, seen }) => `${id} (${seen})`).join(", ")}.`,
  );
}

/** What still describes the body once it was read here. */
function headersOf({ headers }: Response): Headers {
  const kept = new Headers(headers);
  for (const name of ["content-encoding", "content-length", "transfer-encoding"]) kept.delete(name);
  return kept;
}

function streamed(answering: Answering): Response {
  const { response, settle, ask } = answering;
  const reader = (response.body ?? new Blob().stream()).getReader();
  const stream = new AnswerStream(answering.crypto);
  let isOver = false;
  const left = (): void => settle({ outcome: "left", steps: [stepOf(checks.unknown("answer.whole", "it was left"))] });

  /** The next bytes that may go out, or `undefined` at the end. */
  const next = async (): Promise<Uint8Array | undefined> => {
    for (;;) {
      const { done, value } = await reader.read().catch((error: unknown) => {
        throw ask.signal?.aborted ? error : cutOff(error);
      });
      if (!done) {
        const passed = stream.push(value);
        if (passed.length > 0) return passed;
        continue;
      }
      if (isOver) return undefined;
      isOver = true;
      const ending = stream.end();
      if (ending.kind === "failed")
        settle({ outcome: "failed", steps: [stepOf(checks.unknown("answer.error", "the stream's last event"))] });
      else await verified(answering, ending.document, { responseSha256: ending.sha256 });
      return ending.last.length > 0 ? ending.last : undefined;
    }
  };
  const body = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          const bytes = await next();
          if (bytes) controller.enqueue(bytes);
          else controller.close();
        } catch (error) {
          const isOurs = error instanceof DarkbloomError;
          if (isOurs) settle({ outcome: "refused", error, steps: [wholeness(error)] });
          else left();
          await reader.cancel(error).catch(() => undefined);
          if (!isOurs || answering.brokenStreams === "throw") return controller.error(error);
          controller.enqueue(utf8(errorEvent(wordsOf(error), ask.endpoint, stream.events)));
          controller.close();
        }
      },
      async cancel(reason) {
        left();
        await reader.cancel(reason);
      },
    },
    // Nothing is read ahead: what its program does not take holds the machine up, and not this memory.
    { highWaterMark: 0 },
  );
  return new Response(body, { status: response.status, headers: headersOf(response) });
}

const wholeness = ({ code }: DarkbloomError): Step =>
  stepOf(checks.fail("answer.whole", `it did not: ${code}`, "Send the request again."));

/** Beside what is known of the request. */
export const factsOf = (facts: Facts): Pick<Verification, "outcome" | "steps" | "error" | "machine" | "receipt"> => ({
  outcome: facts.outcome,
  ...(facts.machine && { machine: machineOf(facts.machine) }),
  ...(facts.document && { receipt: { ...facts.document } }),
  ...(facts.error && {
    error: { code: facts.error.code, action: facts.error.action, message: facts.error.message },
  }),
  steps: facts.steps,
});

const machineOf = ({ attestation, verdict }: Machine): NonNullable<Verification["machine"]> => ({
  providerId: attestation.provider_id,
  serial: attestation.provider_serial,
  chip: attestation.chip_name,
  level: verdict.level,
  identityKey: attestation.se_public_key,
  evidenceSha256: attestation.evidence_sha256,
});
