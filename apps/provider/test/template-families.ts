import type { TemplateFacts } from "../src/language/tries.ts";

export interface Family {
  readonly name: string;
  readonly source: string;
  readonly facts: TemplateFacts;
  readonly expected: object;
  readonly more?: Readonly<Record<string, string>>;
  readonly reply?: FamilyReply;
}

/** What such a model writes, and what is read in it. */
export interface FamilyReply {
  readonly text: string;
  readonly thinks?: boolean;
  readonly thought?: string;
  readonly said?: string;
  /** Of the two calls in a test's conversation, the first ones. */
  readonly calls?: 1 | 2;
  /** Tokens of their own. */
  readonly tokens?: readonly string[];
}

const facts = (...controlTokens: readonly string[]): TemplateFacts => ({
  bosToken: "<s>",
  eosToken: "</s>",
  controlTokens: ["<s>", "</s>", ...controlTokens],
});
const im = facts("<|im_start|>", "<|im_end|>");

/** How the many templates in `<|im_start|>` begin a turn, end it, and are begun by. */
const turn = (inner: string) =>
  `{%- for m in messages %}{{- '<|im_start|>' + m.role + '\n' }}${inner}{{- '<|im_end|>\n' }}{%- endfor %}`;
const begin = "{%- if add_generation_prompt %}{{- '<|im_start|>assistant\n' }}{%- endif %}";
const toolsFirst =
  "{%- if tools %}{{- '<|im_start|>system\n' }}{%- for t in tools %}{{- t | tojson }}{%- endfor %}{{- '<|im_end|>\n' }}{%- endif %}";
const taggedCalls =
  "{%- for c in m.tool_calls or [] %}{{- '\n<tool_call>\n{\"name\": \"' + c.function.name + '\", \"arguments\": ' }}{{- c.function.arguments | tojson }}{{- '}\n</tool_call>' }}{%- endfor %}";
const raise = (when: string) => `{%- if ${when} %}{{- raise_exception('not so') }}{%- endif %}`;
const plain = { calls: "as_text many text any", body: "object", tools: "plain_words" };
const native = { tools: "native", calls: "natively many object any", body: "object" };

