import type { FastifyReply, FastifyRequest } from "fastify";
import * as z from "zod";
import { RECEIPT_LIFE_MS } from "../ledger/port.ts";
import { sendConsole, wantsPage } from "./console.ts";
import type { Door, Route } from "./door.ts";

const pointer = z.object({
  name: z.literal("Darkbloom coordinator"),
  version: z.string(),
  what: z.string(),
  base_url: z.string().describe("For OpenAI SDKs"),
  anthropic_base_url: z.string().describe("For Anthropic SDKs"),
  openapi: z.string(),
  guide: z.string(),
});

const originOf = ({ protocol, host }: FastifyRequest): string => `${protocol}://${host}`;

/** `GET /`: where a person who opened the address in a browser can go from here. */
export const showPointer = ({ deps }: Door): Route => ({
  schema: {
    summary: "What this is; to a browser, the console",
    tags: ["guide"],
    response: {
      200: {
        description: "To a browser, the console",
        content: { "application/json": { schema: pointer }, "text/html": { schema: z.string() } },
      },
    },
  },
  config: { access: "open", limit: "rate" },
  handler: async (request, reply): Promise<z.infer<typeof pointer> | FastifyReply> => {
    void reply.header("vary", "accept");
    return deps.console && wantsPage(request) ? sendConsole(deps.console, request, reply) : pointerOf(deps, request);
  },
});

const pointerOf = ({ settings }: Door["deps"], request: FastifyRequest): z.infer<typeof pointer> => ({
  name: "Darkbloom coordinator",
  version: settings.version,
  what: "A private inference network that OpenAI and Anthropic SDKs can speak to",
  base_url: `${originOf(request)}/v1`,
  anthropic_base_url: originOf(request),
  openapi: `${originOf(request)}/openapi.json`,
  guide: `${originOf(request)}/llms.txt`,
});

/** `GET /llms.txt`: the guide in one page, for people and programs. */
export const showGuide = ({ deps }: Door): Route => ({
  schema: {
    summary: "A short guide as plain text",
    tags: ["guide"],
    response: { 200: { description: "The guide", content: { "text/plain": { schema: z.string() } } } },
  },
  config: { access: "open", limit: "rate" },
  handler: async (request, reply) =>
    reply
      .type("text/plain; charset=utf-8")
      .serializer((text: string) => text)
      .send(guide(originOf(request), deps.settings.receiptDays ?? RECEIPT_LIFE_MS / 86_400_000)),
});

const guide = (origin: string, receiptDays: number): string => `# Darkbloom

> A private inference network. The APIs are OpenAI's and Anthropic's: change the base URL and the key, nothing
> else. Every answer is signed by the machine that made it.

Base URL for OpenAI SDKs: ${origin}/v1
Base URL for Anthropic SDKs: ${origin}
Key: "Authorization: Bearer KEY" or "x-api-key: KEY"

## Endpoints

- POST /v1/chat/completions: OpenAI's chat, plain or streamed ("stream": true)
- POST /v1/responses: OpenAI's Responses; nothing is stored, so the whole conversation comes as "input". As a WebSocket too, where
  "previous_response_id" goes on with the connection's latest response
- POST /v1/responses/compact: a conversation as a summary, for the next "input"
- POST /v1/completions: OpenAI's legacy completions, of models whose "tasks" name "complete": the text is gone on with as it stands
- POST /v1/messages, /v1/messages/count_tokens: Anthropic's Messages
- POST /v1/embeddings: OpenAI's embeddings, of models whose "tasks" name "embed"
- GET /v1/models, /v1/models/{id}: models with limits and prices; with the header "anthropic-version" in Anthropic's form
- GET /v1/pricing: prices, without a key
- GET /v1/payments/balance, /v1/payments/usage?limit=100: money
- GET /v1/key: the key in use
- GET /v1/receipts/{job_id}: the signed receipt of an answer, for ${receiptDays} ${receiptDays === 1 ? "day" : "days"}
- GET /v1/providers/attestation: every machine's evidence and the verdict on it
- GET /.well-known/darkbloom: the keys that countersign receipts and sign the log
- GET /log/checkpoint, /log/tile/…: the transparency log, as c2sp.org/tlog-tiles has it
- GET /health, /readyz, /metrics: operations
- GET /openapi.json: all of this in detail

Chat, Responses and Messages take tools. All take sampling fields, and stop strings where their own documentation has
them; what is not served is refused by name. There is one version of Messages, this one, whatever "anthropic-version" and
"anthropic-beta" say. Structured output (chat "response_format", Responses "text.format", Messages "output_config") is kept to
while the model writes. Thinking is hidden unless it is asked for: "include_reasoning": true in chat,
"reasoning": {"summary": "auto"} in Responses, "thinking" in Messages.

## Choosing machines

- "provider_serial": "SERIAL" (or "provider_serials": [...]) in the body: only those machines
- a key may be bound to a level and to machines; GET /v1/key shows it
- header "x-darkbloom-min-trust: self_signed" or "hardware": no machine below that level

## Checking an answer

- x-response-hash is the SHA-256 of the body as received; x-se-signature is the machine's signature over it
- a stream ends with the comment ": darkbloom-receipt BASE64URL"; its hash covers every byte before that comment
- header "x-darkbloom-nonce: ..." comes back in the signed receipt

## Sending a request again

- header "Idempotency-Key: ...", a name of your own for one request: where an answer was charged and this coordinator failed to deliver it, the
  same body under the same key within 24 hours costs nothing, once. It is a new answer; none is kept
- another body under the key, or one whose first request still runs, is a 409

## Errors

{"error":{"message","type","code","param"}}, and in /v1/messages, or with "anthropic-version", Anthropic's {"type":"error","error":{"type","message"}}. The message says what to do next. 429, a draining 503 and a 409 of a request that still runs carry Retry-After.
Give x-request-id, yours or ours, when you ask the operator for help.
`;
