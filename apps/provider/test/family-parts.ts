/** Parts of which templates for tests are put together. */

export const facts = (...controlTokens: readonly string[]) => ({
  bosToken: "<s>",
  eosToken: "</s>",
  controlTokens: ["<s>", "</s>", ...controlTokens],
});

export const plain = { calls: "as_text many text any", body: "object", tools: "plain_words" };
export const native = { calls: "natively many object any", body: "object", tools: "native" };
export const anywhere = { system: "anywhere", turns: "free", content: "text" };
export const alternating = { system: "first", turns: "alternating", content: "text" };
export const raise = (when: string) => `{%- if ${when} %}{{- raise_exception('not so') }}{%- endif %}`;
export const inTurns = raise("(m.role == 'user') != (loop.index0 % 2 == 0)");
export const each = (inner: string, list = "messages") => `{%- for m in ${list} %}${inner}{%- endfor %}`;
export const begin = (text: string) => `{%- if add_generation_prompt %}{{- '${text}' }}{%- endif %}`;
export const tools = (before: string, after: string) =>
  `{%- if tools %}{{- '${before}' }}{%- for t in tools %}{{- t | tojson }}{%- endfor %}{{- '${after}' }}{%- endif %}`;
export const callsOf = (inner: string) =>
  `{%- for c in m.tool_calls or [] %}{%- set f = c.function %}${inner}{%- endfor %}`;
export const asJson = (open: string, close: string, args = "arguments") =>
  callsOf(`{{- '${open}{"name": "' + f.name + '", "${args}": ' }}{{- f.arguments | tojson }}{{- '}${close}' }}`);
export const keyed = (name: string, open: string, infix: string, close: string, end: string) =>
  callsOf(
    `{{- '${name}' }}{%- for k, v in f.arguments | items %}{{- '${open}' + k + '${infix}' + (v if v is string else v | tojson) + '${close}' }}{%- endfor %}{{- '${end}' }}`,
  );

const json = (name: string, city: string, days: number) =>
  `{"name": "${name}", "arguments": {"city": "${city}", "days": ${days}}}`;
export const two = [json("get_weather", "Paris", 2), json("get_time", "Rome", 1)] as const;
export const each2 = (one: (name: string, city: string, days: number) => string, between = "") =>
  [one("get_weather", "Paris", 2), one("get_time", "Rome", 1)].join(between);
