import { AnswerOpener, AnswerSealer, StopWatcher, ThinkSplitter, toHex, utf8 } from "@darkbloom/protocol";
import { nodeCrypto, nodeHpke, systemRandom } from "@darkbloom/protocol/node";
import { generateKeyPairSync, sign } from "node:crypto";
import { askOf, dialect, jobIn } from "./answers.ts";
import { spreadOf, type Spread } from "./figures.ts";

const BATCH = 2_000;
const ROUNDS = 7;
const piece = "word ";

/** Microseconds of one call, over several rounds. */
function microsOf(act: () => unknown, budgetMs: number): Spread {
  const perRoundMs = budgetMs / ROUNDS;
  const rounds = Array.from({ length: ROUNDS }, () => {
    const startedMs = performance.now();
    let calls = 0;
    do {
      for (let n = 0; n < BATCH / 10; n++) act();
      calls += BATCH / 10;
    } while (performance.now() - startedMs < perRoundMs);
    return ((performance.now() - startedMs) * 1000) / calls;
  });
  return spreadOf(rounds);
}

/** What one token or one answer costs in our own steps, beside a bare string append; µs. */
export function microBenchmarks(budgetMs: number): Record<string, Spread> {
  const job = jobIn(askOf({ pieces: 8, stream: true }));
  const renderer = dialect.render(job, { jobId: "job_0", createdSec: 0, model: job.model });
  const splitter = new ThinkSplitter();
  const watcher = new StopWatcher(["never said"]);
  const secret = { secret: systemRandom.bytes(32), enc: systemRandom.bytes(32) };
  const sealer = new AnswerSealer(nodeHpke, secret, systemRandom.bytes(32));
  const chunk = utf8(renderer.delta({ kind: "said", text: piece }));
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const point = new Uint8Array(publicKey.export({ type: "spki", format: "der" }).subarray(-65));
  const message = utf8(toHex(nodeCrypto.sha256(chunk)));
  const signature = sign("sha256", message, privateKey);
  let appended = "";
  return {
    "append a string (the floor)": microsOf(() => (appended = appended.length > 1e6 ? "" : appended + piece), budgetMs),
    "render one piece": microsOf(() => renderer.delta({ kind: "said", text: piece }), budgetMs),
    "split thoughts, watch stops, render": microsOf(() => {
      for (const { text } of splitter.push(piece)) renderer.delta({ kind: "said", text: watcher.push(text).text });
    }, budgetMs),
    "seal one chunk": microsOf(() => sealer.frame(chunk, 1, false), budgetMs),
    "seal and open one chunk": microsOf(() => {
      const one = new AnswerSealer(nodeHpke, secret, new Uint8Array(32));
      new AnswerOpener(nodeHpke, secret).push(one.frame(chunk, 1, true));
    }, budgetMs),
    "sign (P-256)": microsOf(() => sign("sha256", message, privateKey), budgetMs),
    "verify (P-256)": microsOf(() => nodeCrypto.verifyP256(point, message, signature), budgetMs),
  };
}
