import { toHex, utf8 } from "@darkbloom/protocol/bytes";
import { dialects, type Endpoint } from "@darkbloom/protocol/dialects";
import { AnswerOpener, AnswerSealer } from "@darkbloom/protocol/sealing";
import { StopWatcher, ThinkSplitter } from "@darkbloom/protocol/text";
import { nodeCrypto, nodeHpke, promptCrypto, systemRandom } from "@darkbloom/protocol/node";
import { generateKeyPairSync, sign } from "node:crypto";
import { askOf, decodedIn } from "./answers.ts";
import { spreadOf, type Spread } from "./figures.ts";
import { routingSteps } from "./routing.ts";

const BATCH = 2_000;
const ROUNDS = 7;
const piece = "word ";

/** Microseconds of this thread that one call takes, over several rounds: what else the machine does does not count. */
function microsOf(act: () => unknown, budgetMs: number): Spread {
  const perRoundMs = budgetMs / ROUNDS;
  const rounds = Array.from({ length: ROUNDS }, () => {
    const startedMs = performance.now();
    const started = process.threadCpuUsage();
    let calls = 0;
    do {
      for (let n = 0; n < BATCH / 10; n++) act();
      calls += BATCH / 10;
    } while (performance.now() - startedMs < perRoundMs);
    const { user, system } = process.threadCpuUsage(started);
    return (user + system) / calls;
  });
  return spreadOf(rounds);
}

const otherBodies: Partial<Record<Endpoint, object>> = {
  "/v1/responses": { model: "m", input: "hi", stream: true },
  "/v1/completions": { model: "m", prompt: "hi", stream: true },
  "/v1/messages": { model: "m", messages: [{ role: "user", content: "hi" }], max_tokens: 8, stream: true },
};

/** What one token or one answer costs in our own steps, beside a bare string append; µs. */
export function microBenchmarks(budgetMs: number): Record<string, Spread> {
  const facts = { jobId: "job_0", createdSec: 0, nowSec: () => 0 };
  const renderer = decodedIn(askOf({ pieces: 8, stream: true })).renderer(facts);
  const others = Object.entries(otherBodies).map(([name, body]) => {
    const other = dialects[name as Endpoint].decode(body).renderer(facts);
    other.begin({ promptTokens: 1, cachedTokens: 0 });
    return [`render one piece, ${name}`, () => other.delta({ kind: "said", text: piece }, 0)] as const;
  });
  const splitter = new ThinkSplitter({ open: "<think>", close: "</think>", startsThinking: false, asTokens: false });
  const watcher = new StopWatcher(["never said"]);
  const secret = { secret: systemRandom.bytes(32), enc: systemRandom.bytes(32) };
  const sealer = new AnswerSealer(nodeHpke, secret, systemRandom.bytes(32));
  const chunk = utf8(renderer.delta({ kind: "said", text: piece }, 0));
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const point = new Uint8Array(publicKey.export({ type: "spki", format: "der" }).subarray(-65));
  const message = utf8(toHex(nodeCrypto.sha256(chunk)));
  const signature = sign("sha256", message, privateKey);
  let appended = "";
  return {
    "append a string (the floor)": microsOf(() => (appended = appended.length > 1e6 ? "" : appended + piece), budgetMs),
    "render one piece": microsOf(() => renderer.delta({ kind: "said", text: piece }, 0), budgetMs),
    ...Object.fromEntries(others.map(([name, act]) => [name, microsOf(act, budgetMs)])),
    "split thoughts, watch stops, render": microsOf(() => {
      for (const { text } of splitter.push(piece)) renderer.delta({ kind: "said", text: watcher.push(text).text }, 0);
    }, budgetMs),
    "seal one chunk": microsOf(() => sealer.frame(chunk, 1, false), budgetMs),
    "seal and open one chunk": microsOf(() => {
      const one = new AnswerSealer(nodeHpke, secret, new Uint8Array(32));
      new AnswerOpener(nodeHpke, secret).push(one.frame(chunk, 1, true));
    }, budgetMs),
    "sign (P-256)": microsOf(() => sign("sha256", message, privateKey), budgetMs),
    "verify (P-256)": microsOf(() => promptCrypto.verifyP256(point, message, signature), budgetMs),
    ...Object.fromEntries(Object.entries(routingSteps()).map(([name, act]) => [name, microsOf(act, budgetMs)])),
  };
}
