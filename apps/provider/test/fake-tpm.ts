import { concatBytes, fromHex, toHex, u32be } from "@darkbloom/protocol/bytes";
import { TpmError } from "../src/identity/tpm/tpm-error.ts";
import { Tpm } from "../src/identity/tpm/tpm.ts";
import { ManualClock } from "./manual-clock.ts";

/** A response in its exact bytes. @param body hex of what follows the header */
export const response = (tag: string, code: number, body: string): Uint8Array =>
  concatBytes(fromHex(tag), u32be(10 + body.length / 2), u32be(code), fromHex(body));

/** A TPM that gives these answers in turn, the last one for ever; and what it was sent, as hex. */
export function tpmThatAnswers(...answers: readonly (Uint8Array | TpmError)[]) {
  const sent: string[] = [];
  const clock = new ManualClock();
  const exchange = async (bytes: Uint8Array): Promise<Uint8Array> => {
    sent.push(toHex(bytes));
    const answer = answers[sent.length - 1] ?? answers.at(-1) ?? new Uint8Array(0);
    if (answer instanceof TpmError) throw answer;
    return answer;
  };
  return { clock, sent, tpm: new Tpm({ exchange, [Symbol.asyncDispose]: async () => {} }, clock) };
}
