import { describe, expect, it } from "vitest";
import {
  blameless,
  Conduct,
  EJECTED_MS_MAX,
  EJECTED_MS_MIN,
  FAULT_LIFE_MS,
  PROBES_NEEDED,
  recentFaults,
} from "./conduct.ts";

const SPACE_MS = 5_000;

/** Plays answers (`g`) and faults (`f`), one every five seconds; gives the time after the last. */
function play(conduct: Conduct, script: string, fromMs = 0): number {
  let nowMs = fromMs;
  for (const step of script) {
    if (step === "f") conduct.faulted(nowMs);
    else conduct.answered(nowMs);
    nowMs += SPACE_MS;
  }
  return nowMs;
}
const isEjected = ({ figures }: Conduct) => figures.ejectedUntilMs > 0;

/** Goal: who fails too often is left out for a while, and has a way back. Method: scripts of good and bad answers. */
describe("a machine", () => {
  it("has done nothing at first", () => expect(new Conduct().figures).toBe(blameless));

  it.each([
    ["that breaks every third answer", "ggfggfggf", true],
    ["that always fails", "fff", true],
    ["with two faults", "ffgg", false],
    ["that fails one in five", "ggggfggggfggggf", true],
    ["that fails one in seven", "ggggggfggggggfggggggfggggggf", false],
  ])("%s: %s → left out %s", (_, script, expected) => {
    const conduct = new Conduct();
    play(conduct, script);
    expect(isEjected(conduct)).toBe(expected);
  });

  /** Each letter a caller whose request it would not take, `g` an answer. */
  it.each([
    ["that declines one caller alone, however often", "aaaaaaaaaaaaaaaaaaaa", false],
    ["that declines two", "abababab", false],
    ["that declines all", "abc", true],
    ["that declines half", "gagbgc", true],
    ["that declines fewer than half", "ggagbgc", false],
    ["that declines few of many", "ggggggggggabcggggggg", false],
  ])("%s: %s → left out %s", (_, script, expected) => {
    const conduct = new Conduct();
    for (const [at, step] of script.split("").entries())
      if (step === "g") conduct.answered(at);
      else conduct.declined(step, at);
    expect(isEjected(conduct)).toBe(expected);
    expect(conduct.figures.faultsAtMs).toHaveLength(expected ? 1 : 0);
  });

  it("is not left out for what it declined long ago, and after it was has to decline as much again", () => {
    const conduct = new Conduct();
    conduct.declined("a", 0);
    conduct.declined("b", 0);
    expect(conduct.declined("c", 3_600_000)).toBe(false);
    conduct.declined("a", 3_600_000);
    expect(conduct.declined("b", 3_600_000)).toBe(true);
    expect(conduct.declined("c", 3_600_001)).toBe(false);
  });

  it("is not left out for faults of one moment, or of long ago", () => {
    const conduct = new Conduct();
    for (const atMs of [0, 1, 999, 1_500]) conduct.faulted(atMs);
    expect(isEjected(conduct)).toBe(false);
    conduct.faulted(10_000_000);
    conduct.faulted(10_002_000);
    expect(isEjected(conduct)).toBe(false);
    expect(conduct.faulted(10_004_000)).toBe(true);
  });

  it.each([
    [999, false],
    [1_000, true],
  ])("with faults %d ms apart: each counts: %s", (apartMs, expected) => {
    const conduct = new Conduct();
    for (const n of [0, 1, 2]) conduct.faulted(n * apartMs);
    expect(isEjected(conduct)).toBe(expected);
  });

  it("is left out where its faults never pause, however close together they come", () => {
    const conduct = new Conduct();
    for (let atMs = 0; atMs < 2_100; atMs += 100) conduct.faulted(atMs);
    expect(isEjected(conduct)).toBe(true);
  });

  it.each([
    [3_599_999, true],
    [3_600_000, false],
  ])("with a third fault %d ms after the first: left out %s", (laterMs, expected) => {
    const conduct = new Conduct();
    for (const atMs of [0, 300_000, laterMs]) conduct.faulted(atMs);
    expect(isEjected(conduct)).toBe(expected);
  });

  it("is left out for twice as long each time, up to half an hour", () => {
    const conduct = new Conduct();
    let nowMs = play(conduct, "fff");
    expect(conduct.figures).toMatchObject({ ejectedUntilMs: 2 * SPACE_MS + EJECTED_MS_MIN, isProbed: true });
    for (let times = 1; times < 12; times++) {
      nowMs = conduct.figures.ejectedUntilMs;
      expect(conduct.faulted(nowMs)).toBe(true);
      expect(conduct.figures.ejectedUntilMs - nowMs).toBe(Math.min(EJECTED_MS_MAX, EJECTED_MS_MIN * 2 ** times));
    }
  });

  it("is one among others again after some good answers, and only then", () => {
    const conduct = new Conduct();
    let nowMs = play(conduct, "fff") + EJECTED_MS_MIN;
    nowMs = play(conduct, "g".repeat(PROBES_NEEDED - 1), nowMs);
    expect(conduct.figures.isProbed).toBe(true);
    nowMs = play(conduct, "g", nowMs);
    expect(conduct.figures.isProbed).toBe(false);
    expect(conduct.faulted(nowMs)).toBe(false);
  });

  it.each([
    [49, 2],
    [50, 1],
  ])("with %d good answers in a row is left out for %d times the least the next time", (good, times) => {
    const conduct = new Conduct();
    const nowMs = play(conduct, `${"g".repeat(good)}ffff`, play(conduct, "fff") + EJECTED_MS_MIN);
    expect(conduct.figures.ejectedUntilMs).toBe(nowMs - SPACE_MS + times * EJECTED_MS_MIN);
  });
});

describe("faults", () => {
  it("are held against it for a minute", () => {
    const conduct = new Conduct();
    conduct.faulted(0);
    conduct.faulted(FAULT_LIFE_MS - 1);
    expect([FAULT_LIFE_MS - 1, FAULT_LIFE_MS].map((nowMs) => recentFaults(conduct.figures, nowMs))).toEqual([2, 1]);
  });

  it("are remembered in bounded number", () => {
    const conduct = new Conduct();
    for (let n = 0; n < 100; n++) conduct.faulted(n);
    expect(conduct.figures.faultsAtMs).toHaveLength(20);
  });
});
