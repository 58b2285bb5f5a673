/** How long and how often everything is measured. Medians need an odd number of rounds. */
export interface Plan {
  readonly rounds: number;
  /** One workload on one contender; answers under way at its end are still waited for and counted. */
  readonly roundMs: number;
  /** Per workload and contender, before anything is counted: for so long, and until so much was said, as far as that is soon. */
  readonly warmUpMs: number;
  readonly warmUpPieces: number;
  /** How long callers read nothing. */
  readonly silentMs: number;
  /** After a garbage collection, before memory is read. */
  readonly quietMs: number;
  /** Streams at a model's pace that are tried, and for how long each number is watched. */
  readonly pacedStreams: readonly number[];
  readonly pacedMs: number;
  /** One micro-benchmark, all its rounds. */
  readonly microMs: number;
}

export const fullPlan: Plan = {
  rounds: 5,
  roundMs: 700,
  // The compiler needs about so much, however busy the machine is.
  warmUpMs: 3_000,
  warmUpPieces: 24_000,
  silentMs: 5_000,
  quietMs: 1_000,
  pacedStreams: [64, 128, 256, 512, 1_024],
  pacedMs: 2_500,
  microMs: 400,
};
export const quickPlan: Plan = {
  rounds: 3,
  roundMs: 150,
  warmUpMs: 100,
  warmUpPieces: 0,
  silentMs: 5_000,
  quietMs: 300,
  pacedStreams: [64],
  pacedMs: 300,
  microMs: 50,
};
/** For the test: everything runs once. */
export const tinyPlan: Plan = {
  rounds: 1,
  roundMs: 1,
  warmUpMs: 1,
  warmUpPieces: 0,
  silentMs: 300,
  quietMs: 10,
  pacedStreams: [2],
  pacedMs: 1,
  microMs: 2,
};

export interface Workload {
  readonly name: keyof typeof workloads;
  readonly stream: boolean;
  readonly connections: number;
  /** Of each answer: what the model says, one piece a token. */
  readonly pieces: number;
}

const small = 8;
const long = 2_000;

/** What each contender is asked, again and again. */
export const workloads = {
  plain1: { name: "plain1", stream: false, connections: 1, pieces: small },
  plain64: { name: "plain64", stream: false, connections: 64, pieces: small },
  stream1: { name: "stream1", stream: true, connections: 1, pieces: small },
  stream64: { name: "stream64", stream: true, connections: 64, pieces: small },
  long1: { name: "long1", stream: true, connections: 1, pieces: long },
  long8: { name: "long8", stream: true, connections: 8, pieces: long },
} as const satisfies Record<string, Omit<Workload, "name"> & { name: string }>;

/** Callers who read nothing at once, and what each asked for: some 40 MB of events, far above every buffer on the way. */
export const SILENT_CALLERS = 32;
export const SILENT_PIECES = 200_000;
/** What such a caller may cost a process: the window that a provider may send ahead, a few times over. */
export const SILENT_CALLER_MB_MAX = 1;
