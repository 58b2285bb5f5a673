import { execFileSync } from "node:child_process";
import { expect, it } from "vitest";
import { languages, snippetOf, type Request } from "../src/parts/snippets.ts";

const nasty = `It's "quoted" $HOME \`id\` \\ \n </script> ü \u{1F600}`;
const body = { model: "m", messages: [{ role: "user", content: nasty }], stream: false, temperature: 0.5 };
const request = { base: "https://c.example", mode: "transparent", body } satisfies Request;

/** Goal: what is pasted is the same request, whatever somebody wrote. Method: a shell and Python read it back. */
it("quotes for the shell", () => {
  const script = snippetOf("curl", request).replace(/^curl /, "printf '%s\\n' ");
  const printed = execFileSync("/bin/sh", ["-c", script], { encoding: "utf8" });
  expect(JSON.parse(printed.slice(printed.indexOf("\n-d\n") + 4))).toEqual(body);
});

it("quotes for Python", () => {
  const call = /create\(\n([\s\S]*?)\n\)\n/.exec(snippetOf("Python", request))?.[1] ?? "";
  const python = `import json, sys; sys.stdout.buffer.write(json.dumps(dict(\n${call}\n)).encode())`;
  expect(JSON.parse(execFileSync("python3", ["-c", python], { encoding: "utf8" }))).toEqual(body);
});

it.each(languages)("has this network's address in %s, and no secret", (language) => {
  for (const mode of ["sealed", "transparent"] as const) {
    const text = snippetOf(language, { ...request, mode });
    expect(text).toContain("https://c.example");
    expect(text).not.toMatch(/eigeninference-|dbproxy-/);
  }
});
