import type { Message } from "@darkbloom/protocol/dialects";
import type { Abilities } from "./abilities.ts";
import type { JinjaTemplate } from "./jinja/template.ts";
import { mark, says, system, user } from "./marked-texts.ts";
import { CallTries } from "./probe-calls.ts";
import { plain, type TemplateFacts, Tries } from "./tries.ts";

/** What each prompt is given by us; all else that a template reads is a setting. */
const ours = new Set(["messages", "tools", "add_generation_prompt", "bos_token", "eos_token"]);
/** Tries a template with marked texts, and keeps what came out. @throws TemplateRefusal with the reason */
export function probed(template: JinjaTemplate, source: string, facts: TemplateFacts): Abilities {
  const tries = new Tries(template, facts);
  const content = tries.content();
  const telling = { ...plain, content };
  const takes = (messages: readonly Message[], ...marks: readonly string[]) =>
    tries.shows(messages, telling, ...marks) !== undefined;
  const opening = tries.rendered([user(mark.user)], { telling, begins: true }) ?? "";
  const alternates = !takes([user(mark.user), user(mark.again)], mark.user, mark.again);
  const first = takes([system(mark.system), user(mark.user)], mark.system, mark.user);
  const later = takes(
    [system(mark.system), user(mark.user), says(mark.said), system(mark.later), user(mark.again)],
    mark.system,
    mark.user,
    mark.said,
    mark.later,
    mark.again,
  );
  const both = takes([system(mark.system), system(mark.later), user(mark.user)], mark.system, mark.later, mark.user);
  const thoughts = tries.thoughts(telling, opening, source);
  const speech = tries.speech(telling, opening, thoughts);
  const found = new CallTries(tries, facts, { ...telling, thoughtAs: thoughts.toldAs }, { thoughts, speech }).found(
    source,
  );
  return {
    system: first ? (later && both ? "anywhere" : "first") : "nowhere",
    turns: alternates ? "alternating" : "free",
    assistantMayBegin: takes([says(mark.said), user(mark.user)], mark.said, mark.user),
    content,
    ...found,
    thoughts: {
      ...thoughts,
      close: thoughts.close.slice(0, thoughts.close.length - overlapAtEnd(thoughts.close, speech)),
    },
    speech,
    continues: takes([user(mark.user), says(mark.said)], mark.user, mark.said),
    settings: [...template.free].filter((name) => !ours.has(name)),
  };
}

const overlapAtEnd = (text: string, end: string): number => (end !== "" && text.endsWith(end) ? end.length : 0);
