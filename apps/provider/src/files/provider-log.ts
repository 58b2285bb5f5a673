import { LogLines } from "@darkbloom/protocol/node";
import { pino, type DestinationStream, type Level } from "pino";
import type { ProviderEvents } from "../events/events.ts";

export type LogLevel = Level | "silent";

/** Events as JSON lines on standard error; standard output belongs to the ready line. */
export function createProviderLog(level: LogLevel, destination: DestinationStream = new LogLines()): ProviderEvents {
  const log = pino({ level, base: null, serializers: {} }, destination);
  return {
    joined: (facts) => log.info({ event: "joined", ...facts }),
    lost: (facts) => log.warn({ event: "lost", ...facts }),
    trust: ({ trustLevel, eligible, checks }) =>
      log.info({
        event: "trust",
        trustLevel,
        eligible,
        failedChecks: checks.filter(({ status }) => status === "fail").map(({ id }) => id),
      }),
    answered: (facts) => log.info({ event: "answered", ...facts, durationMs: Math.round(facts.durationMs) }),
    chipFailed: (facts) => log.warn({ event: "chip_failed", ...facts }),
    engine: (state) => log[state.state === "ready" ? "info" : "error"]({ event: "engine", ...state }),
    // An error's message may quote what it failed on; its class and the places in our code cannot.
    bug: (facts, error) =>
      log.error({
        event: "bug",
        ...facts,
        error: error instanceof Error ? error.name : typeof error,
        at: error instanceof Error ? placesIn(error.stack) : [],
      }),
  };
}

const PLACES_MAX = 8;
const placesIn = (stack = ""): string[] =>
  stack
    .split("\n")
    .filter((line) => /^\s+at /.test(line))
    .slice(0, PLACES_MAX)
    .map((line) => line.trim().replace(/\(?file:\/\/\S*\/(?=apps|packages|node_modules)/, "("));
