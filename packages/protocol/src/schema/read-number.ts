import { ourWords } from "../ids.ts";
import { cannotEnforce, isMisread, type Keyword, type Node } from "./keywords.ts";
import { type Edge, NUMBER_DIGITS_MAX, numberBounds } from "./number-bounds.ts";
import { type LeaveOut, Refusal } from "./refusal.ts";
import type { Shape } from "./shape.ts";

const INTEGER_MOST = 10 ** NUMBER_DIGITS_MAX - 1;

const STEPS = [1, 0.1, 0.01, 0.001, 0.0001, 0.00001, 0.000001];

export function readNumber(type: "integer" | "number", node: Node, leaveOut: LeaveOut): Shape {
  const step = placesIn(node);
  if (step === "other") leaveOut(cannotEnforce("multipleOf"));
  const places = type === "integer" ? 0 : step === "other" ? NUMBER_DIGITS_MAX : step;
  const from = edgesOf(node, "minimum", "exclusiveMinimum");
  const to = edgesOf(node, "maximum", "exclusiveMaximum");
  if (places === NUMBER_DIGITS_MAX && from.length + to.length === 0) return { kind: "number" };
  const bounds = numberBounds(from, to, places);
  if (bounds === "none")
    throw new Refusal(ourWords`no number that can be written is between the bounds of the schema's numbers`);
  if (type === "number") return { kind: "number", bounds };
  // Without an edge there are as many as 64 bits hold. An edge beyond our digits leaves those that we have.
  const isFree = from.length + to.length === 0;
  const isFar = !isFree && bounds.min === undefined && bounds.max === undefined;
  return isFar
    ? { kind: "integer", min: -INTEGER_MOST, max: INTEGER_MOST }
    : { kind: "integer", min: bounds.min, max: bounds.max };
}

/** A step of 1, 0.1, 0.01 and so on is kept by how many digits are written behind the point. No other is. */
function placesIn(node: Node): number | "other" {
  const step = node["multipleOf"];
  if (step === undefined) return NUMBER_DIGITS_MAX;
  const places = STEPS.indexOf(typeof step === "number" ? step : NaN);
  return places < 0 ? "other" : places;
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
