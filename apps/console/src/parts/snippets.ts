/** A request for an answer, to be asked by a program. */
export interface Request {
  /** The coordinator's address, without `/v1`. */
  readonly base: string;
  /** Of its programs: `proxy` is an address on the reader's machine that seals, the coordinator's own takes what it can read. */
  readonly mode: "sealed" | "transparent";
  readonly body: { readonly model: string; readonly provider_serial?: string } & Readonly<Record<string, unknown>>;
}

export const languages = ["curl", "Python", "TypeScript"] as const;
export type Language = (typeof languages)[number];

/** Where `darkbloom proxy` listens unless it is told otherwise. */
const PROXY = "http://127.0.0.1:8181";

/** The same request in a language. A secret is never in it: the names of the variables that hold one are. */
export function snippetOf(language: Language, { base, mode, body }: Request): string {
  const isSealed = mode === "sealed";
  const [address, key] = isSealed ? [PROXY, "OPENAI_API_KEY"] : [base, "DARKBLOOM_API_KEY"];
  // Of our own: SDKs have no name for it.
  const { provider_serial: machine, ...plain } = body;
  switch (language) {
    case "curl":
      return `${isSealed ? proxyFirst(base, "#") : ""}curl ${shellQuoted(`${address}/v1/chat/completions`)} \\
  -H "authorization: Bearer $${key}" \\
  -H 'content-type: application/json' \\
  -d ${shellQuoted(JSON.stringify(body, undefined, 2))}`;
    case "Python":
      return `${isSealed ? proxyFirst(base, "#") : ""}import os
from openai import OpenAI

client = OpenAI(base_url=${JSON.stringify(`${address}/v1`)}, api_key=os.environ["${key}"])
answer = client.chat.completions.create(
${Object.entries({ ...plain, ...(machine !== undefined && { extra_body: { provider_serial: machine } }) })
  .map(([name, value]) => `    ${name}=${pythonOf(value)},\n`)
  .join("")})
${body["stream"] === true ? 'for chunk in answer:\n    if chunk.choices:\n        print(chunk.choices[0].delta.content or "", end="", flush=True)' : "print(answer.choices[0].message.content)"}`;
    case "TypeScript":
      return `import OpenAI from "openai";
import { createDarkbloom } from "@darkbloom/client";

const darkbloom = createDarkbloom({
  baseURL: ${JSON.stringify(base)},
  apiKey: process.env.DARKBLOOM_API_KEY,
  policy: { mode: ${JSON.stringify(mode)}, minTrust: "self_signed"${machine === undefined ? "" : `, pins: [${JSON.stringify(machine)}]`} },
});
const client = new OpenAI(darkbloom.openai);
const answer = await client.chat.completions.create(${JSON.stringify(plain, undefined, 2)});
${body["stream"] === true ? 'for await (const chunk of answer) process.stdout.write(chunk.choices[0]?.delta.content ?? "");' : "console.log(answer.choices[0]?.message.content);"}`;
  }
}

const proxyFirst = (base: string, comment: string): string =>
  `${comment} The proxy on your machine seals and checks; it prints the key of its own:
${comment}   darkbloom proxy --coordinator ${base} --api-key "$DARKBLOOM_API_KEY" --min-trust self_signed
`;

const shellQuoted = (text: string): string => `'${text.replaceAll("'", String.raw`'\''`)}'`;

/** What JSON writes Python reads, but for three words. */
function pythonOf(value: unknown): string {
  if (value === true) return "True";
  if (value === false) return "False";
  if (value === null || value === undefined) return "None";
  if (Array.isArray(value)) return `[${value.map(pythonOf).join(", ")}]`;
  if (typeof value === "object")
    return `{${Object.entries(value)
      .map(([name, one]) => `${JSON.stringify(name)}: ${pythonOf(one)}`)
      .join(", ")}}`;
  return JSON.stringify(value);
}
