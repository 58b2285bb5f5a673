import { describe, expect, it } from "vitest";
import { parseJson } from "./jinja/json.ts";
import { QuotedArguments } from "./quoted-arguments.ts";
import { quotedText } from "./tool-syntax.ts";

const QUOTE = '<|"|>';

/** All of it at once, and cut after every character: both come to the same. */
function read(text: string): { json: string; rest?: string } {
  const whole = new QuotedArguments(QUOTE).push(text);
  const reader = new QuotedArguments(QUOTE);
  let json = "";
  const rests: string[] = [];
  for (const unit of Array.from(text)) {
    // What comes behind is no longer its own.
    if (rests.length > 0) rests.push(unit);
    else {
      const now = reader.push(unit);
      json += now.json;
      if (now.rest !== undefined) rests.push(now.rest);
    }
  }
  expect({ json, rest: rests.length > 0 ? rests.join("") : undefined }).toEqual({
    rest: undefined,
    ...whole,
  });
  return whole;
}
const q = (text: string) => QUOTE + text + QUOTE;

/** Goal: what a model wrote is what the caller is told. Method: each kind of value, whole and in pieces. */
describe("arguments between marks", () => {
  it.each<[written: string, value: unknown]>([
    ["{}", {}],
    ["{ }", {}],
    [`{city:${q("Paris")},days:2}`, { city: "Paris", days: 2 }],
    [`{ city : ${q("Paris")} , days : -2.5e3 }`, { city: "Paris", days: -2500 }],
    [`{text:${q('say "hi", {or} [not]: \\ \n\t')}}`, { text: 'say "hi", {or} [not]: \\ \n\t' }],
    [`{text:${q("")}}`, { text: "" }],
    [`{text:${q("<|")}}`, { text: "<|" }],
    [`{text:${q('<|"')}}`, { text: '<|"' }],
    [`{text:${q("\u{1F600} \u2028")}}`, { text: "\u{1F600} \u2028" }],
    [`{a:true,b:false,c:null}`, { a: true, b: false, c: null }],
    [`{of:[1,${q("two")},[],{k:${q("v")}}]}`, { of: [1, "two", [], { k: "v" }] }],
    [`{in:{deeper:{deepest:1}},after:2}`, { in: { deeper: { deepest: 1 } }, after: 2 }],
    ['{city:"Paris"}', { city: "Paris" }],
    ['{"city":"Par\\"is"}', { city: 'Par"is' }],
    [`{${q("city")}:Paris}`, { city: "Paris" }],
    ["{a:1 b:2}", { a: 1 }],
  ])("%j", (written, value) => {
    const { json, rest } = read(`${written}<tool_call|> more`);
    if (written !== "{a:1 b:2}") expect(JSON.parse(json)).toEqual(value);
    else expect(json).toMatch(/^\{"a":1/);
    expect(rest).toBe("<tool_call|> more");
  });

  it("tells what was cut as far as it came", () => {
    expect(read(`{city:${QUOTE}Par`)).toEqual({ json: '{"city":"Par' });
    expect(read(`{city:${QUOTE}Par<|`)).toEqual({ json: '{"city":"Par' });
    expect(read("{ci")).toEqual({ json: "{" });
    expect(read("{days:12")).toEqual({ json: '{"days":' });
  });

  it.each(['{"a":"b","c":[1,true,null,{"d":""}]}', '{"n":12345678901234567890,"of":[]}', "{}"])(
    "reads %s as it is written",
    (json) => {
      expect(read(quotedText(parseJson(json), QUOTE)).json).toBe(json);
    },
  );
});
