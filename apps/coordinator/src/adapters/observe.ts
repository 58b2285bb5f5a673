import { atLeast, trustLevels } from "@darkbloom/protocol/evidence";
import { LogLines } from "@darkbloom/protocol/node";
import { pino, type DestinationStream, type Level } from "pino";
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from "prom-client";
import type { Events } from "../events/events.ts";
import type { MachineView, FleetView } from "../machines/ports.ts";

/** pino's, and silence. */
export type LogLevel = Level | "silent";

export interface Observer {
  readonly events: Events;
  readonly metrics: { readonly contentType: string; text(): Promise<string> };
  /** From now on the gauges of the fleet are read from there, whenever they are asked for. */
  watch(fleet: WatchedFleet): void;
  /** The same of the other coordinators; without them there are no such gauges. */
  watchCluster(cluster: WatchedCluster): void;
}

/** What the gauges are read from. */
export interface WatchedFleet extends Pick<FleetView, "machines"> {
  /** Whether requests may reach this machine now. */
  mayServe(machine: MachineView): boolean;
}

export interface WatchedCluster {
  readonly isUp: boolean;
  /** Coordinators beside this one. */
  readonly peers: number;
}

export interface ObserverOptions {
  readonly level: LogLevel;
  /** Where log lines go; standard error by default, since standard output belongs to the ready line. */
  readonly destination?: DestinationStream;
}

const LATENCY_BUCKETS_SEC = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300];

/**
 * Events become log lines (JSON, by pino) and counters (Prometheus), together. Labels are closed words
 * and models of the catalog; no account, request or provider is a label. Nothing of a request or an
 * answer can arrive here, and of an error only its class and the places in our code are written.
 */
export function createObserver({ level, destination = new LogLines() }: ObserverOptions): Observer {
  const log = pino({ level, base: null, serializers: {} }, destination);
  ofProcess();
  const registry = new Registry();
  const count = countersIn(registry);
  let fleet: WatchedFleet = { machines: () => [], mayServe: () => false };
  gaugesOf(registry, () => fleet);

  const events: Events = {
    started: (facts) => log.info({ event: "started", ...facts }),
    stopping: (facts) => log.info({ event: "stopping", ...facts }),
    requestSettled: (facts) => {
      log.info(plain({ event: "request_settled", ...facts }));
      const { model, outcome } = facts;
      count.requests.inc({ model, outcome });
      count.attempts.inc({ model }, facts.attempts);
      count.tokens.inc({ model, kind: "prompt" }, facts.promptTokens);
      count.tokens.inc({ model, kind: "completion" }, facts.completionTokens);
      count.charged.inc({ model }, Number(facts.chargedMicroUsd));
      count.queueSec.observe({ model }, facts.queueMs / 1000);
      if (facts.firstContentMs !== undefined) count.firstContentSec.observe({ model }, facts.firstContentMs / 1000);
      count.totalSec.observe({ model, outcome }, facts.totalMs / 1000);
    },
    requestFailed: (facts) => {
      const line = plain({ event: "request_failed", ...facts, failure: plain(facts.failure) });
      if (facts.status >= 500) log.warn(line);
      else log.info(line);
      count.failures.inc({ code: facts.failure.code });
    },
    attemptFailed: (facts) => {
      log.warn({ event: "attempt_failed", ...facts });
      count.attemptFailures.inc({ code: facts.code });
      if (facts.mismatch !== undefined)
        count.mismatches.inc({ mismatch: facts.mismatch, field: facts.field ?? "none" });
    },
    providerJoined: (facts) => {
      log.info({ event: "provider_joined", ...facts });
      count.joined.inc({ trust_level: facts.trustLevel });
    },
    joinRefused: (facts) => {
      log.info({ event: "join_refused", ...facts });
      count.joinsRefused.inc({ reason: facts.reason });
    },
    adminActed: (facts) => {
      log.info(plain({ event: "admin_acted", ...facts }));
      count.adminActions.inc({ action: facts.action, outcome: facts.outcome });
    },
    providerLeft: (facts) => {
      log.info({ event: "provider_left", ...facts });
      count.left.inc({ reason: facts.reason });
    },
    verdictChanged: (facts) => {
      log[atLeast(facts.to, facts.from) ? "info" : "warn"]({ event: "verdict_changed", ...facts });
      count.verdicts.inc({ from: facts.from, to: facts.to });
    },
    clockOff: (facts) => {
      log.warn({ event: "clock_off", ...facts });
      count.clocksOff.inc();
    },
    frameSkipped: (facts) => {
      log.debug({ event: "frame_skipped", ...facts });
      count.framesSkipped.inc();
    },
    databaseChanged: (facts) => {
      log[facts.state === "back" ? "info" : "error"]({ event: "database_changed", ...facts });
      count.databaseChanges.inc(facts);
    },
    busChanged: (facts) => {
      log[facts.state === "away" ? "error" : "info"]({ event: "bus_changed", ...facts });
      count.busChanges.inc(facts);
    },
    busFailed: (error) => {
      log.warn({ event: "bus_failed", ...placeOf(error) });
      count.busFailures.inc();
    },
    busSkipped: (facts) => {
      log.debug({ event: "bus_skipped", ...facts });
      count.busSkipped.inc(facts);
    },
    peerChanged: (facts) => {
      const isLost = facts.state === "silent" || facts.state === "unreachable";
      log[isLost ? "warn" : "info"]({ event: "peer_changed", ...facts });
      count.peerChanges.inc({ state: facts.state });
    },
    logFactsDropped: (facts) => {
      log.warn({ event: "log_facts_dropped", ...facts });
      count.logFactsDropped.inc(facts.facts);
    },
    mailFailed: (facts) => {
      log.warn({ event: "mail_failed", ...facts });
      count.mailFailures.inc(facts);
    },
    openIdFailed: (facts) => {
      log.warn({ event: "openid_failed", ...facts });
      count.openIdFailures.inc(facts);
    },
    bug: (facts, error) => {
      log.error({ event: "bug", ...facts, ...placeOf(error) });
      count.bugs.inc({ where: facts.where });
    },
  };

  return {
    events,
    metrics: { contentType: registry.contentType, text: () => Registry.merge([ofProcess(), registry]).metrics() },
    watch: (watched) => {
      fleet = watched;
    },
    watchCluster: (cluster) => clusterGauges(registry, cluster),
  };
}

