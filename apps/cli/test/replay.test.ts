import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { darkbloom, Running, temporaryFolder } from "./binary.ts";

const SLOW_MS = 120_000;

interface Told {
  readonly good: boolean;
  readonly checks: readonly { readonly id: string; readonly status: string; readonly seen: string }[];
}

/**
 * Goal: whoever has the weights can see that they gave this answer. Method: answers of the real model, plain and streamed, warm
 * and with two choices; run again offline, after the network has ended; then with another request, and with another answer.
 */
it("runs a receipt's request again", { timeout: SLOW_MS }, async () => {
  using folder = temporaryFolder();
  const file = (name: string): string => join(folder.path, name);
  const requests: Readonly<Record<string, object>> = {
    plain: { temperature: 1, max_tokens: 40 },
    stream: { temperature: 0.8, max_tokens: 40, stream: true, seed: 5 },
    choices: { temperature: 1, max_tokens: 12, n: 2 },
  };
  let key = "";
  {
    await using network = new Running(["up", "--json", "--port", "0", "--data", file("data")]);
    const ready = await network.ready;
    const known = (await (await fetch(`${ready.base_url}/.well-known/darkbloom`)).json()) as {
      coordinator_keys: { public_key: string }[];
    };
    key = known.coordinator_keys[0]?.public_key ?? "";
    for (const [name, more] of Object.entries(requests)) {
      const body = JSON.stringify({
        model: ready.model,
        messages: [{ role: "user", content: "Tell me a story." }],
        ...more,
      });
      // An editor ends the file with a line, which `curl -d @FILE` does not send.
      writeFileSync(file(`${name}.json`), name === "plain" ? `${body}\r\n` : body);
      const response = await fetch(`${ready.base_url}/v1/chat/completions`, {
        method: "POST",
        headers: { authorization: `Bearer ${ready.api_key}`, "content-type": "application/json" },
        body,
      });
      const head = [...response.headers].map(([header, value]) => `${header}: ${value}\r\n`).join("");
      writeFileSync(file(`${name}.txt`), `HTTP/1.1 ${response.status} OK\r\n${head}\r\n${await response.text()}`);
    }
  }
  const replay = async (answer: string, request: string) => {
    const args = ["verify", "response", file(answer), "--replay", file(request), "--coordinator-key", key, "--json"];
    const { stdout, stderr, code } = await darkbloom(args);
    if (stdout === "") throw new Error(stderr);
    const told = JSON.parse(stdout) as Told;
    return { ...told, code, seen: Object.fromEntries(told.checks.map(({ id, status }) => [id, status])) };
  };

  for (const name of Object.keys(requests)) {
    const { good, code, checks, seen } = await replay(`${name}.txt`, `${name}.json`);
    expect([name, good, code, checks.at(-1)]).toEqual([
      name,
      true,
      0,
      expect.objectContaining({ id: "replay.answer", status: "pass", seen: expect.stringContaining("byte for byte") }),
    ]);
    expect(seen).toMatchObject({ "replay.request": "pass", "replay.weights": "pass", "replay.engine": "pass" });
  }
  const other = await replay("plain.txt", "stream.json");
  expect([other.code, other.seen["replay.request"], other.seen["replay.answer"]]).toEqual([1, "fail", undefined]);
});
