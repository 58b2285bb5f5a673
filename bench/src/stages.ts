import type { CpuProfile } from "./channel.ts";

/** CPU microseconds of one main thread for one answer or chunk, by what it was at; the largest first. */
export type Stages = Readonly<Record<string, number>>;

/** By function and file of the sample's own frame, of what is native by the file that called it; the first that fits. */
const stages: readonly (readonly [stage: string, frame: RegExp])[] = [
  ["waiting", /^\(idle\)|node:inspector/],
  ["collecting garbage", /^\(garbage collector\)/],
  ["native code that V8 does not tell apart", /^\((?:program|root)\)/],
  ["compiling and loading", /compile|internal\/modules|esm\/|cjs\/|internalModuleStat|realpath/i],
  ["the client library, bundled", /\/client\/(?:node\/)?(?:index|shared|unsafe)\.js/],
  ["signatures: handing over, and Ed25519", /crypto\/(?:sig|keys)/],
  ["sealing and opening", /crypto\/(?:cipher|hkdf|kem|keygen|diffiehellman)|src\/sealing\/|node\/hpke/],
  ["hashes", /crypto\/hash/],
  ["random bytes", /crypto\/random|node\/clock/],
  [
    "ledger and database",
    /sqlite|group-commit|database-mark|receipt-(?:pack|fields)|open-holds|src\/ledger\/|kysely|^fsync|zlib/,
  ],
  ["system calls of sockets", /^(?:writev|writeBuffer|writeUtf8String|writeLatin1String|readStart|readStop|shutdown) /],
  ["HTTP", /_http_|node:http|fastify|find-my-way|src\/http\/|llhttp/],
  ["WebSocket", /ws\/lib|lib\/(?:sender|receiver|buffer-util|websocket)|src\/ws\//],
  ["streams and sockets", /internal\/streams|streams\/|stream_base|node:net|node:events|^onStreamRead/],
  ["dialects, JSON and schemas", /src\/dialects\/|zod|schemas\.js|^parse |stringify|canonical|RegExp|language\//],
  ["bytes and text", /src\/bytes|buffer|encod/i],
  ["signals, timers and ticks", /abort_controller|event_target|timers|task_queues|runMicrotasks|src\/time\.ts/],
  ["log and metrics", /pino|sonic-boom|prom-client|observe|log-lines|src\/events/],
  ["the story", /src\/(?:inference|machines|session|limits|accounts|catalog|core)/],
];

/** @param micros of the whole thread's CPU time for one answer or chunk, which the samples say how to part */
export function stagesOf({ nodes, samples }: CpuProfile, micros: number): Stages {
  const urlOfCaller = new Map(
    nodes.flatMap(({ children = [], callFrame: { url } }) => children.map((child) => [child, url] as const)),
  );
  const stageOfNode = new Map(
    nodes.map(({ id, callFrame: { functionName, url } }) => {
      const frame = `${functionName} ${url === "" ? (urlOfCaller.get(id) ?? "") : url}`;
      return [id, stages.find(([, fits]) => fits.test(frame))?.[0] ?? "everything else"];
    }),
  );
  const counts = new Map<string, number>();
  for (const id of samples) {
    const stage = stageOfNode.get(id) ?? "everything else";
    if (stage !== "waiting") counts.set(stage, (counts.get(stage) ?? 0) + 1);
  }
  const total = counts.values().reduce((sum, count) => sum + count, 0);
  const shares = [...counts].toSorted(([, a], [, b]) => b - a);
  return Object.fromEntries(shares.map(([stage, count]) => [stage, (count / total) * micros]));
}
