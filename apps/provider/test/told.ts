/** One thing that an answer tells, in its order, whatever the dialect. */
export type ToldItem =
  | { readonly kind: "said" | "thought"; readonly text: string }
  | { readonly kind: "call"; readonly id: string; readonly name: string; readonly arguments: string };

type Json = Readonly<Record<string, unknown>>;

/**
 * What a client reads out of a body, written here without any code of the dialects. Chat has places and
 * not an order: the thought first, then the words, then the calls.
 */
export function itemsOf(endpoint: string, stream: boolean, body: string): readonly ToldItem[] {
  const events = stream ? eventsOf(body) : [JSON.parse(body) as Json];
  const told = readers[endpoint]?.(events, stream) ?? [];
  return told.filter((item) => item.kind === "call" || item.text !== "");
}

const eventsOf = (body: string): Json[] =>
  body
    .split("\n\n")
    .map((event) => event.slice(event.indexOf("data: ") + "data: ".length))
    .filter((data) => data !== "" && data !== "[DONE]")
    .map((data) => JSON.parse(data) as Json);

const readers: Readonly<Record<string, (events: readonly Json[], stream: boolean) => ToldItem[]>> = {
  "/v1/chat/completions": (events, stream) => {
    let [said, thought] = ["", ""];
    const calls: { kind: "call"; id: string; name: string; arguments: string }[] = [];
    for (const choice of events.flatMap((event) => listIn(event, "choices"))) {
      const message = objectIn(choice, stream ? "delta" : "message");
      said += textIn(message, "content");
      thought += textIn(message, "reasoning_content");
      for (const [at, part] of listIn(message, "tool_calls").entries()) {
        const called = objectIn(part, "function");
        const index = stream ? Number(part["index"]) : at;
        const one = (calls[index] ??= {
          kind: "call",
          id: textIn(part, "id"),
          name: textIn(called, "name"),
          arguments: "",
        });
        one.arguments += textIn(called, "arguments");
      }
    }
    return [{ kind: "thought", text: thought }, { kind: "said", text: said }, ...calls];
  },

  "/v1/completions": (events) => [
    {
      kind: "said",
      text: events
        .flatMap((event) => listIn(event, "choices"))
        .map((one) => textIn(one, "text"))
        .join(""),
    },
  ],

  "/v1/responses": (events, stream) => {
    if (!stream) return listIn(events[0] ?? {}, "output").map(itemOfOutput);
    const items: ToldItem[] = [];
    for (const event of events) {
      const item = items[Number(event["output_index"])];
      if (event["type"] === "response.output_item.added") items.push(itemOfOutput(objectIn(event, "item")));
      // A thought is told twice: as its summary, and in full.
      else if (item && textIn(event, "type").endsWith(".delta") && !textIn(event, "type").includes("reasoning_text"))
        items[items.indexOf(item)] = grown(item, textIn(event, "delta"));
    }
    return items;
  },

  "/v1/messages": (events, stream) => {
    if (!stream) return listIn(events[0] ?? {}, "content").map(itemOfBlock);
    const blocks: Record<string, unknown>[] = [];
    for (const event of events) {
      const block = blocks[Number(event["index"])];
      const delta = objectIn(event, "delta");
      if (event["type"] === "content_block_start") blocks.push({ ...objectIn(event, "content_block"), json: "" });
      else if (block)
        for (const [field, from] of [
          ["text", "text"],
          ["thinking", "thinking"],
          ["json", "partial_json"],
        ] as const)
          if (typeof delta[from] === "string") block[field] = textIn(block, field) + delta[from];
    }
    return blocks.map((block) =>
      itemOfBlock(
        block["type"] === "tool_use" ? { ...block, input: JSON.parse(wholeOr(textIn(block, "json"))) } : block,
      ),
    );
  },
};

const grown = (item: ToldItem, more: string): ToldItem =>
  item.kind === "call" ? { ...item, arguments: item.arguments + more } : { ...item, text: item.text + more };

function itemOfOutput(item: Json): ToldItem {
  if (item["type"] === "function_call")
    return {
      kind: "call",
      id: textIn(item, "call_id"),
      name: textIn(item, "name"),
      arguments: textIn(item, "arguments"),
    };
  const parts = item["type"] === "reasoning" ? "summary" : "content";
  const text = listIn(item, parts)
    .map((part) => textIn(part, "text"))
    .join("");
  return { kind: item["type"] === "reasoning" ? "thought" : "said", text };
}

function itemOfBlock(block: Json): ToldItem {
  if (block["type"] === "tool_use")
    return {
      kind: "call",
      id: textIn(block, "id"),
      name: textIn(block, "name"),
      arguments: JSON.stringify(block["input"]),
    };
  return block["type"] === "thinking"
    ? { kind: "thought", text: textIn(block, "thinking") }
    : { kind: "said", text: textIn(block, "text") };
}

/** Input that was cut off, as the plain body has it. */
function wholeOr(json: string): string {
  try {
    const value: unknown = JSON.parse(json);
    return typeof value === "object" ? json : "{}";
  } catch {
    return "{}";
  }
}

const textIn = (json: Json, field: string): string => (typeof json[field] === "string" ? json[field] : "");
const objectIn = (json: Json, field: string): Json => (json[field] ?? {}) as Json;
const listIn = (json: Json, field: string): readonly Json[] => (json[field] ?? []) as readonly Json[];
