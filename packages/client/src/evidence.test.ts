import { webCrypto } from "@darkbloom/protocol/web";
import { expect, it } from "vitest";
import { Coordinator } from "./coordinator.ts";
import { Evidence } from "./evidence.ts";
import { MODELS_KNOWN_MAX } from "./limits.ts";
import { platform } from "./platform.ts";
import { rulesOf } from "./policy.ts";

it("forgets the model that was asked for longest ago, once there are too many", () => {
  const ports = platform(() => Promise.reject(new Error("nobody is asked")));
  const evidence = new Evidence(ports, new Coordinator(ports, new URL("http://h/")), rulesOf(webCrypto, {}), undefined);
  const lists = Array.from({ length: MODELS_KNOWN_MAX }, (_, at) => evidence.of(`m${at}`));
  const [first, second] = lists;
  expect(new Set(lists).size).toBe(MODELS_KNOWN_MAX);
  expect(evidence.of("m0")).toBe(first);
  evidence.of("one more");
  expect(evidence.of("m0")).toBe(first);
  expect(evidence.of("m1")).not.toBe(second);
  expect(evidence.all).not.toBe(first);
});
