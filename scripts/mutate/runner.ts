/** A process that keeps one vitest warm over the copy and runs what it is told; it may be killed at any time. */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createVitest, type TestModule } from "vitest/node";
import { files, type Reached, type Switch } from "./switch.ts";

export type Order = Switch & {
  readonly test: string;
  /** The tests to run; all of the file where it is missing. */
  readonly ids?: readonly string[];
};
export interface Outcome {
  readonly ran: number;
  /** The first test that failed, or what else went wrong. */
  readonly failed?: string;
  readonly durationMs: number;
  readonly reached?: Reached;
}

const [root = "", state = ""] = process.argv.slice(2);
mkdirSync(state, { recursive: true });
process.env["DARKBLOOM_MUTATION"] = state;

const vitest = await createVitest("test", {
  root,
  config: join(root, "vitest.config.ts"),
  watch: false,
  bail: 1,
  maxWorkers: 1,
  reporters: [{}],
  runner: join(root, "scripts/mutate/turns.ts"),
  setupFiles: [join(root, "scripts/mutate/setup.ts")],
});
await vitest.standalone();

process.on("message", (order: Order) => {
  run(order).then(
    (outcome) => process.send?.(outcome),
    (error: unknown) => {
      process.stderr.write(`${String(error)}\n`);
      process.exit(1);
    },
  );
});
process.on("disconnect", () => process.exit(0));

async function run({ test, ids, ...order }: Order): Promise<Outcome> {
  const reachedFile = join(state, files.reached);
  rmSync(reachedFile, { force: true });
  rmSync(join(state, files.events), { force: true });
  writeFileSync(join(state, files.switch), JSON.stringify(order satisfies Switch));
  // What failed before counts towards `bail`.
  vitest.state.idMap.clear();
  vitest.state.filesMap.clear();
  vitest.state.clearErrors();

  const began = performance.now();
  const options = ids ? { testIds: [...ids] } : undefined;
  const specification = vitest.getRootProject().createSpecification(join(root, test), options);
  const { testModules, unhandledErrors } = await vitest.runTestSpecifications([specification]);
  const durationMs = performance.now() - began;

  const failed =
    testModules.map(failureOf).find(Boolean) ?? (unhandledErrors.length > 0 ? "unhandled error" : undefined);
  const ran = testModules.flatMap((module) => [...module.children.allTests("passed")]).length;
  return {
    ran,
    durationMs,
    ...(failed && { failed }),
    ...("record" in order && !failed && { reached: JSON.parse(readFileSync(reachedFile, "utf8")) as Reached }),
  };
}

function failureOf(module: TestModule): string | undefined {
  for (const test of module.children.allTests("failed")) return test.fullName;
  return module.ok() ? undefined : `${module.relativeModuleId}: ${module.errors()[0]?.message ?? "failed"}`;
}
