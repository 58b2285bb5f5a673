import { faults, type DarkbloomError } from "./errors.ts";

const RETRY_AFTER_SEC = 2;

/** An error as a response in the form that the SDK knows, which then throws its own error with code and sentence. */
export function errorAnswer(error: DarkbloomError, isAnthropic: boolean): Response {
  const { status } = faults[error.code];
  return new Response(bodyOf(error, isAnthropic), {
    status,
    headers: {
      "content-type": "application/json; charset=utf-8",
      // By these the SDKs know whether to send the same again.
      "x-should-retry": String(error.action === "retry"),
      ...(error.action === "retry" && { "retry-after": String(RETRY_AFTER_SEC) }),
      "x-darkbloom-error": error.code,
      "x-darkbloom-action": error.action,
    },
  });
}

function bodyOf({ code, action, message }: DarkbloomError, isAnthropic: boolean): string {
  if (isAnthropic) {
    const type = action === "fix" ? "invalid_request_error" : "api_error";
    return JSON.stringify({ type: "error", error: { type, message: `${message} (${code})` } });
  }
  const type = action === "fix" ? "invalid_request_error" : "server_error";
  return JSON.stringify({ error: { message, type, code, param: null } });
}
