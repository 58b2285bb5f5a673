// Kinds of failure that many codes are of: rows of the table in `failures.ts`.

/** What was sent is not what is asked for. */
export const badRequest = {
  status: 400,
  retry: "never",
  blame: "caller",
  openai: "invalid_request_error",
  anthropic: "invalid_request_error",
} as const;

/** Nobody knows who asks. */
export const unknownCaller = {
  status: 401,
  retry: "never",
  blame: "caller",
  openai: "authentication_error",
  anthropic: "authentication_error",
} as const;

/** Who asks is known, or shows too little, and may not. */
export const forbidden = {
  status: 403,
  retry: "never",
  blame: "caller",
  openai: "permission_error",
  anthropic: "permission_error",
} as const;

/** It costs more than whoever asks can, or may, spend. */
export const unpaid = {
  status: 402,
  retry: "never",
  blame: "caller",
  openai: "insufficient_funds",
  anthropic: "billing_error",
} as const;

export const notFound = {
  status: 404,
  retry: "never",
  blame: "caller",
  openai: "invalid_request_error",
  anthropic: "not_found_error",
} as const;

/** What is asked for does not go with what is there. */
export const conflict = {
  status: 409,
  retry: "never",
  blame: "caller",
  openai: "invalid_request_error",
  anthropic: "invalid_request_error",
} as const;
