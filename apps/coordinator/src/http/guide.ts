import type { FastifyRequest } from "fastify";
import * as z from "zod";
import { failureResponses, type Door, type Route } from "./door.ts";

const pointer = z.object({
  name: z.literal("Darkbloom coordinator"),
  version: z.string(),
  what: z.string(),
  base_url: z.string().describe("For OpenAI SDKs"),
  openapi: z.string(),
  guide: z.string(),
});

const originOf = ({ protocol, host }: FastifyRequest): string => `${protocol}://${host}`;

/** `GET /`: where a person who opened the address in a browser can go from here. */
export const showPointer = ({ deps }: Door): Route => ({
  schema: { summary: "What this is", tags: ["guide"], response: { 200: pointer, ...failureResponses([]) } },
  handler: async (request): Promise<z.infer<typeof pointer>> => ({
    name: "Darkbloom coordinator",
    version: deps.settings.version,
    what: "An OpenAI-compatible private inference network",
    base_url: `${originOf(request)}/v1`,
    openapi: `${originOf(request)}/openapi.json`,
    guide: `${originOf(request)}/llms.txt`,
  }),
});

/** `GET /llms.txt`: the guide in one page, for people and programs. */
export const showGuide = (_door: Door): Route => ({
  schema: {
    summary: "A short guide as plain text",
    tags: ["guide"],
    response: {
      200: { description: "The guide", content: { "text/plain": { schema: z.string() } } },
      ...failureResponses([]),
    },
  },
  handler: async (request, reply) =>
    reply
      .type("text/plain; charset=utf-8")
      .serializer((text: string) => text)
      .send(guide(originOf(request))),
});

const guide = (origin: string): string => `# Darkbloom

> A private inference network. The API is OpenAI's: change the base URL and the key, nothing else. Every answer
> is signed by the machine that made it.

Base URL for OpenAI SDKs: ${origin}/v1
Key: "Authorization: Bearer KEY" or "x-api-key: KEY"

## Endpoints

- POST /v1/chat/completions: chat, plain or streamed ("stream": true)
- GET /v1/models, /v1/models/{id}: models with limits and prices
- GET /v1/pricing: prices, without a key
- GET /v1/payments/balance, /v1/payments/usage?limit=100: money
- GET /v1/key: the key in use
- GET /v1/receipts/{job_id}: the signed receipt of an answer, for 90 days
- GET /v1/providers/attestation: every machine's evidence and the verdict on it
- GET /.well-known/darkbloom: the keys that countersign receipts
- GET /health, /readyz, /metrics: operations
- GET /openapi.json: all of this in detail

## Choosing machines

- "provider_serial": "SERIAL" (or "provider_serials": [...]) in the body: only those machines
- header "x-darkbloom-min-trust: self_signed" or "hardware": no machine below that level

## Checking an answer

- x-response-hash is the SHA-256 of the body as received; x-se-signature is the machine's signature over it
- a stream ends with the comment ": darkbloom-receipt BASE64URL"; its hash covers every byte before that comment
- header "x-darkbloom-nonce: ..." comes back in the signed receipt

## Errors

{"error":{"message","type","code","param"}}. The message says what to do next. 429 and a draining 503 carry Retry-After.
Give x-request-id, yours or ours, when you ask the operator for help.
`;
