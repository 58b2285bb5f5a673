import { checks } from "@darkbloom/protocol/evidence";
import { responseHeaders } from "@darkbloom/protocol/headers";
import type { ReceiptDocument } from "@darkbloom/protocol/receipts";
import type { Ask } from "./asked.ts";
import type { Sent } from "./asking.ts";
import { checkReceipt, type Checked, type Checking, type Known } from "./check-receipt.ts";
import { DarkbloomError } from "./errors.ts";
import type { Machine } from "./machine.ts";
import type { SealedSent } from "./sealed-request.ts";
import { stepOf } from "./steps.ts";
import type { Outcome, Step, Verification } from "./types.ts";

/** One answer on its way to the program that asked. */
export interface Answering extends Checking {
  readonly ask: Ask;
  readonly sent: Sent | SealedSent;
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

/** What came, to hold against its receipt. */
export interface Came extends Pick<Known, "responseSignature" | "sealed" | "candidate"> {
  readonly responseSha256: string;
  /** `x-response-hash`. */
  readonly told?: string | undefined;
}

/** Checks everything, and settles. @throws DarkbloomError where something fails that must not */
export async function verified(answering: Answering, document: ReceiptDocument | undefined, came: Came): Promise<void> {
  const { rules, ask, sent, response, settle } = answering;
  const { told, ...hashes } = came;
  const steps = [stepOf(checks.pass("answer.whole", "it did"))];
  if (told !== undefined)
    steps.push(
      stepOf(
        checks.either(
          "response.hash",
          told === (came.sealed?.responseSha256 ?? came.responseSha256),
          "it is",
          "it is that of other bytes",
          "",
        ),
      ),
    );
  let checked: Checked = { steps: [], machine: undefined };
  if (document) {
    checked = await checkReceipt(answering, document, {
      ...hashes,
      requestSha256: sent.requestSha256,
      nonce: sent.nonce,
      jobId: response.headers.get(responseHeaders.jobId) ?? undefined,
      ...("header" in sent
        ? { endpoint: sent.header.endpoint, model: sent.header.model, build: sent.header.build }
        : { endpoint: ask.endpoint, model: ask.model }),
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
export function faultIn(own: readonly Step[], { steps, machine }: Checked): DarkbloomError | undefined {
  const evidence = new Set(machine?.verdict.checks.map(({ id }) => id));
  const failed = [...own, ...steps.filter(({ id }) => !evidence.has(id))].filter(({ status }) => status === "fail");
  const [first] = failed;
  if (!first) return undefined;
  const code =
    first.id === "receipt.present"
      ? "receipt_missing"
      : failed.some(({ id }) => /^(response\.|receipt\.(request|response|\w+_commitment)$)/.test(id))
        ? "answer_false"
        : failed.some(({ id }) => id === "machine.accepted")
          ? "machine_unverified"
          : "receipt_false";
  return new DarkbloomError(
    code,
    `The answer does not hold, and is not given out as a good one: ${failed.map(({ id, seen }) => `${id} (${seen})`).join(", ")}.`,
  );
}

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
