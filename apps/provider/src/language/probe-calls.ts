import type { Message } from "@darkbloom/protocol/dialects";
import type { Abilities, CallAbilities, ThoughtAbilities } from "./abilities.ts";
import { learnedSyntax } from "./learned-calls.ts";
import { calls, idsTried, mark, results, says, system, tools, triedCalls, user } from "./marked-texts.ts";
import type { TemplateFacts, Tries } from "./tries.ts";
import { bareCalls, callsText, literalsIn, syntaxToldBy, type ToolSyntax } from "./tool-syntax.ts";
import { aTag, commonEnd, commonStart, shows, withoutThought } from "./tried-text.ts";
import type { Telling } from "./values.ts";

interface Turn {
  readonly thoughts: ThoughtAbilities;
  readonly speech: string;
}

type Found = Pick<Abilities, "tools" | "calls" | "toolSyntax">;

const asText: CallAbilities = {
  told: "as_text",
  results: "as_user",
  perTurn: "many",
  arguments: "text",
  ids: "any",
  textBeside: true,
  userAfterResult: "directly",
  systemAfterResult: true,
  emptyText: "empty",
};
const call = (count: 1 | 2, text = "", thought?: string): Message => ({
  role: "assistant",
  text,
  toolCalls: calls.slice(0, count),
  ...(thought !== undefined && { thought }),
});

/** What a template can be told of tools, of calls and of their results. */
export class CallTries {
  readonly #tries: Tries;
  readonly #facts: TemplateFacts;
  readonly #telling: Telling;
  readonly #turn: Turn;
  /** How calls are written by a template that does not tell their results. */
  #shownAlone: ToolSyntax | undefined;

  constructor(tries: Tries, facts: TemplateFacts, telling: Telling, turn: Turn) {
    this.#tries = tries;
    this.#facts = facts;
    this.#telling = telling;
    this.#turn = turn;
  }

