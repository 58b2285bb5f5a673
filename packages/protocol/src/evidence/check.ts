import type { Check } from "./verdict.ts";

export const pass = (id: string, seen: string): Check => ({ id, status: "pass", seen, remedy: "" });
export const fail = (id: string, seen: string, remedy: string): Check => ({ id, status: "fail", seen, remedy });
export const unknown = (id: string, seen: string, remedy: string): Check => ({ id, status: "unknown", seen, remedy });

export const either = (id: string, good: boolean, seen: string, otherwise: string, remedy: string): Check =>
  good ? pass(id, seen) : fail(id, otherwise, remedy);