let processRegistry: Registry | undefined;

/** Memory, event loop, collections. What watches them never ends, so a process has it once, apart from any one coordinator. */
function ofProcess(): Registry {
  if (!processRegistry) {
    processRegistry = new Registry();
    collectDefaultMetrics({ register: processRegistry });
  }
  return processRegistry;
}

/** JSON has no integers of unbounded size; money here stays far below 2⁵³ micro-USD. */
const plain = (facts: object): object =>
  Object.fromEntries(
    Object.entries(facts).map(([name, value]) => [name, typeof value === "bigint" ? Number(value) : value]),
  );

/** One line of V8's stack trace: a function of ours and where it stands. */
const FRAME = /^ {4}at (?:[\w$.<># [\]]{1,200} \()?(?:(?:file:\/\/)?\/|node:)[\w/.:@+%-]{1,400}\)?$/;
const STACK_FRAMES_MAX = 20;

/**
 * What may be written of an error: its class, Node's code and the places in the code. The message may
 * quote a body, and the stack begins with the message: only what follows it and is shaped like a place is kept.
 */
export function placeOf(error: unknown): { error: string; code?: string; at?: string[] } {
  if (!(error instanceof Error)) return { error: typeof error };
  const name = error.constructor.name;
  const code = "code" in error && typeof error.code === "string" ? error.code : "";
  const stack = error.stack ?? "";
  const messageAt = stack.indexOf(error.message);
  const places = messageAt < 0 ? [] : stack.slice(messageAt + error.message.length).split("\n");
  return {
    error: /^\w{1,64}$/.test(name) ? name : "Error",
    ...(/^[A-Z][A-Z0-9_]{0,63}$/.test(code) && { code }),
    at: places
      .filter((line) => FRAME.test(line))
      .slice(0, STACK_FRAMES_MAX)
      .map((line) => line.trim()),
  };
}

function countersIn(registry: Registry) {
  const registers = [registry];
  const counter = <Label extends string>(name: string, help: string, labelNames: Label[]) =>
    new Counter({ name: `darkbloom_${name}`, help, labelNames, registers });
  const seconds = <Label extends string>(name: string, help: string, labelNames: Label[]) =>
    new Histogram({ name: `darkbloom_${name}_seconds`, help, labelNames, buckets: LATENCY_BUCKETS_SEC, registers });
  return {
    requests: counter("requests_settled_total", "Requests whose hold was settled, by how they ended.", [
      "model",
      "outcome",
    ]),
    attempts: counter("attempts_total", "Attempts of settled requests.", ["model"]),
    failures: counter("request_failures_total", "Requests that were refused or failed, by code.", ["code"]),
    attemptFailures: counter("attempt_failures_total", "Attempts that failed, by code.", ["code"]),
    mismatches: counter(
      "receipt_mismatches_total",
      "Answers that are not what their machine signed, by what and field.",
      ["mismatch", "field"],
    ),
    tokens: counter("tokens_total", "Tokens of settled requests.", ["model", "kind"]),
    charged: counter("charged_micro_usd_total", "What callers were charged, in micro-USD.", ["model"]),
    queueSec: seconds("queue", "From the hold to the hand-over.", ["model"]),
    firstContentSec: seconds("first_content", "From the hand-over to the first token.", ["model"]),
    totalSec: seconds("request", "From the hold to the settlement.", ["model", "outcome"]),
    joined: counter("providers_joined_total", "Providers that connected.", ["trust_level"]),
    joinsRefused: counter("joins_refused_total", "Who was not let in as a provider, by why.", ["reason"]),
    adminActions: counter("admin_actions_total", "Keys made and revoked, credit given.", ["action", "outcome"]),
    left: counter("providers_left_total", "Providers whose connection ended, by why.", ["reason"]),
    verdicts: counter("verdict_changes_total", "Changes of a provider's trust level.", ["from", "to"]),
    clocksOff: counter("clocks_off_total", "Challenges that were answered by a clock too far from ours.", []),
    framesSkipped: counter("frames_skipped_total", "Frames of providers that could not be understood.", []),
    databaseChanges: counter(
      "database_changes_total",
      "Times that PostgreSQL was lost, and was back; and that another coordinator took this one's lease away.",
      ["state"],
    ),
    busChanges: counter("bus_changes_total", "Times that NATS was lost, and was back.", ["state"]),
    busFailures: counter("bus_failures_total", "Times that NATS could not be reached, by another cause each time.", []),
    busSkipped: counter("bus_skipped_total", "Of what came over the bus, what was not taken, by why.", ["why"]),
    peerChanges: counter("peer_changes_total", "Other coordinators that came and went, by how.", ["state"]),
    logFactsDropped: counter("log_facts_dropped_total", "Keys that machines showed and the log never held.", []),
    mailFailures: counter("mail_failures_total", "Mails that were not taken, by why.", ["fault"]),
    openIdFailures: counter("openid_failures_total", "Sign-ins by an OpenID provider that failed, by why.", ["fault"]),
    bugs: counter("bugs_total", "Assumptions of ours that broke.", ["where"]),
  };
}

function clusterGauges(registry: Registry, cluster: WatchedCluster): void {
  const registers = [registry];
  void new Gauge({
    name: "darkbloom_bus_up",
    help: "1 while NATS is there; 0 while this coordinator serves its own machines alone.",
    registers,
    collect() {
      this.set(cluster.isUp ? 1 : 0);
    },
  });
  void new Gauge({
    name: "darkbloom_peers",
    help: "Other coordinators of the network that are heard now.",
    registers,
    collect() {
      this.set(cluster.peers);
    },
  });
}

/** Read when they are asked for, so that they cannot drift from what is. */
function gaugesOf(registry: Registry, fleet: () => WatchedFleet): void {
  const registers = [registry];
  void new Gauge({
    name: "darkbloom_providers",
    help: "Providers connected now, by trust level.",
    labelNames: ["trust_level"],
    registers,
    collect() {
      for (const level of trustLevels)
        this.set(
          { trust_level: level },
          fleet()
            .machines()
            .filter(({ verdict }) => verdict.level === level).length,
        );
    },
  });
  void new Gauge({
    name: "darkbloom_slots",
    help: "Requests that providers which may serve can run at once.",
    registers,
    collect() {
      const machines = fleet()
        .machines()
        .filter((machine) => fleet().mayServe(machine));
      this.set(machines.reduce((sum, { slots }) => sum + slots, 0));
    },
  });
  void new Gauge({
    name: "darkbloom_requests_running",
    help: "Requests that providers run now.",
    registers,
    collect() {
      this.set(
        fleet()
          .machines()
          .reduce((sum, { running }) => sum + running, 0),
      );
    },
  });
}
