import type { ToolSyntax } from "./tool-syntax.ts";

/** What a model's chat template can be told, as it showed when it was tried. */
export interface Abilities {
  /** Where system messages may stand: in any place, once at the beginning, or nowhere. */
  readonly system: "anywhere" | "first" | "nowhere";
  /** Two messages of one role may follow each other; else user and assistant must take turns. */
  readonly turns: "free" | "alternating";
  /** The first message but for the system's may be an assistant's. */
  readonly assistantMayBegin: boolean;
  /** How a message's content is given: as a text, or as a list of parts. */
  readonly content: "text" | "parts";
  /** Natively, or in words of ours. */
  readonly tools: "native" | "plain_words";
  readonly calls: CallAbilities;
  readonly thoughts: ThoughtAbilities;
  /** What calls look like when this model writes them. */
  readonly toolSyntax: ToolSyntax;
  /** Stands before what is said, in templates that have a channel for it. */
  readonly speech: string;
  /** An answer that has begun can be gone on with. */
  readonly continues: boolean;
  /** What the template reads beside the messages, and callers may set. */
  readonly settings: readonly string[];
}

export interface CallAbilities {
  /** By the template's own means; or as the assistant's text. */
  readonly told: "natively" | "as_text";
  /** In a place of their own; or as a user's words. */
  readonly results: "natively" | "as_user";
  readonly perTurn: "one" | "many";
  readonly arguments: "object" | "text";
  readonly ids: CallIds;
  /** What an assistant says beside its calls is told too, with what it thought. */
  readonly textBeside: boolean;
  /** Whether a user may speak right after a result, or what an assistant must say before. */
  readonly userAfterResult: "directly" | "after_nothing_said" | "after_words";
  /** A system message is told too where the last message is a result. */
  readonly systemAfterResult: boolean;
  /** What stands for the text of a message that has calls alone. */
  readonly emptyText: "empty" | "null";
}

/** Any; nine letters and digits; or the function's name with the call's place. */
export type CallIds = "any" | "nine" | "named";

export interface ThoughtAbilities {
  /** The tags that the model's own thoughts stand between. */
  readonly open: string;
  readonly close: string;
  /** Both tags are tokens of their own, which a text that mentions them has not. */
  readonly asTokens: boolean;
  /** The template shows that the model thinks before it speaks. */
  readonly known: boolean;
  /** Under which name a message holds what was thought; absent: the template leaves it out. */
  readonly toldAs?: string;
  /** What turns thinking on or off. */
  readonly switch?: ThinkingSwitch;
}

export interface ThinkingSwitch {
  readonly name: string;
  readonly on: boolean | string | number;
  readonly off: boolean | string | number;
}
