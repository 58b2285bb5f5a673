/**
 * `npm run release-check`: what has to hold before a release and cannot hold with every registry, so that it is no part of
 * CI. Refuses where npm would install something on a supported platform that package-lock.json has no hash of.
 */
import { join } from "node:path";
import { supported, uncheckedOn } from "./lock/hashes.ts";
import { readLock } from "./lock/lock.ts";

const lock = readLock(process.argv[2] ?? join(import.meta.dirname, ".."));
for (const platform of supported) {
  const unchecked = uncheckedOn(lock, platform);
  if (unchecked.length === 0) continue;
  process.stderr.write(
    `${platform.os} on ${platform.cpu}: ${unchecked.length} packages without a hash: ${unchecked.join(", ")}\n`,
  );
  process.exitCode = 1;
}
process.stdout.write(
  process.exitCode === 1
    ? "Not to be released so: run 'npm run fill-lock' with a registry that shows these packages.\n"
    : "Every package of every supported platform has a hash.\n",
);
