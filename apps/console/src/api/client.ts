import createClient from "openapi-fetch";
import type { paths } from "../../generated/openapi.ts";
import { onAccount } from "./acting.ts";

/** This coordinator's own routes, with the session of the cookie; what each takes and answers is typed by its description. */
export const api = createClient<paths>({ baseUrl: "" });
api.use({ onRequest: ({ request }) => onAccount(request) });

/** What a coordinator refuses, in its own words. */
export class ApiError extends Error {
  override readonly name = "ApiError";
  readonly status: number;
  readonly code: string | undefined;
  /** The field that is wrong, where one is. */
  readonly param: string | undefined;
  readonly requestId: string | undefined;

  constructor(response: Response, told: unknown) {
    const { message, code, param } = errorIn(told);
    super(message ?? `The coordinator answers with status ${response.status}.`);
    this.status = response.status;
    this.code = code;
    this.param = param;
    this.requestId = response.headers.get("x-request-id") ?? undefined;
  }
}

interface Told {
  readonly data?: unknown;
  readonly error?: unknown;
  readonly response: Response;
}

/** The answer of a request. @throws ApiError for a refusal */
export async function answered<Answer extends Told>(asked: Promise<Answer>): Promise<NonNullable<Answer["data"]>> {
  const { data, error, response }: Told = await asked;
  if (!response.ok || data === undefined || data === null) throw new ApiError(response, error);
  return data;
}

function errorIn(told: unknown): { readonly message?: string; readonly code?: string; readonly param?: string } {
  const error = told instanceof Object && "error" in told ? told.error : undefined;
  if (!(error instanceof Object)) return {};
  const text = (name: string): string | undefined => {
    const value: unknown = Reflect.get(error, name);
    return typeof value === "string" ? value : undefined;
  };
  const [message, code, param] = [text("message"), text("code"), text("param")];
  return {
    ...(message !== undefined && { message }),
    ...(code !== undefined && { code }),
    ...(param !== undefined && { param }),
  };
}
