import { faults, type DarkbloomError } from "./errors.ts";

const RETRY_AFTER_SEC = 2;

/** An error as a response in the form that the SDK knows, which then throws its own error with code and sentence. */
export function errorAnswer(error: DarkbloomError, path: string): Response {
  const { status } = faults[error.code];
  return new Response(errorBody(wordsOf(error), path), {
    status,
    headers: {
      "content-type": "application/json; charset=utf-8",
      // By these the SDKs know whether to send the same again.
      "x-should-retry": String(error.action === "retry" && error.code !== "no_candidate"),
      ...(error.action === "retry" && { "retry-after": String(RETRY_AFTER_SEC) }),
      "x-darkbloom-error": error.code,
      "x-darkbloom-action": error.action,
    },
  });
}

/** What an error says in any dialect. */
export interface ErrorWords {
  readonly type: "invalid_request_error" | "server_error" | "api_error";
  readonly code: string;
  readonly message: string;
}

export const wordsOf = ({ code, action, message }: DarkbloomError): ErrorWords => ({
  type: action === "fix" ? "invalid_request_error" : "server_error",
  code,
  message,
});

const isAnthropic = (path: string): boolean => /\/v1\/messages(\/|$)/.test(path);

export function errorBody({ type, code, message }: ErrorWords, path: string): string {
  if (!isAnthropic(path)) return JSON.stringify({ error: { message, type, code, param: null } });
  // Anthropic's envelope has no place for a code.
  const kind = type === "server_error" ? "api_error" : type;
  return JSON.stringify({ type: "error", error: { type: kind, message: `${message} (${code})` } });
}

/**
 * The event that ends a stream after its first content, in the dialect of this path. A client that reads it takes the answer
 * for no whole one.
 *
 * @param eventsBefore how many events the stream had, where the dialect numbers them
 */
export function errorEvent(words: ErrorWords, path: string, eventsBefore: number): string {
  if (isAnthropic(path)) return `event: error\ndata: ${errorBody(words, path)}\n\n`;
  if (!path.endsWith("/v1/responses")) return `data: ${errorBody(words, path)}\n\n`;
  const { code, message } = words;
  const event = { type: "error", code, message, param: null, sequence_number: eventsBefore };
  return `event: error\ndata: ${JSON.stringify(event)}\n\n`;
}
