import type { ServerResponse } from "node:http";

/** Why the proxy itself does not pass a request on. */
export const refusals = {
  token_missing: {
    status: 401,
    message:
      "Show the proxy's token: 'Authorization: Bearer TOKEN' or 'x-api-key: TOKEN'. It lies in proxy-token in the proxy's data folder.",
  },
  token_invalid: {
    status: 401,
    message: "This is not the proxy's token. It lies in proxy-token in the proxy's data folder.",
  },
  host_foreign: { status: 403, message: "The proxy answers under its own address only: this Host could be anybody's." },
  origin_foreign: {
    status: 403,
    message: "A page of this origin may not use the proxy. Its user can allow it with --cors-origin.",
  },
  route_unknown: {
    status: 404,
    message: "The proxy has no such route. OpenAI's SDKs take the base URL with /v1, Anthropic's without.",
  },
  method_unknown: { status: 405, message: "The proxy does not take this method here." },
  upgrade_refused: { status: 426, message: "The proxy answers over HTTP only: no WebSocket is verified or sealed." },
  body_too_large: { status: 413, message: "The body is longer than 16 MiB." },
  busy: { status: 503, message: "The proxy has as many requests as it takes at once. Try again in a second." },
  stopping: { status: 503, message: "The proxy is stopping. Try again in a few seconds." },
  unreachable: {
    status: 502,
    message: "The coordinator does not answer. Check its address, the network, and that it runs.",
  },
} as const satisfies Record<string, { status: number; message: string }>;
export type RefusalCode = keyof typeof refusals;

const RETRY_AFTER_SEC = 1;

const isAnthropicPath = (path: string): boolean => /^\/v1\/messages(\/|$)/.test(path);

/** A browser asks its user for a password where it is told of that scheme alone. */
const schemeFor = (path: string): string => (path === "/" || path === "/status" ? "Basic" : "Bearer");

/** In the form that the program's SDK knows. */
export function refuse(response: ServerResponse, code: RefusalCode, path: string): void {
  if (response.headersSent) return void response.destroy();
  const { status, message } = refusals[code];
  const [openai, anthropic] = typesOf(status);
  const body = isAnthropicPath(path)
    ? { type: "error", error: { type: anthropic, message } }
    : { error: { message, type: openai, code, param: null } };
  response.writeHead(status, {
    "content-type": "application/json; charset=utf-8",
    ...(status === 401 && { "www-authenticate": `${schemeFor(path)} realm="darkbloom proxy"` }),
    ...(status === 503 && { "retry-after": String(RETRY_AFTER_SEC) }),
  });
  response.end(JSON.stringify(body));
}

/** What OpenAI's and Anthropic's own APIs call an error of this status. */
function typesOf(status: number): readonly [openai: string, anthropic: string] {
  if (status === 401) return ["authentication_error", "authentication_error"];
  if (status === 403) return ["permission_error", "permission_error"];
  if (status === 404) return ["invalid_request_error", "not_found_error"];
  if (status === 413) return ["invalid_request_error", "request_too_large"];
  if (status === 503) return ["server_error", "overloaded_error"];
  return status < 500 ? ["invalid_request_error", "invalid_request_error"] : ["server_error", "api_error"];
}
