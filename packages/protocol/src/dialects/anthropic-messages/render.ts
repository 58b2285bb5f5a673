import type { Usage } from "../../money.ts";
import type { Delta, Finish, FinishReason, RenderFacts, Renderer } from "../dialect.ts";
import type { Job } from "../job.ts";
import { jsonText } from "../json-text.ts";
import type { MessageDeltaUsage, MessageUsage, StopReason } from "./answer-schema.ts";

/** `omitted`: that there was thinking is shown, and its signature, but none of its text. */
export type ThinkingDisplay = "shown" | "omitted" | "hidden";

type BlockKind = "text" | "thinking" | "tool_use";

/** One `message` body, which comes out whole at the end. */
export class PlainRenderer implements Renderer {
  readonly #job: Job;
  readonly #facts: RenderFacts;
  readonly #display: ThinkingDisplay;
  readonly #blocks: { readonly kind: BlockKind; readonly head: string; text: string }[] = [];
  #finish: Finish = { reason: "stop" };

  constructor(job: Job, facts: RenderFacts, display: ThinkingDisplay) {
    this.#job = job;
    this.#facts = facts;
    this.#display = display;
  }

  begin(): string {
    return "";
  }

  delta(delta: Delta): string {
    switch (delta.kind) {
      case "said":
        this.#add("text", delta.text);
        break;
      case "thought":
        if (this.#display !== "hidden") this.#add("thinking", delta.text);
        break;
      case "call":
        this.#blocks.push({ kind: "tool_use", head: callHead(delta.id, delta.name), text: "" });
        break;
      case "arguments":
        this.#add("tool_use", delta.text);
        break;
    }
    return "";
  }

  finish(finish: Finish): string {
    this.#finish = finish;
    return "";
  }

  end(usage: Usage): string {
    const blocks = this.#blocks.map(({ kind, head, text }) => {
      if (kind === "tool_use") return `${head}${inputText(text)}}`;
      if (kind === "text") return `${textHead}${jsonText(text)}}`;
      const shown = this.#display === "shown" ? text : "";
      return `{"type":"thinking","thinking":${jsonText(shown)},"signature":${jsonText(this.#facts.jobId)}}`;
    });
    return messageText(this.#job, this.#facts, blocks.join(","), stopText(this.#finish), usageOf(usage));
  }

  #add(kind: BlockKind, text: string): void {
    if (text === "") return;
    const last = this.#blocks.at(-1);
    if (last?.kind === kind) last.text += text;
    else this.#blocks.push({ kind, head: "", text });
  }
}

const deltaTail = "}}\n\n";

/**
 * `message_start`, then each content block with its start, deltas and stop, then `message_delta` with
 * how it ended, then `message_stop`. What is the same in each delta of a block is written once, since
 * `delta` runs for every token.
 */
export class StreamRenderer implements Renderer {
  readonly keepAlive = 'event: ping\ndata: {"type":"ping"}\n\n';
  readonly #job: Job;
  readonly #facts: RenderFacts;
  readonly #display: ThinkingDisplay;
  /** The block that is open now. */
  #kind: BlockKind | undefined;
  #index = -1;
  /** One delta of the open block, up to its text. */
  #deltaHead = "";
  #finish: Finish = { reason: "stop" };

  constructor(job: Job, facts: RenderFacts, display: ThinkingDisplay) {
    this.#job = job;
    this.#facts = facts;
    this.#display = display;
  }

