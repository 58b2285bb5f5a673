import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { utf8 } from "@darkbloom/protocol/bytes";
import { verifierKey, type NoteKey, signatureTypes } from "@darkbloom/protocol/log";
import { nodeCrypto } from "@darkbloom/protocol/node";
import { describe, expect, it, vi } from "vitest";
import { readWitness, WITNESS_MS_MAX } from "./http-witness.ts";

const key: NoteKey = { name: "witness.example/1", type: signatureTypes.cosignature, publicKey: new Uint8Array(32) };
const named = verifierKey(nodeCrypto, key);

/** Answers that begin and do not end. */
const HUNG = "— ";
const LONG_AND_HUNG = "x".repeat(70_000);
type Answer = readonly [status: number, text: string];

/** A witness that gives these answers in turn, and keeps what it was sent. */
async function witnessOf(...answers: Answer[]) {
  const sent: string[] = [];
  const server = createServer((request, response) => {
    void (async () => {
      let body = "";
      for await (const chunk of request) body += String(chunk);
      sent.push(`${request.method} ${request.url} ${body}`);
      const [status, text] = answers[sent.length - 1] ?? [500, ""];
      response.writeHead(status).write(text);
      if (![HUNG, LONG_AND_HUNG].includes(text)) response.end();
    })();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const witness = readWitness(`${named} http://127.0.0.1:${port}/w/`);
  if (!witness) throw new Error("the witness was not read");
  return {
    sent,
    cosign: (size: number, over?: AbortSignal) =>
      witness.cosign("NOTE\n", size, async (earlier) => [utf8(`from ${earlier}`)], over),
    [Symbol.dispose]: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

const proofFrom = (size: number): string => Buffer.from(`from ${size}`).toString("base64");

describe("a witness over HTTP", () => {
  it("is sent a proof from what it saw last", async () => {
    using witness = await witnessOf([200, "a\n"], [200, "b\n"]);
    expect(await witness.cosign(5)).toBe("a\n");
    expect(await witness.cosign(9)).toBe("b\n");
    expect(witness.sent).toEqual([
      "POST /w/add-checkpoint old 0\n\nNOTE\n",
      `POST /w/add-checkpoint old 5\n${proofFrom(5)}\n\nNOTE\n`,
    ]);
  });

  it("is shown again what it has seen already", async () => {
    using witness = await witnessOf([409, "5\n"], [200, "a\n"]);
    expect(await witness.cosign(5)).toBe("a\n");
  });

  it("is read no further than a note may be long", async () => {
    using witness = await witnessOf([200, LONG_AND_HUNG]);
    expect(await witness.cosign(5)).toBeUndefined();
  });

  it("is asked again from where it says that it stands", async () => {
    using witness = await witnessOf([409, "3\n"], [200, "a\n"]);
    expect(await witness.cosign(5)).toBe("a\n");
    expect(witness.sent[1]).toBe(`POST /w/add-checkpoint old 3\n${proofFrom(3)}\n\nNOTE\n`);
  });

  it.each<readonly [string, Answer[], number]>([
    ["an error", [[500, "x"]], 1],
    ["a refusal", [[403, ""]], 1],
    ["a refusal that is a number", [[403, "3\n"]], 1],
    ["a place beyond the log", [[409, "6\n"]], 1],
    ["a place that is none", [[409, "three"]], 1],
    [
      "one place after the other",
      [
        [409, "3\n"],
        [409, "4\n"],
        [200, "a\n"],
      ],
      2,
    ],
    ["an answer without end", [[200, "x".repeat(100_000)]], 1],
  ])("that answers with %s gives nothing", async (_what, answers, times) => {
    using witness = await witnessOf(...answers);
    expect(await witness.cosign(5)).toBeUndefined();
    expect(witness.sent).toHaveLength(times);
  });

  /** Goal: nobody waits for one that hangs, nor at all where the coordinator ends. Method: an answer that begins, with the bound told and cut short; then an end. */
  it("is waited for no longer than its bound, in all that it is asked, nor once all is over", async () => {
    using witness = await witnessOf([409, "3\n"], [200, HUNG], [200, HUNG]);
    const timeout = AbortSignal.timeout.bind(AbortSignal);
    const waits: number[] = [];
    const bound = vi.spyOn(AbortSignal, "timeout").mockImplementation((ms) => {
      waits.push(ms);
      return timeout(300);
    });
    await expect(witness.cosign(5)).rejects.toThrow("timeout");
    expect([waits, witness.sent.length]).toEqual([[WITNESS_MS_MAX], 2]);
    bound.mockRestore();
    const over = new AbortController();
    const asked = witness.cosign(5, over.signal);
    await expect.poll(() => witness.sent.length).toBe(3);
    over.abort(new Error("it ends"));
    await expect(asked).rejects.toThrow("it ends");
  });

  it.each([
    named,
    `${named} `,
    `${named} ftp://127.0.0.1/`,
    `${named} not a url`,
    `${named} nonsense`,
    `${named} https://witness.example/ more`,
    `${verifierKey(nodeCrypto, { ...key, type: signatureTypes.ed25519 })} https://witness.example/`,
    "https://witness.example/",
  ])("is not named by %j", (text) => {
    expect(readWitness(text)).toBeUndefined();
  });
});
