import { systemClock, systemRandom } from "@darkbloom/protocol/node";
import { setImmediate } from "node:timers/promises";
import type { Bus } from "../cluster/bus.ts";
import { busContract } from "../cluster/bus.contract.ts";
import { MemoryBus } from "./memory-bus.ts";

busContract("in this process", async () => {
  const hub = new MemoryBus(systemClock, systemRandom);
  const all: Bus[] = [];
  const set = async (isUp: boolean) => all.forEach((bus) => hub.set(bus, isUp));
  return {
    connect: async () => {
      const bus = hub.connect();
      all.push(bus);
      return bus;
    },
    settle: () => setImmediate(),
    leave: () => set(false),
    comeBack: () => set(true),
    [Symbol.asyncDispose]: async () => undefined,
  };
});
