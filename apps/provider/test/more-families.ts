import {
  alternating,
  anywhere,
  asJson,
  begin,
  callsOf,
  each,
  each2,
  facts,
  inTurns,
  native,
  plain,
  raise,
  tools,
  two,
} from "./family-parts.ts";
import type { Family } from "./template-families.ts";

/** Further templates with the demands of published ones, and a reply as such a model writes it. */
/** Values as such families write them: names bare, texts between marks. */
const quotedMacro = (quote: string) =>
  `{%- macro shown(v) -%}{%- if v is string -%}{{- '${quote}' + v + '${quote}' -}}{%- elif v is mapping -%}{{- '{' -}}{%- for k, one in v | dictsort -%}{{- k -}}:{{- shown(one) -}}{%- if not loop.last -%},{%- endif -%}{%- endfor -%}{{- '}' -}}{%- elif v is boolean -%}{{- 'true' if v else 'false' -}}{%- elif v is sequence -%}{{- '[' -}}{%- for one in v -%}{{- shown(one) -}}{%- if not loop.last -%},{%- endif -%}{%- endfor -%}{{- ']' -}}{%- else -%}{{- v -}}{%- endif -%}{%- endmacro -%}`;
const gemmaCall = (name: string, city: string, days: number) =>
  `<|tool_call>call:${name}{city:<|"|>${city}<|"|>,days:${days}}<tool_call|>`;

