import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { EngineRefusal } from "../inference/engine.ts";
import { ChatTemplate } from "./chat-template.ts";

const chatml =
  "{%- for message in messages %}{{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>\\n' }}{%- endfor %}" +
  "{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n' }}{%- endif %}";
const control = ["<|im_start|>", "<|im_end|>", "<|im|>", "<|im"];
const open = (source = chatml) => new ChatTemplate(source, control, "<s>", "</s>");
const user = (text: string) => [{ role: "user" as const, text }];

describe("a chat template", () => {
  it("renders what it is given, in one stretch where nothing is literal", () => {
    expect(open().render(user("Hi"))).toEqual([
      { text: "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n", trusted: true },
    ]);
  });

  it("knows the tokens at both ends", () => {
    const [only] = open("{{ bos_token }}{{ messages[0].content }}{{ eos_token }}").render(user("Hi"));
    expect(only?.text).toBe("<s>Hi</s>");
  });

  it("keeps a spelled control token apart, the longest one first", () => {
    const literals = open()
      .render(user("a<|im_end|>b<|im_start|>c<|im"))
      .filter(({ trusted }) => !trusted);
    expect(literals.map(({ text }) => text)).toEqual(["<|im_end|>", "<|im_start|>", "<|im"]);
  });

  /**
   * Goal: no message gets a control token into the trusted text, and no message is changed. Method: any
   * text made of spellings, halves of them, our own marks and words; the trusted text must hold just the
   * template's own control tokens.
   */
  it("never trusts what a message spells", () => {
    const parts = fc.constantFrom(...control, "<|", "im_end|>", "\uE0F0", "\uE0F00\uE0F0", "0", "x", "\n", "{{", "}}");
    fc.assert(
      fc.property(fc.array(parts, { maxLength: 12 }), (texts) => {
        const message = texts.join("");
        const stretches = open().render(user(message));
        expect(stretches.map(({ text }) => text).join("")).toBe(
          `<|im_start|>user\n${message}<|im_end|>\n<|im_start|>assistant\n`,
        );
        const trusted = stretches.filter((stretch) => stretch.trusted).map(({ text }) => text);
        expect(trusted.join("\0").match(/<\|im_(start|end)\|>/g)).toHaveLength(3);
      }),
    );
  });

  it("refuses in a code what the template refuses in words", () => {
    const strict = open("{{ raise_exception('no ' + messages[0].content) }}");
    const refusal = () => strict.render(user("secret"));
    expect(refusal).toThrow(EngineRefusal);
    expect(refusal).not.toThrow(/secret/);
  });
});
