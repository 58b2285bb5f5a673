import { afterEach, expect, it, vi } from "vitest";
import { columns, note, outputOf } from "./output.ts";

const HOSTILE = "\u001b[2Jdone\r\u202e";

afterEach(() => void vi.restoreAllMocks());

/** Goal: what a coordinator or a machine says never moves the terminal. Method: every way out, and what terminals act on. */
it.each([
  [
    "a result for people",
    () => outputOf(false).result({}, () => `one\n\t${HOSTILE}`),
    "stdout",
    "one\n\t\\u001b[2Jdone\\u000d\\u202e\n",
  ],
  [
    "a result for programs",
    () => outputOf(true).result({ a: HOSTILE }, () => ""),
    "stdout",
    '{"a":"\\u001b[2Jdone\\r\\u202e"}\n',
  ],
  ["a note", () => note(HOSTILE), "stderr", "\\u001b[2Jdone\\u000d\\u202e\n"],
] as const)("prints %s as printable text", (_, print, stream, expected) => {
  const write = vi.spyOn(process[stream], "write").mockReturnValue(true);
  print();
  expect(write).toHaveBeenCalledExactlyOnceWith(expected);
});

/** Goal: nobody's words add a line to a table. Method: a cell with a line break, beside cells of other widths. */
it("keeps each row of a table one line", () => {
  expect(
    columns([
      ["a", "pass\nfail"],
      ["bcd", "x"],
    ]),
  ).toBe("a    pass\\u000afail\nbcd  x");
});