export const moreFamilies: readonly Family[] = [
  {
    name: "Llama 2",
    source:
      "{%- if messages[0]['role'] == 'system' %}{%- set loop_messages = messages[1:] %}{%- set lead = '<<SYS>>\n' + messages[0]['content'] + '\n<</SYS>>\n\n' %}{%- else %}{%- set loop_messages = messages %}{%- set lead = '' %}{%- endif %}" +
      each(
        inTurns +
          "{%- set text = lead + m['content'] if loop.first else m['content'] %}{%- if m.role == 'user' %}{{- bos_token + '[INST] ' + text.strip() + ' [/INST]' }}{%- else %}{{- ' ' + text.strip() + ' ' + eos_token }}{%- endif %}",
        "loop_messages",
      ),
    facts: facts(),
    expected: { ...alternating, ...plain },
    reply: { text: " Sure." },
  },
  {
    name: "Llama 3.2, which is told the date, and tools in a user's words",
    source:
      "{{- bos_token }}{%- set date = strftime_now('%d %b %Y') if strftime_now is defined else '26 Jul 2024' %}{%- if messages[0].role == 'system' %}{%- set lead = messages[0].content | trim %}{%- set messages = messages[1:] %}{%- else %}{%- set lead = '' %}{%- endif %}{{- '<|start_header_id|>system<|end_header_id|>\n\nToday Date: ' + date + '\n\n' + lead + '<|eot_id|>' }}{%- if tools is not none and tools is defined and messages | length != 0 %}{{- '<|start_header_id|>user<|end_header_id|>\n\n' }}{%- for t in tools %}{{- t | tojson(indent=4) + '\n\n' }}{%- endfor %}{{- messages[0].content | trim + '<|eot_id|>' }}{%- set messages = messages[1:] %}{%- endif %}" +
      each(
        "{%- if m.role == 'tool' or m.role == 'ipython' %}{{- '<|start_header_id|>ipython<|end_header_id|>\n\n' }}{%- if m.content is mapping or m.content is iterable and m.content is not string %}{{- m.content | tojson }}{%- else %}{{- m.content }}{%- endif %}{{- '<|eot_id|>' }}{%- elif 'tool_calls' in m %}" +
          raise("m.tool_calls | length != 1") +
          "{{- '<|start_header_id|>assistant<|end_header_id|>\n\n' + '{\"name\": \"' + m.tool_calls[0].function.name + '\", \"parameters\": ' + (m.tool_calls[0].function.arguments | tojson) + '}<|eot_id|>' }}{%- else %}{{- '<|start_header_id|>' + m.role + '<|end_header_id|>\n\n' + m.content | trim + '<|eot_id|>' }}{%- endif %}",
      ) +
      begin("<|start_header_id|>assistant<|end_header_id|>\n\n"),
    facts: facts("<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"),
    expected: { ...anywhere, ...native, calls: "natively one object any" },
    reply: { text: '{"name": "get_weather", "parameters": {"city": "Paris", "days": 2}}', calls: 1 },
  },
  {
    name: "Mistral Nemo, which tells system and tools with the last user's words, and no words beside calls",
    source:
      "{%- if messages[0].role == 'system' %}{%- set lead = messages[0].content %}{%- set list = messages[1:] %}{%- else %}{%- set list = messages %}{%- endif %}{%- set users = list | selectattr('role', 'equalto', 'user') | list %}{%- set ns = namespace(n=0) %}" +
      each(
        "{%- if m.role == 'user' or (m.role == 'assistant' and m.tool_calls is not defined) %}" +
          raise("(m.role == 'user') != (ns.n % 2 == 0)") +
          "{%- set ns.n = ns.n + 1 %}{%- endif %}",
        "list",
      ) +
      "{{- bos_token }}" +
      each(
        "{%- if m.role == 'user' %}{%- if tools is defined and m == users[-1] %}{{- '[AVAILABLE_TOOLS]' + tools | tojson + '[/AVAILABLE_TOOLS]' }}{%- endif %}{%- if loop.last and lead is defined %}{{- '[INST]' + lead + '\n\n' + m.content + '[/INST]' }}{%- else %}{{- '[INST]' + m.content + '[/INST]' }}{%- endif %}{%- elif m.tool_calls is defined and m.tool_calls %}{{- '[TOOL_CALLS][' }}{%- for c in m.tool_calls %}" +
          raise("c.id is not defined or c.id | length != 9") +
          "{%- set out = c.function | tojson %}{{- out[:-1] + ', \"id\": \"' + c.id + '\"}' }}{%- if not loop.last %}{{- ', ' }}{%- endif %}{%- endfor %}{{- ']' + eos_token }}{%- elif m.role == 'assistant' %}{{- m.content + eos_token }}{%- else %}" +
          raise("m.tool_call_id | length != 9") +
          "{{- '[TOOL_RESULTS]{\"content\": ' + m.content + ', \"call_id\": \"' + m.tool_call_id + '\"}[/TOOL_RESULTS]' }}{%- endif %}",
        "list",
      ),
    facts: facts("[INST]", "[/INST]", "[TOOL_CALLS]"),
    expected: { ...alternating, ...native, calls: "natively many object nine" },
    reply: { text: `[TOOL_CALLS][${two.join(", ")}]`, calls: 2 },
  },
  {
    name: "Mistral Small 3.2, whose calls name their ids",
    source:
      "{{- bos_token }}{%- if messages[0].role == 'system' %}{{- '[SYSTEM_PROMPT]' + messages[0].content + '[/SYSTEM_PROMPT]' }}{%- set list = messages[1:] %}{%- else %}{%- set list = messages %}{%- endif %}" +
      tools("[AVAILABLE_TOOLS]", "[/AVAILABLE_TOOLS]") +
      "{%- set ns = namespace(n=0) %}" +
      each(
        "{%- if m.role == 'user' or (m.role == 'assistant' and not m.tool_calls) %}" +
          raise("(m.role == 'user') != (ns.n % 2 == 0)") +
          "{%- set ns.n = ns.n + 1 %}{%- endif %}" +
          raise("m.role == 'system'") +
          "{%- if m.role == 'user' %}{{- '[INST]' + m.content + '[/INST]' }}{%- elif m.tool_calls %}{%- for c in m.tool_calls %}" +
          raise("c.id | length != 9") +
          "{{- '[TOOL_CALLS]' + c.function.name + '[CALL_ID]' + c.id + '[ARGS]' + (c.function.arguments | tojson) }}{%- endfor %}{{- eos_token }}{%- elif m.role == 'tool' %}{{- '[TOOL_RESULTS]' + m.tool_call_id + '[TOOL_CONTENT]' + m.content + '[/TOOL_RESULTS]' }}{%- else %}{{- m.content + eos_token }}{%- endif %}",
        "list",
      ),
    facts: facts("[INST]", "[/INST]", "[TOOL_CALLS]", "[ARGS]", "[CALL_ID]"),
    expected: { ...alternating, ...native, calls: "natively many object nine", body: "parts" },
    reply: {
      text: each2(
        (name, city, days) => `[TOOL_CALLS]${name}[CALL_ID]abcdefghi[ARGS]{"city": "${city}", "days": ${days}}`,
      ),
      calls: 2,
    },
  },
  {
    name: "Ministral 3 and Devstral, whose assistant may not say nothing",
    source:
      "{{- bos_token }}{%- set list = messages[1:] if messages[0].role == 'system' else messages %}{%- if messages[0].role == 'system' %}{{- '[SYSTEM_PROMPT]' + messages[0].content + '[/SYSTEM_PROMPT]' }}{%- endif %}" +
      tools("[AVAILABLE_TOOLS]", "[/AVAILABLE_TOOLS]") +
      "{%- set ns = namespace(n=0) %}" +
      each(
        "{%- if m.role == 'user' or (m.role == 'assistant' and not m.tool_calls) %}" +
          raise("(m.role == 'user') != (ns.n % 2 == 0)") +
          "{%- set ns.n = ns.n + 1 %}{%- endif %}" +
          raise("m.role == 'system'") +
          "{%- if m.role == 'user' %}{{- '[INST]' + m.content + '[/INST]' }}{%- elif m.role == 'tool' %}{{- '[TOOL_RESULTS]' + m.content + '[/TOOL_RESULTS]' }}{%- else %}" +
          raise("not m.content and not m.tool_calls") +
          "{{- m.content }}" +
          callsOf("{{- '[TOOL_CALLS]' + f.name + '[ARGS]' + (f.arguments | tojson) }}") +
          "{{- eos_token }}{%- endif %}",
        "list",
      ),
    facts: facts("[INST]", "[/INST]", "[TOOL_CALLS]", "[ARGS]"),
    expected: { ...alternating, ...native, body: "parts" },
    reply: {
      text: `Let me see.${each2((name, city, days) => `[TOOL_CALLS]${name}[ARGS]{"city": "${city}", "days": ${days}}`)}`,
      said: "Let me see.",
      calls: 2,
    },
  },
  {
    name: "Magistral, which is told to think between brackets",
    source:
      "{{- bos_token }}{%- if messages[0].role != 'system' %}{{- '[SYSTEM_PROMPT]Think first: [THINK]your thoughts[/THINK]Then answer.[/SYSTEM_PROMPT]' }}{%- endif %}" +
      each(
        "{%- if m.role == 'user' %}{{- '[INST]' + m.content + '[/INST]' }}{%- elif m.role == 'system' %}{{- '[SYSTEM_PROMPT]' + m.content + '[/SYSTEM_PROMPT]' }}{%- else %}{{- m.content + eos_token }}{%- endif %}",
      ),
    facts: facts("[INST]", "[/INST]", "[THINK]", "[/THINK]"),
    expected: { ...anywhere, ...plain, thoughts: "[THINK][/THINK]" },
    reply: { text: "[THINK]Hm.[/THINK]Sure.", thought: "Hm.", said: "Sure.", tokens: ["[THINK]", "[/THINK]"] },
  },
  {
    name: "QwQ and Qwen 3 Thinking, whose tag of thoughts begins as that of calls does",
    source:
      tools("<|im_start|>system\n", "<|im_end|>\n") +
      each(
        "{%- if m.role == 'assistant' %}{{- '<|im_start|>assistant\n' + m.content.split('</think>')[-1].lstrip('\n') }}" +
          asJson("<tool_call>\n", "\n</tool_call>") +
          "{{- '<|im_end|>\n' }}{%- elif m.role == 'tool' %}{{- '<|im_start|>user\n<tool_response>\n' + m.content + '\n</tool_response><|im_end|>\n' }}{%- else %}{{- '<|im_start|>' + m.role + '\n' + m.content + '<|im_end|>\n' }}{%- endif %}",
      ) +
      begin("<|im_start|>assistant\n<think>\n"),
    facts: facts("<|im_start|>", "<|im_end|>"),
    expected: { ...anywhere, ...native, thoughts: "<think></think>" },
    reply: {
      text: `Hm.\n</think>\n\n${two.map((one) => `<tool_call>\n${one}\n</tool_call>`).join("\n")}`,
      thought: "Hm.",
      calls: 2,
    },
  },
  {
    name: "DeepSeek V3.1, whose switch opens or closes the thought",
    source:
      "{{- bos_token }}{%- set ns = namespace(lead='') %}" +
      each(
        "{%- if m.role == 'system' %}{%- set ns.lead = ns.lead + ('\n\n' if ns.lead else '') + m.content %}{%- endif %}",
      ) +
      "{{- ns.lead }}" +
      each(
        "{%- if m.role == 'user' %}{{- '<｜User｜>' + m.content }}{%- elif m.role == 'assistant' %}{{- '<｜Assistant｜></think>' + (m.content.split('</think>', 1)[1] if '</think>' in m.content else m.content) + '<｜end▁of▁sentence｜>' }}{%- endif %}",
      ) +
      "{%- if add_generation_prompt %}{{- '<｜Assistant｜>' }}{%- if thinking is defined and thinking %}{{- '<think>' }}{%- else %}{{- '</think>' }}{%- endif %}{%- endif %}",
    facts: facts("<｜User｜>", "<｜Assistant｜>", "<think>", "</think>"),
    expected: { ...anywhere, ...plain, system: "first", thoughts: "<think></think>", switch: "thinking" },
    reply: { thinks: true, text: "Hm.</think>Sure.", thought: "Hm.", said: "Sure.", tokens: ["</think>"] },
  },
  {
    name: "Gemma 3, which takes a system message first and parts too",
    source:
      "{{- bos_token }}{%- if messages[0]['role'] == 'system' %}{%- set lead = (messages[0]['content'] if messages[0]['content'] is string else messages[0]['content'][0]['text']) + '\n\n' %}{%- set list = messages[1:] %}{%- else %}{%- set lead = '' %}{%- set list = messages %}{%- endif %}" +
      each(
        inTurns +
          "{{- '<start_of_turn>' + ('model' if m.role == 'assistant' else m.role) + '\n' + (lead if loop.first else '') }}{%- if m['content'] is string %}{{- m['content'] | trim }}{%- elif m['content'] is iterable %}{%- for item in m['content'] %}{%- if item['type'] == 'text' %}{{- item['text'] | trim }}{%- endif %}{%- endfor %}{%- else %}{{- raise_exception('Invalid content type') }}{%- endif %}{{- '<end_of_turn>\n' }}",
        "list",
      ) +
      begin("<start_of_turn>model\n"),
    facts: facts("<start_of_turn>", "<end_of_turn>"),
    expected: { ...alternating, ...plain },
    reply: { text: "Sure." },
  },
  {
    name: "Gemma 4, whose calls no JSON is and whose empty thought shows its tags",
    source:
      quotedMacro('<|"|>') +
      "{{- bos_token }}" +
      tools("<|tool>", "<tool|>") +
      each(
        "{{- '<|turn>' + ('model' if m.role == 'assistant' else m.role) + '\n' }}{%- if m.role == 'tool' %}{{- '<|tool_response>response:' + m.name + '{value:' + shown(m.content) + '}<tool_response|>' }}{%- else %}{{- m.content }}" +
          callsOf("{{- '<|tool_call>call:' + f.name + shown(f.arguments) + '<tool_call|>' }}") +
          "{%- endif %}{{- '<turn|>\n' }}",
      ) +
      begin("<|turn>model\n") +
      "{%- if add_generation_prompt and not enable_thinking | default(false) %}{{- '<|channel>thought\n<channel|>' }}{%- endif %}",
    facts: facts("<|turn>", "<turn|>", "<|channel>", "<channel|>"),
    expected: {
      ...anywhere,
      ...native,
      body: "quoted",
      thoughts: "<|channel>thought<channel|>",
      switch: "enable_thinking",
    },
    reply: {
      thinks: true,
      text: `<|channel>thought\nHm.\n<channel|>${each2(gemmaCall)}`,
      thought: "Hm.",
      calls: 2,
      tokens: ["<|channel>", "<channel|>", "<|tool_call>", "<tool_call|>", '<|"|>'],
    },
  },
  {
    name: "Gemma 4 as it is published, whose results stand in the turn of their calls",
    source:
      quotedMacro('<|"|>') +
      "{{- bos_token }}{%- if tools or messages[0].role == 'system' %}{{- '<|turn>system\n' }}{%- if messages[0].role == 'system' %}{{- messages[0].content | trim }}{%- endif %}{%- for t in tools or [] %}{{- '<|tool>declaration:' + t.function.name + shown(t.function) + '<tool|>' }}{%- endfor %}{{- '<turn|>\n' }}{%- endif %}{%- set list = messages[1:] if messages[0].role == 'system' else messages %}{%- set ns = namespace(open=false) %}" +
      each(
        "{%- if m.role == 'tool' %}{{- '<|tool_response>response:' + m.name + '{value:' + shown(m.content) + '}<tool_response|>' }}{%- if loop.last or list[loop.index].role not in ['tool', 'assistant'] %}{%- if not loop.last %}{{- '<turn|>\n' }}{%- set ns.open = false %}{%- endif %}{%- endif %}{%- else %}{%- if not (ns.open and m.role == 'assistant') %}{{- '<|turn>' + ('model' if m.role == 'assistant' else m.role) + '\n' }}{%- endif %}{%- set ns.open = false %}{{- m.content | trim }}" +
          callsOf("{{- '<|tool_call>call:' + f.name + shown(f.arguments) + '<tool_call|>' }}") +
          "{%- if m.tool_calls %}{%- set ns.open = true %}{%- if loop.last %}{{- '<|tool_response>' }}{%- endif %}{%- else %}{{- '<turn|>\n' }}{%- endif %}{%- endif %}",
        "list",
      ) +
      "{%- if add_generation_prompt and not ns.open %}{{- '<|turn>model\n' }}{%- endif %}",
    facts: facts(
      "<|turn>",
      "<turn|>",
      "<|tool>",
      "<tool|>",
      "<|tool_call>",
      "<tool_call|>",
      "<|tool_response>",
      "<tool_response|>",
      '<|"|>',
    ),
    expected: { ...anywhere, ...native, body: "quoted" },
    reply: {
      text: `Let me see.${each2(gemmaCall)}`,
      said: "Let me see.",
      calls: 2,
      tokens: ["<|tool_call>", "<tool_call|>", '<|"|>'],
    },
  },
  {
    name: "FunctionGemma, whose texts stand between escapes",
    source:
      quotedMacro("<escape>") +
      "{{- bos_token }}" +
      tools("<start_function_declaration>", "<end_function_declaration>") +
      each(
        "{{- '<start_of_turn>' + ('model' if m.role == 'assistant' else 'developer' if m.role in ['system', 'tool'] else m.role) + '\n' }}{%- if m.role == 'tool' %}{{- '<start_function_response>response:' + m.name + '{value:' + shown(m.content) + '}<end_function_response>' }}{%- else %}{{- m.content }}" +
          callsOf("{{- '<start_function_call>call:' + f.name + shown(f.arguments) + '<end_function_call>' }}") +
          "{%- endif %}{{- '<end_of_turn>\n' }}",
      ) +
      begin("<start_of_turn>model\n"),
    facts: facts("<start_of_turn>", "<end_of_turn>", "<start_function_call>", "<end_function_call>", "<escape>"),
    expected: { ...anywhere, ...native, body: "quoted" },
    reply: {
      text: each2(
        (name, city, days) =>
          `<start_function_call>call:${name}{city:<escape>${city}<escape>,days:${days}}<end_function_call>`,
      ),
      calls: 2,
      tokens: ["<start_function_call>", "<end_function_call>", "<escape>"],
    },
  },
  {
    name: "Phi 3",
    source:
      each("{{- '<|' + m['role'] + '|>\n' + m['content'] + '<|end|>\n' }}") +
      "{%- if add_generation_prompt %}{{- '<|assistant|>\n' }}{%- else %}{{- eos_token }}{%- endif %}",
    facts: facts("<|user|>", "<|assistant|>", "<|system|>", "<|end|>"),
    expected: { ...anywhere, ...plain },
    reply: { text: "Sure." },
  },
  {
    name: "Phi 4",
    source:
      each("{{- '<|im_start|>' + m.role + '<|im_sep|>' + m.content + '<|im_end|>' }}") +
      begin("<|im_start|>assistant<|im_sep|>"),
    facts: facts("<|im_start|>", "<|im_sep|>", "<|im_end|>"),
    expected: { ...anywhere, ...plain },
    reply: { text: "Sure." },
  },
  {
    name: "Phi 4 mini, whose tools stand in the system message",
    source:
      each(
        "{%- if m['role'] == 'system' and 'tools' in m and m['tools'] is not none %}{{- '<|' + m['role'] + '|>' + m['content'] + '<|tool|>' + m['tools'] + '<|/tool|>' + '<|end|>' }}{%- else %}{{- '<|' + m['role'] + '|>' + m['content'] + '<|end|>' }}{%- endif %}",
      ) + begin("<|assistant|>"),
    facts: facts("<|user|>", "<|assistant|>", "<|end|>"),
    expected: { ...anywhere, ...plain },
    reply: { text: two[0], calls: 1 },
  },
  {
    name: "Granite 3, which speaks of calls and shows none, nor their results",
    source:
      "{%- if tools %}{{- '<|start_of_role|>tools<|end_of_role|>Reply with <|tool_call|> and a JSON list. ' + tools | tojson(indent=4) + '<|end_of_text|>\n' }}{%- endif %}" +
      each(
        "{%- if m.role in ['user', 'system', 'assistant'] %}{{- '<|start_of_role|>' + m.role + '<|end_of_role|>' + m.content + '<|end_of_text|>\n' }}{%- endif %}",
      ) +
      "{%- if add_generation_prompt %}{{- '<|start_of_role|>assistant' }}{%- if controls %}{{- ' ' + controls | tojson }}{%- endif %}{{- '<|end_of_role|>' }}{%- endif %}",
    facts: facts("<|start_of_role|>", "<|end_of_role|>", "<|end_of_text|>", "<|tool_call|>"),
    expected: { ...anywhere, ...native, calls: "as_text many text any" },
    reply: { text: `<|tool_call|>[${two.join(", ")}]`, calls: 2 },
  },
];
