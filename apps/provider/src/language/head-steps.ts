import { ID_MARK, PLACE_MARK } from "./tool-syntax.ts";

/** What is expected of a text, character by character. */
export type Step =
  | { readonly kind: "space" | "name" | "id" | "place" }
  | { readonly kind: "char"; readonly char: string };

const space: Step = { kind: "space" };
export const nameStep: Step = { kind: "name" };
const alike: Readonly<Record<"name" | "id" | "place", RegExp>> = { name: /[\w.-]/, id: /[\w.:-]/, place: /[0-9]/ };

/** White space in a literal may be there or not, as models write it. @param isJson it may be around signs of JSON too */
export function stepsOf(literal: string, isJson = false): readonly Step[] {
  return Array.from(literal).flatMap((char): readonly Step[] => {
    if (/\s/.test(char)) return [space];
    if (char === ID_MARK) return [{ kind: "id" }];
    if (char === PLACE_MARK) return [{ kind: "place" }];
    const step: Step = { kind: "char", char };
    return isJson && "{}[]:,".includes(char) ? [space, step, space] : [step];
  });
}

export type Followed =
  /** So many UTF-16 units are as expected, and hold this name. */
  | { readonly units: number; readonly name: string }
  /** All that has come is; more must. */
  | "partial"
  | "other";

/** Follows a text along its steps. */
export function follow(steps: readonly Step[], text: string): Followed {
  let at = 0;
  let name = "";
  for (const step of steps) {
    if (step.kind === "space") {
      while (/\s/.test(text.charAt(at))) at++;
      continue;
    }
    if (at >= text.length) return "partial";
    if (step.kind === "char") {
      if (!text.startsWith(step.char, at)) return step.char.startsWith(text.slice(at)) ? "partial" : "other";
      at += step.char.length;
      continue;
    }
    const from = at;
    while (at < text.length && alike[step.kind].test(text.charAt(at))) at++;
    if (at === text.length) return "partial";
    if (at === from) return "other";
    if (step.kind === "name") name = text.slice(from, at);
  }
  return { units: at, name };
}
