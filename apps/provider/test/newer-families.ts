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
  keyed,
  native,
  plain,
  raise,
  tools,
  two,
} from "./family-parts.ts";
import type { Family } from "./template-families.ts";

const im = facts("<|im_start|>", "<|im_end|>");
const imTurn = (inner: string) => each(`{{- '<|im_start|>' + m.role + '\n' }}${inner}{{- '<|im_end|>\n' }}`);
const thoughtBefore = (open: string, close: string, name = "reasoning_content") =>
  `{%- if m.role == 'assistant' and m.${name} %}{{- '${open}' + m.${name} + '${close}' }}{%- endif %}`;
const offThought = (text: string) =>
  `{%- if add_generation_prompt and enable_thinking is defined and not enable_thinking %}{{- '${text}' }}{%- endif %}`;
const thinking = { thoughts: "<think></think>", switch: "enable_thinking" };
const xmlCall =
  (open: string, infix: string, close: string, end: string) => (name: string, city: string, days: number) =>
    `${name}${open}city${infix}${city}${close}${open}days${infix}${days}${close}${end}`;

/** Templates with the demands of families that came later, and those that stand by themselves. */
export const newerFamilies: readonly Family[] = [
  {
    name: "Granite 4",
    source:
      tools("<|start_of_role|>system<|end_of_role|>", "<|end_of_text|>\n") +
      each(
        "{%- if m.role == 'tool' %}{{- '<|start_of_role|>user<|end_of_role|>\n<tool_response>\n' + m.content + '\n</tool_response><|end_of_text|>\n' }}{%- else %}{{- '<|start_of_role|>' + m.role + '<|end_of_role|>' + (m.content or '') }}" +
          asJson("\n<tool_call>\n", "\n</tool_call>") +
          "{{- '<|end_of_text|>\n' }}{%- endif %}",
      ) +
      begin("<|start_of_role|>assistant<|end_of_role|>"),
    facts: facts("<|start_of_role|>", "<|end_of_role|>", "<|end_of_text|>"),
    expected: { ...anywhere, ...native },
    reply: { text: two.map((one) => `<tool_call>\n${one}\n</tool_call>`).join("\n"), calls: 2 },
  },
  {
    name: "Command R7B, whose every prompt opens a turn, and whose thought may be empty",
    source:
      "{{- bos_token }}{%- if tools %}{{- '<|START_OF_TURN_TOKEN|><|SYSTEM_TOKEN|>' + tools | tojson + '<|END_OF_TURN_TOKEN|>' }}{%- endif %}{%- set ns = namespace(n=0) %}" +
      each(
        "{%- if m.role == 'user' or m.role == 'system' %}{{- '<|START_OF_TURN_TOKEN|><|' + m.role | upper + '_TOKEN|>' + m.content + '<|END_OF_TURN_TOKEN|>' }}{%- elif m.role == 'tool' %}{{- '<|START_OF_TURN_TOKEN|><|SYSTEM_TOKEN|><|START_TOOL_RESULT|>' + m.content + '<|END_TOOL_RESULT|><|END_OF_TURN_TOKEN|>' }}{%- elif m.tool_calls %}{{- '<|START_OF_TURN_TOKEN|><|CHATBOT_TOKEN|><|START_ACTION|>[' }}{%- for c in m.tool_calls %}{{- '\n    {\"tool_call_id\": \"' + ns.n | string + '\", \"tool_name\": \"' + c.function.name + '\", \"parameters\": ' + c.function.arguments | tojson + '}' }}{%- if not loop.last %}{{- ',' }}{%- endif %}{%- set ns.n = ns.n + 1 %}{%- endfor %}{{- '\n]<|END_ACTION|><|END_OF_TURN_TOKEN|>' }}{%- else %}{{- '<|START_OF_TURN_TOKEN|><|CHATBOT_TOKEN|><|START_RESPONSE|>' + m.content + '<|END_RESPONSE|><|END_OF_TURN_TOKEN|>' }}{%- endif %}",
      ) +
      "{{- '<|START_OF_TURN_TOKEN|><|CHATBOT_TOKEN|>' }}{%- if not enable_thinking %}{{- '<|START_THINKING|><|END_THINKING|>' }}{%- endif %}",
    facts: facts("<|START_OF_TURN_TOKEN|>", "<|END_OF_TURN_TOKEN|>", "<|START_ACTION|>", "<|END_ACTION|>"),
    expected: {
      ...anywhere,
      ...native,
      thoughts: "<|START_THINKING|><|END_THINKING|>",
      switch: "enable_thinking",
      speech: "<|START_RESPONSE|>",
    },
    reply: {
      text: `<|START_ACTION|>[\n    ${each2((name, city, days) => `{"tool_call_id": "${name === "get_time" ? 1 : 0}", "tool_name": "${name}", "parameters": {"city": "${city}", "days": ${days}}}`, ",\n    ")}\n]<|END_ACTION|>`,
      calls: 2,
    },
  },
  {
    name: "SmolLM 3, whose tools are printed as Python prints them",
    source:
      "{%- if messages[0].role == 'system' %}{%- set lead = messages[0].content %}{%- set list = messages[1:] %}{%- else %}{%- set lead = 'You are SmolLM.' %}{%- set list = messages %}{%- endif %}{{- '<|im_start|>system\n' + lead + '\n' }}{%- if tools %}{{- 'Reply with <tool_call> and a JSON object.\n' }}{%- for t in tools %}{{- (t | string) + '\n' }}{%- endfor %}{%- endif %}{{- '<|im_end|>\n' }}" +
      each(
        "{%- if m.role == 'tool' %}{{- '<|im_start|>user\n' + m.content + '<|im_end|>\n' }}{%- else %}{{- '<|im_start|>' + m.role + '\n' + m.content.lstrip('\n') + '<|im_end|>\n' }}{%- endif %}",
        "list",
      ) +
      begin("<|im_start|>assistant\n") +
      offThought("<think>\n\n</think>\n"),
    facts: im,
    expected: { ...anywhere, ...native, calls: "as_text many text any", ...thinking },
    reply: {
      text: `<think>\nHm.\n</think>\n${two.map((one) => `<tool_call>\n${one}\n</tool_call>`).join("\n")}`,
      thought: "Hm.",
      calls: 2,
    },
  },
  {
    name: "GLM 4.7, whose opened thought is closed by the same place",
    source:
      "{{- '[gMASK]<sop>' }}" +
      tools("<|system|>", "") +
      each(
        "{%- if m.role == 'assistant' %}{{- '<|assistant|>' }}{%- if m.reasoning_content %}{{- '<think>' + m.reasoning_content + '</think>' }}{%- else %}{{- '</think>' }}{%- endif %}{{- m.content }}" +
          keyed("<tool_call>' + f.name + '", "<arg_key>", "</arg_key><arg_value>", "</arg_value>", "</tool_call>") +
          "{%- elif m.role == 'tool' %}{{- '<|observation|><tool_response>' + m.content + '</tool_response>' }}{%- else %}{{- '<|' + m.role + '|>' + m.content }}{%- endif %}",
      ) +
      "{%- if add_generation_prompt %}{{- '<|assistant|>' + ('</think>' if (enable_thinking is defined and not enable_thinking) else '<think>') }}{%- endif %}",
    facts: facts("<|user|>", "<|assistant|>", "<|observation|>", "<think>", "</think>", "<tool_call>", "</tool_call>"),
    expected: { ...anywhere, ...native, body: "keyed", ...thinking },
    reply: {
      text: `Hm.</think>${each2((name, city, days) => `<tool_call>${xmlCall("<arg_key>", "</arg_key><arg_value>", "</arg_value>", "</tool_call>")(name, city, days)}`)}`,
      thought: "Hm.",
      calls: 2,
      tokens: ["</think>", "<tool_call>", "</tool_call>"],
    },
  },
  {
    name: "MiniMax M2, which invokes",
    source:
      "{{- ']~!b[]~b]system\n' }}" +
      tools("", "") +
      each(
        "{%- if m.role == 'system' %}{{- m.content + '[e~[\n' }}{%- elif m.role == 'assistant' %}{{- ']~b]ai\n' }}" +
          thoughtBefore("<think>\n", "\n</think>\n\n") +
          "{{- m.content }}{%- if m.tool_calls %}{{- '\n<minimax:tool_call>\n' }}" +
          keyed("<invoke name=\"' + f.name + '\">\n", '<parameter name="', '">', "</parameter>\n", "</invoke>\n") +
          "{{- '</minimax:tool_call>' }}{%- endif %}{{- '[e~[\n' }}{%- elif m.role == 'tool' %}{{- ']~b]tool\n<response>' + m.content + '</response>[e~[\n' }}{%- else %}{{- ']~b]user\n' + m.content + '[e~[\n' }}{%- endif %}",
      ) +
      begin("]~b]ai\n<think>\n"),
    facts: facts("[e~[", "]~b]", "]~!b["),
    expected: { ...anywhere, ...native, body: "keyed", thoughts: "<think></think>" },
    reply: {
      text: `Hm.\n</think>\n\n<minimax:tool_call>\n${each2((name, city, days) => `<invoke name="${name}">\n<parameter name="city">${city}</parameter>\n<parameter name="days">${days}</parameter>\n</invoke>\n`)}</minimax:tool_call>`,
      thought: "Hm.",
      calls: 2,
    },
  },
  {
    name: "Seed-OSS, whose thinking has a budget",
    source:
      "{%- if not thinking_budget is defined %}{%- set thinking_budget = -1 %}{%- endif %}" +
      tools("<seed:bos>system\n", "<seed:eos>") +
      "{%- if thinking_budget == 0 %}{{- '<seed:bos>system\nNo thoughts.<seed:eos>' }}{%- elif not thinking_budget == -1 %}{{- '<seed:bos>system\nAt most ' + thinking_budget | string + ' tokens.<seed:eos>' }}{%- endif %}" +
      each(
        "{{- '<seed:bos>' + m.role + '\n' }}" +
          thoughtBefore("<seed:think>", "</seed:think>\n") +
          "{{- m.content }}{%- if m.tool_calls %}" +
          keyed(
            "<seed:tool_call>\n<function=' + f.name + '>\n",
            "<parameter=",
            ">",
            "</parameter>\n",
            "</function>\n</seed:tool_call>",
          ) +
          "{%- endif %}{{- '<seed:eos>' }}",
      ) +
      begin("<seed:bos>assistant\n"),
    facts: facts("<seed:bos>", "<seed:eos>", "<seed:think>", "</seed:think>"),
    expected: {
      ...anywhere,
      ...native,
      body: "keyed",
      thoughts: "<seed:think></seed:think>",
      switch: "thinking_budget",
    },
    reply: {
      text: `<seed:think>Hm.</seed:think>\n${each2((name, city, days) => `<seed:tool_call>\n<function=${name}>\n<parameter=city>${city}</parameter>\n<parameter=days>${days}</parameter>\n</function>\n</seed:tool_call>`)}`,
      thought: "Hm.",
      calls: 2,
      tokens: ["<seed:think>", "</seed:think>"],
    },
  },
  {
    name: "Nemotron Nano v2, whose calls stand in a list between tags",
    source:
      tools("<SPECIAL_10>System\n<AVAILABLE_TOOLS>", "</AVAILABLE_TOOLS>\n") +
      each(
        "{%- if m.role == 'assistant' %}{{- '<SPECIAL_11>Assistant\n' + m.content.split('</think>')[-1].strip() }}{%- if m.tool_calls %}{{- '<TOOLCALL>[' }}{%- for c in m.tool_calls %}{{- '{\"name\": \"' + c.function.name + '\", \"arguments\": ' + c.function.arguments | tojson + '}' }}{%- if not loop.last %}{{- ', ' }}{%- endif %}{%- endfor %}{{- ']</TOOLCALL>' }}{%- endif %}{{- '\n<SPECIAL_12>\n' }}{%- elif m.role == 'tool' %}{{- '<SPECIAL_11>User\n<TOOL_RESPONSE>[' + m.content + ']</TOOL_RESPONSE>\n' }}{%- else %}{{- '<SPECIAL_11>' + m.role | title + '\n' + m.content + '\n' }}{%- endif %}",
      ) +
      begin("<SPECIAL_11>Assistant\n<think>\n"),
    facts: facts("<SPECIAL_10>", "<SPECIAL_11>", "<SPECIAL_12>"),
    expected: { ...anywhere, ...native, thoughts: "<think></think>" },
    reply: { text: `Hm.</think>\n\n<TOOLCALL>[${two.join(", ")}]</TOOLCALL>`, thought: "Hm.", calls: 2 },
  },
  {
    name: "EXAONE 4",
    source:
      tools("[|system|]\n# Tools\n", "[|endofturn|]\n") +
      each(
        "{{- '[|' + m.role + '|]' + ('\n' if m.role != 'tool' else '') }}{%- if m.role == 'assistant' %}{{- '<think>\n\n</think>\n\n' if not m.reasoning_content else '<think>\n' + m.reasoning_content + '\n</think>\n\n' }}{%- endif %}{{- m.content }}" +
          asJson("<tool_call>", "</tool_call>") +
          "{{- '[|endofturn|]\n' }}",
      ) +
      begin("[|assistant|]\n") +
      "{%- if add_generation_prompt %}{{- '<think>\n' if enable_thinking is defined and enable_thinking else '<think>\n\n</think>\n\n' }}{%- endif %}",
    facts: facts("[|user|]", "[|assistant|]", "[|endofturn|]"),
    expected: { ...anywhere, ...native, ...thinking },
    reply: {
      thinks: true,
      text: `Hm.\n</think>\n\n${two.map((one) => `<tool_call>${one}</tool_call>`).join("\n")}`,
      thought: "Hm.",
      calls: 2,
    },
  },
  {
    name: "LFM 2, which speaks of tools and shows no call",
    source:
      "{{- bos_token }}{%- if tools %}{{- '<|im_start|>system\nList of tools: <|tool_list_start|>' + tools | tojson + '<|tool_list_end|><|im_end|>\n' }}{%- endif %}" +
      each(
        "{{- '<|im_start|>' + m.role + '\n' + ('<|tool_response_start|>' + m.content + '<|tool_response_end|>' if m.role == 'tool' else m.content) + '<|im_end|>\n' }}",
      ) +
      begin("<|im_start|>assistant\n"),
    facts: facts("<|im_start|>", "<|im_end|>", "<|tool_call_start|>", "<|tool_call_end|>"),
    expected: { ...anywhere, ...native, calls: "as_text many text any", body: "python" },
    reply: {
      text: `<|tool_call_start|>[${each2((name, city, days) => `${name}(city="${city}", days=${days})`, ", ")}]<|tool_call_end|>`,
      calls: 2,
    },
  },
  {
    name: "Hermes 2 Pro, whose results must name their function",
    source:
      tools("<|im_start|>system\nReply with <tool_call>.\n", "<|im_end|>\n") +
      each(
        "{%- if m.role == 'tool' %}" +
          raise("not m.name is defined") +
          "{{- '<|im_start|>tool\n<tool_response>{\"name\": \"' + m.name + '\", \"content\": ' + m.content | tojson + '}</tool_response><|im_end|>\n' }}{%- elif m.role == 'assistant' and m.tool_calls is defined %}" +
          raise("m.tool_calls") +
          "{%- else %}{{- '<|im_start|>' + m.role + '\n' + m.content + '<|im_end|>\n' }}{%- endif %}",
      ) +
      begin("<|im_start|>assistant\n"),
    facts: im,
    expected: { ...anywhere, ...native, calls: "as_text many text any" },
    reply: { text: two.map((one) => `<tool_call>\n${one}\n</tool_call>`).join("\n"), calls: 2 },
  },
  {
    name: "Functionary, which asks for tools where there are none",
    source:
      "{%- if not tools is defined %}{%- set tools = none %}{%- endif %}{%- set has_code = tools | selectattr('type', 'equalto', 'code_interpreter') | list | length > 0 %}{{- bos_token }}{%- if tools %}{%- for t in tools | rejectattr('type', 'equalto', 'code_interpreter') %}{{- t.function | tojson }}{%- endfor %}{%- endif %}" +
      each(
        "{{- '<|start_header_id|>' + m.role + '<|end_header_id|>\n\n' + (m.content or '') }}" +
          callsOf(
            "{{- '<function=' + f.name + '>' + (f.arguments if f.arguments is string else f.arguments | tojson) + '</function>' }}",
          ) +
          "{{- '<|eot_id|>' }}",
      ) +
      begin("<|start_header_id|>assistant<|end_header_id|>\n\n"),
    facts: facts("<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"),
    expected: { ...anywhere, ...native, body: "parts" },
    reply: {
      text: each2((name, city, days) => `<function=${name}>{"city": "${city}", "days": ${days}}</function>`),
      calls: 2,
    },
  },
  {
    name: "gpt-oss, which takes words or a thought beside a call",
    source:
      "{%- if messages[0].role in ['system', 'developer'] %}{%- set lead = messages[0].content %}{%- set list = messages[1:] %}{%- else %}{%- set lead = '' %}{%- set list = messages %}{%- endif %}{{- '<|start|>system<|message|>Reasoning: ' + (reasoning_effort | default('medium')) + '<|end|>' }}{%- if lead or tools %}{{- '<|start|>developer<|message|>' + lead + (tools | tojson if tools else '') + '<|end|>' }}{%- endif %}{%- set last = namespace(name='') %}" +
      each(
        "{%- if m.role == 'assistant' %}{%- if m.tool_calls %}" +
          raise("m.content and m.thinking") +
          "{%- if m.content or m.thinking %}{{- '<|start|>assistant<|channel|>analysis<|message|>' + (m.content or m.thinking) + '<|end|>' }}{%- endif %}{%- set c = m.tool_calls[0].function %}{{- '<|start|>assistant to=functions.' + c.name + '<|channel|>commentary json<|message|>' + c.arguments | tojson + '<|call|>' }}{%- set last.name = c.name %}{%- else %}{%- if m.thinking and loop.last and not add_generation_prompt %}{{- '<|start|>assistant<|channel|>analysis<|message|>' + m.thinking + '<|end|>' }}{%- endif %}{{- '<|start|>assistant<|channel|>final<|message|>' + m.content + ('<|return|>' if loop.last and not add_generation_prompt else '<|end|>') }}{%- endif %}{%- elif m.role == 'tool' %}" +
          raise("not last.name") +
          "{{- '<|start|>functions.' + last.name + ' to=assistant<|channel|>commentary<|message|>' + m.content | tojson + '<|end|>' }}{%- else %}{{- '<|start|>user<|message|>' + m.content + '<|end|>' }}{%- endif %}",
        "list",
      ) +
      begin("<|start|>assistant"),
    facts: facts("<|start|>", "<|end|>", "<|channel|>", "<|message|>", "<|call|>", "<|return|>"),
    expected: {
      ...anywhere,
      ...native,
      calls: "natively one object any",
      body: "parts",
      thoughts: "<|channel|>analysis<|message|><|end|><|start|>assistant",
      speech: "<|channel|>final<|message|>",
    },
    reply: {
      text: '<|channel|>analysis<|message|>Hm.<|end|><|start|>assistant to=functions.get_weather<|channel|>commentary json<|message|>{"city": "Paris", "days": 2}',
      thought: "Hm.",
      calls: 1,
    },
  },
  ...(
    [
      ["Zephyr", "<|user|>\n", "<|assistant|>\n", "</s>\n"],
      ["Falcon 3", "<|user|>\n", "<|assistant|>\n", "<|endoftext|>\n"],
      ["OLMo 2", "<|endoftext|><|user|>\n", "<|assistant|>\n", "<|endoftext|>\n"],
      ["Hunyuan", "<｜hy_User｜>", "<｜hy_Assistant｜>", "<｜hy_place▁holder▁no▁2｜>"],
      ["Yi", "<|im_start|>user\n", "<|im_start|>assistant\n", "<|im_end|>\n"],
      ["InternLM", "<|im_start|>user\n", "<|im_start|>assistant\n", "<|im_end|>\n"],
    ] as const
  ).map(([name, user, assistant, end]): Family => ({
    name: `${name}, plain turns`,
    source:
      each(
        `{%- if m['role'] == 'user' %}{{- '${user}' + m['content'] + '${end}' }}{%- elif m['role'] == 'system' %}{{- '${user.replace(/user/i, "system")}' + m['content'] + '${end}' }}{%- else %}{{- '${assistant}' + m['content'] + '${end}' }}{%- endif %}`,
      ) + begin(assistant),
    facts: facts(user.trim(), assistant.trim(), end.trim()),
    expected: { ...anywhere, ...plain },
    reply: { text: "Sure." },
  })),
  ...(
    [
      ["Vicuna", "USER: ", "ASSISTANT:", " "],
      ["Alpaca", "### Instruction:\n", "### Response:\n", "\n\n"],
      ["ERNIE", "User: ", "Assistant: ", "\n"],
    ] as const
  ).map(([name, user, assistant, between]): Family => ({
    name: `${name}, whose turns are plain words`,
    source:
      "{%- if messages[0]['role'] == 'system' %}{{- messages[0]['content'] | trim + '\n\n' }}{%- set list = messages[1:] %}{%- else %}{%- set list = messages %}{%- endif %}" +
      each(
        inTurns +
          `{%- if m['role'] == 'user' %}{{- '${user}' + m['content'] | trim + '${between}' }}{%- else %}{{- '${assistant}' + m['content'] + eos_token }}{%- endif %}`,
        "list",
      ) +
      begin(assistant),
    facts: facts(),
    expected: { ...alternating, ...plain },
    reply: { text: "Sure." },
  })),
  {
    name: "a 7B of ChatML that begins with words of its own",
    source: `{%- if messages[0].role != 'system' %}{{- '<|im_start|>system\nBe good.<|im_end|>\n' }}{%- endif %}${imTurn("{{- m.content }}")}${begin("<|im_start|>assistant\n")}`,
    facts: im,
    expected: { ...anywhere, ...plain },
    reply: { text: "Sure." },
  },
];