  begin(prompt: Pick<Usage, "promptTokens" | "cachedTokens">): string {
    const usage = { ...usageOf({ ...prompt, completionTokens: 0, reasoningTokens: 0 }), output_tokens_details: null };
    const message = messageText(this.#job, this.#facts, "", noStopText, usage);
    return eventText("message_start", `"message":${message}`);
  }

  delta(delta: Delta): string {
    switch (delta.kind) {
      case "said":
        return delta.text === "" ? "" : this.#enter("text") + this.#deltaHead + jsonText(delta.text) + deltaTail;
      case "thought": {
        if (delta.text === "" || this.#display === "hidden") return "";
        const entered = this.#enter("thinking");
        return this.#display === "shown" ? entered + this.#deltaHead + jsonText(delta.text) + deltaTail : entered;
      }
      case "call":
        return this.#close() + this.#open("tool_use", `${callHead(delta.id, delta.name)}{}}`);
      case "arguments":
        return delta.text === "" ? "" : this.#deltaHead + jsonText(delta.text) + deltaTail;
    }
  }

  finish(finish: Finish): string {
    this.#finish = finish;
    return this.#close();
  }

  end(usage: Usage): string {
    const delta = `"delta":{"container":null,"stop_details":null,${stopText(this.#finish)}}`;
    return (
      eventText("message_delta", `${delta},"usage":${JSON.stringify(deltaUsageOf(usage))}`) +
      'event: message_stop\ndata: {"type":"message_stop"}\n\n'
    );
  }

  #enter(kind: "text" | "thinking"): string {
    if (this.#kind === kind) return "";
    return this.#close() + this.#open(kind, emptyBlocks[kind]);
  }

  #open(kind: BlockKind, block: string): string {
    this.#kind = kind;
    this.#index++;
    this.#deltaHead = deltaHead(this.#index, deltaFields[kind]);
    return eventText("content_block_start", `"index":${this.#index},"content_block":${block}`);
  }

  #close(): string {
    if (this.#kind === undefined) return "";
    const signature =
      this.#kind === "thinking"
        ? deltaHead(this.#index, '"signature_delta","signature"') + jsonText(this.#facts.jobId) + deltaTail
        : "";
    this.#kind = undefined;
    return signature + eventText("content_block_stop", `"index":${this.#index}`);
  }
}

const textHead = '{"type":"text","text":';

const emptyBlocks = {
  text: `${textHead}""}`,
  thinking: '{"type":"thinking","thinking":"","signature":""}',
};

/** A delta's type, and its member that holds the text. */
const deltaFields: Readonly<Record<BlockKind, string>> = {
  text: '"text_delta","text"',
  thinking: '"thinking_delta","thinking"',
  tool_use: '"input_json_delta","partial_json"',
};

const eventText = (type: string, members: string): string => `event: ${type}\ndata: {"type":"${type}",${members}}\n\n`;

const deltaHead = (index: number, field: string): string =>
  `event: content_block_delta\ndata: {"type":"content_block_delta","index":${index},"delta":{"type":${field}:`;

/** A call's block up to its input. */
const callHead = (id: string, name: string): string =>
  `{"type":"tool_use","id":${jsonText(id)},"name":${jsonText(name)},"caller":{"type":"direct"},"input":`;

/** The model's own text, so that no number loses digits; `{}` where the output bound cut it, since a part is not JSON. */
function inputText(text: string): string {
  try {
    const input: unknown = JSON.parse(text);
    return typeof input === "object" && input !== null && !Array.isArray(input) ? text : "{}";
  } catch {
    return "{}";
  }
}

function messageText(job: Job, { jobId }: RenderFacts, content: string, stop: string, usage: MessageUsage): string {
  const id = jsonText(`msg_${jobId.replace(/^job_/, "")}`);
  return `{"id":${id},"type":"message","role":"assistant","model":${jsonText(job.model)},"content":[${content}],"container":null,"diagnostics":null,"stop_details":null,${stop},"usage":${JSON.stringify(usage)}}`;
}

const noStopText = '"stop_reason":null,"stop_sequence":null';

function stopText({ reason, stopString }: Finish): string {
  if (stopString !== undefined) return `"stop_reason":"stop_sequence","stop_sequence":${jsonText(stopString)}`;
  return `"stop_reason":"${stopReasonOf[reason]}","stop_sequence":null`;
}

/** A caller who cancelled is gone; whoever reads the record later finds a word that Anthropic's list has. */
const stopReasonOf: Readonly<Record<FinishReason, StopReason>> = {
  stop: "end_turn",
  length: "max_tokens",
  tool_calls: "tool_use",
  cancelled: "end_turn",
};

const deltaUsageOf = (usage: Usage): MessageDeltaUsage => ({
  input_tokens: usage.promptTokens - usage.cachedTokens,
  cache_creation_input_tokens: 0,
  cache_read_input_tokens: usage.cachedTokens,
  output_tokens: usage.completionTokens,
  output_tokens_details: { thinking_tokens: usage.reasoningTokens },
  server_tool_use: null,
});

const usageOf = (usage: Usage): MessageUsage => ({
  ...deltaUsageOf(usage),
  cache_creation: null,
  inference_geo: null,
  service_tier: null,
  speed: null,
});
