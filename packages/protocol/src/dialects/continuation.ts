import { ourWords, type OurWords } from "../ids.ts";
import { invalid, unsupported } from "./fields.ts";
import type { Job, Message } from "./job.ts";

/** What else a request asks for, and a text that is gone on with cannot have. */
type Beside = Pick<Job, "format" | "thinks">;

/** What a job says of its end: the messages, and whether the last one is gone on with. */
export type Ending = Pick<Job, "messages" | "continues">;

const noForm = ourWords`a message that was begun cannot be gone on with in a form that is asked for; leave one of the two out`;
const noThought = ourWords`a message that was begun is gone on with at once, without thinking; leave one of the two out`;
export const nothingBegunWords = ourWords`the last message has to be an assistant's, with text and without calls`;

const isOpen = (message: Message | undefined): message is Message =>
  message?.role === "assistant" && (message.toolCalls ?? []).length === 0;

/** Whether the last message is one that can be gone on with: an assistant's, with text and without calls. */
export function endsBegun(messages: readonly Message[]): boolean {
  const last = messages.at(-1);
  return isOpen(last) && last.text !== "";
}

/**
 * How a conversation ends whose last message is the assistant's.
 *
 * @param wanted true: it is gone on with; false: it is answered; undefined: it is gone on with where the model's
 *   template can, and nothing else is asked for that would not go with it
 * @param param the field that says so
 * @throws NetworkError `body_invalid` or `unsupported`
 */
export function endingOf(
  messages: readonly Message[],
  wanted: boolean | undefined,
  beside: Beside,
  param: string,
): Ending {
  const last = messages.at(-1);
  // An assistant's turn with nothing in it is one that is still to come.
  const isEmpty = isOpen(last) && last.text === "" && last.thought === undefined;
  if (isEmpty && messages.length > 1)
    return endingOf(messages.slice(0, -1), wanted === true ? undefined : wanted, beside, param);
  const isBegun = endsBegun(messages);
  if (wanted === true) {
    if (!isBegun) throw invalid(param, nothingBegunWords);
    const refused = refusalOf(beside);
    if (refused !== undefined) throw unsupported(param, refused);
    return { messages, continues: true };
  }
  if (!isBegun) return { messages };
  const answered = wanted === false || refusalOf(beside) !== undefined;
  return { messages, ...(answered && { continues: false }) };
}

function refusalOf({ format, thinks }: Beside): OurWords | undefined {
  if (format) return noForm;
  return thinks === true ? noThought : undefined;
}
