/** What a server answers, as OpenAI's SDK has it: read by scripts/derive-sdk-schemas.ts, run by nobody. */
import type { ChatCompletion, ChatCompletionChunk } from "openai/resources/chat/completions";
import type { Completion, CompletionChoice } from "openai/resources/completions";
import type { Response, ResponseStreamEvent } from "openai/resources/responses/responses";
import type { ErrorObject } from "openai/resources/shared";

export type ChatBody = ChatCompletion;
export type ChatEvent = ChatCompletionChunk;
export type CompletionBody = Completion;
/** The type tells of a whole body; in a stream OpenAI's own server too sends null until the end. */
export interface CompletionEvent extends Omit<Completion, "choices"> {
  choices: (Omit<CompletionChoice, "finish_reason"> & { finish_reason: CompletionChoice["finish_reason"] | null })[];
}
export type ResponsesBody = Response;
export type ResponsesEvent = ResponseStreamEvent;
export interface OpenAiErrorBody {
  error: ErrorObject;
}