/** Small templates with the demands of published ones, written for these tests. */
export const families: readonly Family[] = [
  {
    name: "plain ChatML",
    source: turn("{{- m.content }}") + begin,
    facts: im,
    expected: { system: "anywhere", turns: "free", content: "text", ...plain },
  },
  {
    name: "Qwen 2.5 and Hermes",
    source: toolsFirst + turn("{{- m.content }}" + taggedCalls) + begin,
    facts: im,
    expected: { system: "anywhere", turns: "free", content: "text", ...native },
  },
  {
    name: "Qwen 3",
    source:
      toolsFirst +
      turn(
        "{%- if m.role == 'assistant' %}{{- '<think>\n' + (m.reasoning_content or '') + '\n</think>\n\n' }}{%- endif %}{{- m.content }}" +
          taggedCalls,
      ) +
      begin +
      "{%- if add_generation_prompt and enable_thinking is defined and enable_thinking is false %}{{- '<think>\n\n</think>\n\n' }}{%- endif %}",
    facts: facts("<|im_start|>", "<|im_end|>", "<think>", "</think>", "<tool_call>", "</tool_call>"),
    expected: {
      system: "anywhere",
      turns: "free",
      content: "text",
      ...native,
      thoughts: "<think></think>",
      switch: "enable_thinking",
    },
  },
  {
    name: "Qwen 3 for agents, whose system message stands first",
    source:
      raise("messages[1:] | selectattr('role', 'equalto', 'system') | list") +
      toolsFirst +
      turn(
        "{{- m.content }}{%- for c in m.tool_calls or [] %}{{- '<tool_call>\n<function=' + c.function.name + '>\n' }}{%- for k, v in c.function.arguments | items %}{{- '<parameter=' + k + '>\n' + (v if v is string else v | tojson) + '\n</parameter>\n' }}{%- endfor %}{{- '</function>\n</tool_call>' }}{%- endfor %}",
      ) +
      begin,
    facts: im,
    expected: { system: "first", turns: "free", content: "text", ...native, body: "keyed" },
  },
  {
    name: "GLM 4.5",
    source:
      toolsFirst +
      turn(
        "{{- m.content }}{%- for c in m.tool_calls or [] %}{{- '\n<tool_call>' + c.function.name + '\n' }}{%- for k, v in c.function.arguments.items() %}{{- '<arg_key>' + k + '</arg_key>\n<arg_value>' }}{{- v | tojson if v is not string else v }}{{- '</arg_value>\n' }}{%- endfor %}{{- '</tool_call>' }}{%- endfor %}",
      ) +
      begin,
    facts: im,
    expected: { system: "anywhere", turns: "free", content: "text", ...native, body: "keyed" },
  },
  {
    name: "DeepSeek V3, whose arguments are a text",
    source:
      "{{- bos_token }}{%- for t in tools or [] %}{{- t | tojson }}{%- endfor %}{%- for m in messages %}{%- if m.role == 'user' %}{{- '<｜User｜>' + m.content }}{%- elif m.role == 'tool' %}{{- '<｜tool▁output▁begin｜>' + m.content + '<｜tool▁output▁end｜>' }}{%- elif m.role == 'system' %}{{- m.content }}{%- else %}{{- '<｜Assistant｜>' + m.content }}{%- if m.tool_calls %}{{- '<｜tool▁calls▁begin｜>' }}{%- for c in m.tool_calls %}{{- '<｜tool▁call▁begin｜>function<｜tool▁sep｜>' + c.function.name + '\n```json\n' + c.function.arguments + '\n```<｜tool▁call▁end｜>' }}{%- if not loop.last %}{{- '\n' }}{%- endif %}{%- endfor %}{{- '<｜tool▁calls▁end｜>' }}{%- endif %}{{- eos_token }}{%- endif %}{%- endfor %}{%- if add_generation_prompt %}{{- '<｜Assistant｜>' }}{%- endif %}",
    facts: facts("<｜User｜>", "<｜Assistant｜>", "<｜tool▁calls▁begin｜>"),
    expected: {
      system: "anywhere",
      turns: "free",
      content: "text",
      ...native,
      calls: "natively many text any",
      body: "parts",
    },
  },
  {
    name: "Mistral, whose ids have nine characters",
    source:
      "{{- bos_token }}{%- for t in tools or [] %}{{- '[AVAILABLE_TOOLS]' + t | tojson }}{%- endfor %}{%- for m in messages %}{%- if m.role == 'user' %}{{- '[INST] ' + m.content + '[/INST]' }}{%- elif m.role == 'system' %}{{- '[SYSTEM_PROMPT]' + m.content + '[/SYSTEM_PROMPT]' }}{%- elif m.role == 'tool' %}" +
      raise("m.tool_call_id | length != 9") +
      "{{- '[TOOL_RESULTS]' + m.content + '[/TOOL_RESULTS]' }}{%- else %}{{- m.content }}{%- if m.tool_calls %}{{- '[TOOL_CALLS][' }}{%- for c in m.tool_calls %}" +
      raise("c.id | length != 9") +
      "{{- '{\"name\": \"' + c.function.name + '\", \"arguments\": ' + c.function.arguments | tojson + ', \"id\": \"' + c.id + '\"}' }}{%- if not loop.last %}{{- ', ' }}{%- endif %}{%- endfor %}{{- ']' }}{%- endif %}{{- eos_token }}{%- endif %}{%- endfor %}",
    facts: facts("[INST]", "[/INST]", "[TOOL_CALLS]"),
    expected: { system: "anywhere", turns: "free", content: "text", ...native, calls: "natively many object nine" },
  },
  {
    name: "Mixtral, which knows no system message and no tools",
    source:
      "{{- bos_token }}{%- for m in messages %}" +
      raise("(m.role == 'user') != (loop.index0 % 2 == 0)") +
      raise("m.role not in ['user', 'assistant']") +
      "{%- if m.role == 'user' %}{{- '[INST] ' + m.content + ' [/INST]' }}{%- else %}{{- ' ' + m.content + eos_token }}{%- endif %}{%- endfor %}",
    facts: facts("[INST]", "[/INST]"),
    expected: { system: "nowhere", turns: "alternating", content: "text", ...plain },
  },
  {
    name: "Gemma",
    source:
      "{{- bos_token }}" +
      raise("messages[0].role == 'system'") +
      "{%- for m in messages %}" +
      raise("(m.role == 'user') != (loop.index0 % 2 == 0)") +
      "{{- '<start_of_turn>' + ('model' if m.role == 'assistant' else m.role) + '\n' + m.content | trim + '<end_of_turn>\n' }}{%- endfor %}{%- if add_generation_prompt %}{{- '<start_of_turn>model\n' }}{%- endif %}",
    facts: facts("<start_of_turn>", "<end_of_turn>"),
    expected: { system: "nowhere", turns: "alternating", content: "text", ...plain },
  },
  {
    name: "Llama 3.1, which takes one call a turn",
    source:
      "{{- bos_token }}{%- for t in tools or [] %}{{- t | tojson(indent=4) }}{%- endfor %}{%- for m in messages %}{%- if m.tool_calls %}" +
      raise("m.tool_calls | length != 1") +
      "{%- set c = m.tool_calls[0].function %}{{- '<|start_header_id|>assistant<|end_header_id|>\n\n{\"name\": \"' + c.name + '\", \"parameters\": ' }}{{- c.arguments | tojson }}{{- '}<|eot_id|>' }}{%- else %}{{- '<|start_header_id|>' + ('ipython' if m.role == 'tool' else m.role) + '<|end_header_id|>\n\n' + m.content + '<|eot_id|>' }}{%- endif %}{%- endfor %}{%- if add_generation_prompt %}{{- '<|start_header_id|>assistant<|end_header_id|>\n\n' }}{%- endif %}",
    facts: facts("<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"),
    expected: { system: "anywhere", turns: "free", content: "text", ...native, calls: "natively one object any" },
  },
  {
    name: "Llama 4, which calls as Python does",
    source:
      toolsFirst +
      turn(
        "{{- m.content }}{%- if m.tool_calls %}{{- '[' }}{%- for c in m.tool_calls %}{{- c.function.name + '(' }}{%- for k, v in c.function.arguments.items() %}{{- k + '=' + (v | tojson) }}{%- if not loop.last %}{{- ', ' }}{%- endif %}{%- endfor %}{{- ')' }}{%- if not loop.last %}{{- ', ' }}{%- endif %}{%- endfor %}{{- ']' }}{%- endif %}",
      ) +
      begin,
    facts: im,
    expected: { system: "anywhere", turns: "free", content: "text", ...native, body: "python" },
  },
  {
    name: "a template that loops over parts",
    source: turn("{%- for part in m.content %}{{- part.text }}{%- endfor %}") + begin,
    facts: im,
    expected: { system: "anywhere", turns: "free", content: "parts", ...plain },
  },
  {
    name: "a template that joins name and arguments",
    source:
      toolsFirst +
      turn(
        "{{- m.content }}{%- for c in m.tool_calls or [] %}{{- '<call>' + c.function.name + ' ' + c.function.arguments + '</call>' }}{%- endfor %}",
      ) +
      begin,
    facts: im,
    expected: {
      system: "anywhere",
      turns: "free",
      content: "text",
      ...native,
      calls: "natively many text any",
      body: "parts",
    },
  },
  {
    name: "DeepSeek R1, which opens the thought",
    source:
      turn("{{- m.content.split('</think>')[-1] }}") +
      "{%- if add_generation_prompt %}{{- '<|im_start|>assistant\n<think>\n' }}{%- endif %}",
    facts: facts("<|im_start|>", "<|im_end|>", "<think>", "</think>"),
    expected: { system: "anywhere", turns: "free", content: "text", ...plain, thoughts: "<think></think>" },
  },
  {
    name: "gpt-oss, which speaks in channels",
    source:
      "{%- for t in tools or [] %}{{- t | tojson }}{%- endfor %}{%- for m in messages %}{%- if m.role == 'assistant' %}{%- if m.thinking %}{{- '<|start|>assistant<|channel|>analysis<|message|>' + m.thinking + '<|end|>' }}{%- endif %}{%- if m.content %}{{- '<|start|>assistant<|channel|>final<|message|>' + m.content + '<|end|>' }}{%- endif %}{%- for c in m.tool_calls or [] %}{{- '<|start|>assistant to=functions.' + c.function.name + '<|channel|>commentary json<|message|>' + c.function.arguments | tojson + '<|call|>' }}{%- endfor %}{%- else %}{{- '<|start|>' + m.role + '<|message|>' + m.content + '<|end|>' }}{%- endif %}{%- endfor %}{%- if add_generation_prompt %}{{- '<|start|>assistant' }}{%- endif %}",
    facts: facts("<|start|>", "<|end|>", "<|channel|>", "<|message|>", "<|call|>", "<|return|>"),
    expected: {
      system: "anywhere",
      turns: "free",
      content: "text",
      ...native,
      body: "parts",
      thoughts: "<|channel|>analysis<|message|><|end|><|start|>assistant",
      speech: "<|channel|>final<|message|>",
    },
  },
  {
    name: "Kimi K2, whose ids name the function",
    source:
      "{%- for t in tools or [] %}{{- t | tojson }}{%- endfor %}{%- for m in messages %}{{- '<|im_' + m.role + '|>' + m.content }}{%- if m.tool_calls %}{{- '<|calls_begin|>' }}{%- for c in m.tool_calls %}{{- '<|call_begin|>' + c.id + '<|arguments|>' }}{{- c.function.arguments | tojson }}{{- '<|call_finish|>' }}{%- endfor %}{{- '<|calls_finish|>' }}{%- endif %}{{- '<|im_end|>' }}{%- endfor %}{%- if add_generation_prompt %}{{- '<|im_assistant|>' }}{%- endif %}",
    facts: facts("<|im_end|>", "<|calls_begin|>"),
    expected: {
      system: "anywhere",
      turns: "free",
      content: "text",
      ...native,
      calls: "natively many object named",
      body: "parts",
    },
  },
  {
    name: "a model with a template of its own for tools",
    source: turn("{{- m.content }}") + begin,
    more: { tool_use: toolsFirst + turn("{{- m.content }}" + taggedCalls) + begin },
    facts: im,
    expected: { system: "anywhere", turns: "free", content: "text", ...native },
  },
];
