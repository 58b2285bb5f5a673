import { ourWords } from "../ids.ts";
import { cannotEnforce, isMisread, type Keyword, type Node, unenforcedIn } from "./keywords.ts";
import { type Edge, numberBounds } from "./number-bounds.ts";
import { type LeaveOut, Refusal } from "./refusal.ts";
import type { Shape } from "./shape.ts";

export function readNumber(type: "integer" | "number", node: Node, leaveOut: LeaveOut): Shape {
  const step = unenforcedIn(node, "number");
  if (step !== undefined && !(type === "integer" && node[step] === 1)) leaveOut(cannotEnforce(step));
  const from = edgesOf(node, "minimum", "exclusiveMinimum");
  const to = edgesOf(node, "maximum", "exclusiveMaximum");
  if (type === "number" && from.length + to.length === 0) return { kind: "number" };
  const bounds = numberBounds(from, to, type === "integer");
  if (bounds === "none")
    throw new Refusal(ourWords`no number that can be written is between the bounds of the schema's numbers`);
  return type === "number" ? { kind: "number", bounds } : { kind: "integer", min: bounds.min, max: bounds.max };
}

function edgesOf(node: Node, closed: Keyword, open: Keyword): readonly Edge[] {
  // Draft 4 has the exclusive ones as flags.
  const isFlag = typeof node[open] === "boolean";
  const edges = isFlag
    ? [[closed, node[open] === true] as const]
    : ([
        [closed, false],
        [open, true],
      ] as const);
  return edges.flatMap(([keyword, isOpen]) => {
    const at = node[keyword];
    if (at === undefined) return [];
    if (typeof at !== "number" || !Number.isFinite(at)) throw new Refusal(isMisread(keyword));
    return [{ at, open: isOpen }];
  });
}