  found(source: string): Found {
    const telling = this.#telling;
    const told = this.#tries.rendered([user(mark.user)], { telling, tools, begins: true });
    const isNative = told !== undefined && ["qztoola", "qzkeya"].every((name) => told.includes(name));
    if (!isNative) return { tools: "plain_words", calls: asText, toolSyntax: bareCalls };
    for (const ids of idsTried)
      for (const emptyText of ["empty", "null"] as const)
        for (const args of ["object", "text"] as const) {
          const found = this.#told({ ...telling, ids, emptyText, arguments: args }, told);
          if (!found) continue;
          const { calls: inHistory, toolSyntax } = found;
          if (toolSyntax) return { tools: "native", calls: inHistory, toolSyntax };
          // How this model writes a call cannot be read: it is told how else.
          return { tools: "plain_words", calls: asText, toolSyntax: bareCalls };
        }
    const toolSyntax = this.#shownAlone ?? syntaxToldBy(source);
    return { tools: "native", calls: { ...asText, results: this.#resultsOf(toolSyntax) }, toolSyntax };
  }

  #rendered(telling: Telling, ...messages: readonly Message[]): string | undefined {
    return this.#tries.rendered(messages, { telling, tools, begins: messages.at(-1)?.role === "tool" });
  }

  /** Beside calls that are an assistant's text. */
  #resultsOf(toolSyntax: ToolSyntax): CallAbilities["results"] {
    const told = this.#tries.rendered([user(mark.user), says(callsText(toolSyntax, [calls[0]])), results[0]], {
      telling: this.#telling,
      tools,
      begins: true,
      answered: [call(1)],
    });
    return told?.includes(mark.result) === true ? "natively" : "as_user";
  }

  #told(
    telling: Telling,
    opening: string,
  ): { readonly calls: CallAbilities; readonly toolSyntax: ToolSyntax | undefined } | undefined {
    const render = (...messages: readonly Message[]) => this.#rendered(telling, user(mark.user), ...messages);
    const [tried, other] = triedCalls(telling.ids);
    const args = telling.arguments;
    // Tools are told before: the call is looked for behind the user's words or behind the tools.
    const behind = (text: string | undefined) => text?.slice(commonStart(text, opening).length);
    const answered = behind(render(call(1), results[0]));
    const shown = answered ?? behind(render(call(1)));
    if (shown === undefined || !shows(shown, tried, args)) return undefined;
    const many = behind(render(call(2), ...results));
    const perTurn = many !== undefined && shows(many, tried, args) && shows(many, other, args) ? "many" : "one";
    const isAnswered =
      answered?.includes(mark.result) === true && (perTurn === "one" || many?.includes(mark.other) === true);
    if (!isAnswered) {
      this.#shownAlone ??= this.#syntax(render, perTurn === "many", opening, telling);
      return undefined;
    }
    // With what was thought, where that is told: some take one of the two.
    const thought = telling.thoughtAs === undefined ? undefined : mark.thought;
    const beside = behind(render(call(1, mark.said, thought), results[0]));
    const led = this.#rendered(telling, system(mark.system), user(mark.user), call(1), results[0]);
    return {
      calls: {
        told: "natively",
        results: "natively",
        perTurn,
        arguments: args,
        ids: telling.ids,
        textBeside: beside?.includes(mark.said) === true && shows(beside, tried, args),
        userAfterResult: this.#afterResult(render),
        systemAfterResult: led === undefined || led.includes(mark.system),
        emptyText: telling.emptyText,
      },
      toolSyntax: this.#syntax(render, perTurn === "many", opening, telling),
    };
  }

  #afterResult(render: (...messages: readonly Message[]) => string | undefined): CallAbilities["userAfterResult"] {
    const takes = (...between: readonly Message[]) =>
      render(call(1), results[0], ...between, user(mark.again))?.includes(mark.again) === true;
    if (takes()) return "directly";
    return takes(says("")) || !takes(says(mark.said)) ? "after_nothing_said" : "after_words";
  }

  #syntax(
    render: (...messages: readonly Message[]) => string | undefined,
    takesTwo: boolean,
    opening: string,
    telling: Telling,
  ): ToolSyntax | undefined {
    const { thoughts, speech } = this.#turn;
    const said = render(says(mark.said));
    const ending = said?.slice(said.indexOf(mark.said) + mark.said.length) ?? "";
    const turn = (text: string | undefined): string | undefined => {
      if (text === undefined) return undefined;
      const reply = withoutThought(text.slice(commonStart(text, opening).length), thoughts);
      const spoken =
        speech !== "" && reply.trimStart().startsWith(speech) ? reply.trimStart().slice(speech.length) : reply;
      return this.#withoutEnding(spoken, ending);
    };
    const tried = triedCalls(telling.ids);
    const one = turn(render(call(1)));
    const syntax =
      one === undefined ? undefined : learnedSyntax(one, takesTwo ? turn(render(call(2))) : undefined, tried);
    // What was only tried is no part of how calls are written.
    return syntax && literalsIn(syntax).some((literal) => literal.includes("qz")) ? undefined : syntax;
  }

  /** The end of a turn is a token and no text. */
  #withoutEnding(text: string, ending: string): string {
    if (ending !== "" && text.endsWith(ending)) return text.slice(0, -ending.length);
    const shared = commonEnd(text, ending);
    if (aTag.test(shared)) return text.slice(0, -shared.length);
    const trimmed = text.trimEnd();
    const { eosToken, controlTokens } = this.#facts;
    // Where results follow in the same turn, what opens them may stand behind the calls already.
    const result = controlTokens.find((one) => trimmed.endsWith(one) && /response|result|observation/i.test(one));
    if (result !== undefined && !ending.includes(result)) return trimmed.slice(0, -result.length);
    const token = [
      eosToken,
      ending.trim(),
      ...controlTokens.filter((one) => /eo[mst]|call|end|return/i.test(one)),
    ].find((one) => one !== "" && trimmed.endsWith(one) && !/tool|action/i.test(one));
    return token === undefined ? text : trimmed.slice(0, -token.length);
  }
}
