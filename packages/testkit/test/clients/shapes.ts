import { Ajv, type ValidateFunction } from "ajv";
import { deriveSdkSchema, type Sdk } from "../../../../scripts/derive-sdk-schemas.ts";
import { model } from "./client.ts";

/** A JSON schema, as far as it is changed here. */
interface Definition {
  properties?: Record<string, object>;
  required?: string[];
}

/** What our answers have beyond the types; everything else that they lack is a fault. */
const added: Readonly<Record<Sdk, readonly (readonly [type: string, field: string, schema: object])[]>> = {
  openai: [
    ["ChatCompletionMessage", "reasoning_content", { type: "string" }],
    ["ChatCompletionMessage", "reasoning", { type: "string" }],
    ["ChatCompletionChunk.Choice.Delta", "reasoning_content", { type: "string" }],
    ["ChatCompletionChunk.Choice.Delta", "reasoning", { type: "string" }],
    ["Response", "store", { const: false }],
    // Its own server sends these too.
    ["Response", "frequency_penalty", { type: "number" }],
    ["Response", "presence_penalty", { type: "number" }],
    ["Response", "usage", { anyOf: [{ $ref: "#/definitions/ResponseUsage" }, { type: "null" }] }],
  ],
  // The SDK reads it from an error's body, and its types have none.
  anthropic: [["InvalidRequestErrorObject", "details", { type: "object" }]],
};
/**
 * What is in the type and not in the body: what the SDKs put into an answer themselves, and what the API of
 * Anthropic leaves out where the type says null, so that other clients refuse a null.
 */
const leftOut: Readonly<Record<Sdk, readonly (readonly [type: string, field: string])[]>> = {
  openai: [["Response", "output_text"]],
  anthropic: [["TextBlock", "citations"]],
};

interface Path {
  readonly sdk: Sdk;
  readonly body: string;
  readonly event?: string;
}
const shapesByPath: Readonly<Record<string, Path>> = {
  "/v1/chat/completions": { sdk: "openai", body: "ChatBody", event: "ChatEvent" },
  "/v1/responses": { sdk: "openai", body: "ResponsesBody", event: "ResponsesEvent" },
  "/v1/completions": { sdk: "openai", body: "CompletionBody", event: "CompletionEvent" },
  "/v1/messages": { sdk: "anthropic", body: "MessagesBody", event: "MessagesEvent" },
  "/v1/messages/count_tokens": { sdk: "anthropic", body: "TokenCountBody" },
  // To OpenAI's SDKs they have more members than its types.
  "/v1/models": { sdk: "anthropic", body: "ModelsBody" },
  [`/v1/models/${model}`]: { sdk: "anthropic", body: "ModelBody" },
};
const errorTypes: Readonly<Record<Sdk, string>> = { openai: "OpenAiErrorBody", anthropic: "AnthropicErrorBody" };

/** Holds bodies and events against the type definitions of the official SDKs. */
export class Shapes {
  /** Bodies and events that were looked at, by the type that they were held against. */
  readonly checked = new Map<string, number>();
  readonly faults: string[] = [];
  readonly #ajv = new Ajv({ strict: false, allErrors: true });
  readonly #byType = new Map<string, ValidateFunction>();

  constructor() {
    for (const sdk of ["openai", "anthropic"] as const) {
      const document = deriveSdkSchema(sdk) as { definitions: Record<string, Definition> };
      const of = (type: string): Definition => {
        const found = document.definitions[type];
        if (!found) throw new Error(`the SDK of ${sdk} has no type ${type}`);
        return found;
      };
      for (const [type, field, schema] of added[sdk]) of(type).properties = { ...of(type).properties, [field]: schema };
      for (const [type, field] of leftOut[sdk])
        of(type).required = of(type).required?.filter((name) => name !== field) ?? [];
      this.#ajv.addSchema(document, sdk);
    }
  }

  /** @param speaks whose SDK asked */
  body(endpoint: string, speaks: Sdk, status: number, text: string): void {
    const path = shapesByPath[endpoint];
    if (path?.sdk === speaks) this.#check(path.sdk, status < 400 ? path.body : errorTypes[path.sdk], text);
  }

  /** @param text one event with its lines, without the blank line that ends it */
  event(endpoint: string, text: string): void {
    const data = text
      .split("\n")
      .filter((line) => line.startsWith("data: "))
      .map((line) => line.slice("data: ".length))
      .join("\n");
    const path = shapesByPath[endpoint];
    if (data === "" || data === "[DONE]" || path?.event === undefined) return;
    const name = /^event: (.*)$/m.exec(text)?.[1];
    this.#check(path.sdk, name === "error" && path.sdk === "anthropic" ? errorTypes.anthropic : path.event, data);
    if (name !== undefined && (JSON.parse(data) as { type?: unknown }).type !== name)
      this.faults.push(`${endpoint}: the event's name is not its type: ${text}`);
  }

  #check(sdk: Sdk, type: string, text: string): void {
    const holds = this.#byType.get(type) ?? this.#ajv.compile({ $ref: `${sdk}#/definitions/${type}` });
    this.#byType.set(type, holds);
    this.checked.set(type, (this.checked.get(type) ?? 0) + 1);
    if (holds(JSON.parse(text))) return;
    this.faults.push(`no ${type}: ${this.#ajv.errorsText(holds.errors).slice(0, 1_000)} in ${text}`);
  }
}
