import { statSync } from "node:fs";
import { join } from "node:path";
import { bundledEntry } from "@darkbloom/coordinator/catalog/bundled";
import { checks, isShownOnly, type Check } from "@darkbloom/protocol/evidence";
import { ErrorForPeople } from "@darkbloom/protocol/for-people";
import { CLOCK_SKEW_MS } from "@darkbloom/protocol/limits";
import { systemClock } from "@darkbloom/protocol/node";
import type { ProviderStatus } from "@darkbloom/provider/files/status-file";
import { ModelFileError, readWeights } from "@darkbloom/provider/files/weights";
import type { IdentityChoice } from "@darkbloom/provider/identity/choices";
import { chipNames, chipOf, homeIn, identityFiles } from "@darkbloom/provider/identity/identity";
import { IdentityKeyError } from "@darkbloom/provider/identity/identity-file";
import { describeTpm } from "@darkbloom/provider/identity/tpm/tpm-key";
import type { TpmAddress } from "@darkbloom/provider/identity/tpm/transport";
import { platformHere, readMachine } from "@darkbloom/provider/posture/machine";
import { loadModel } from "@darkbloom/provider/start-provider";
import { runningElsewhere, whyNotEarning } from "./machine-folder.ts";
import { bundledModel, locateModel } from "./model.ts";
import { WrongUsage } from "./failure.ts";
import { endOfLife } from "./node-life.ts";

const OTHERS_MODE_BITS = 0o077;

const { pass, fail, unknown } = checks;

/** The launcher has refused those that are too old to run this. */
export function checkNode(version: string, nowMs: number): Check {
  const id = "node.version";
  const end = endOfLife(version, nowMs);
  return end === undefined
    ? pass(id, `Node ${version}`)
    : unknown(id, `Node ${version}, without security fixes since ${end}`, "Start with a newer one.");
}

export async function checkModelFile(model: string): Promise<Check> {
  const id = "model.file";
  try {
    const located = locateModel(model);
    const { sha256: weights } = await readWeights(located.path);
    const seen = `${located.path}, SHA-256 ${weights}`;
    if (located.path !== bundledModel.path)
      return unknown(
        id,
        seen,
        "The operator's catalog must have this build and hash; the coordinator's verdict tells.",
      );
    return weights === bundledEntry.weightsSha256
      ? pass(id, seen)
      : fail(
          id,
          `${seen}, which is not the bundled model`,
          "Get the file again from the repository: git checkout models",
        );
  } catch (error) {
    const isOurs = error instanceof WrongUsage || error instanceof ModelFileError;
    const seen = isOurs ? error.message.replace(/\.$/, "") : "The file cannot be read";
    return fail(id, seen, "Give a GGUF file with --model.");
  }
}

/** Loads the model as 'provider start' would, and lets it go; a provider that runs here has it already. */
export async function checkModelLoads(
  wanted: Parameters<typeof loadModel>[0],
  running: ProviderStatus | undefined,
): Promise<Check> {
  const id = "model.loads";
  if (running) {
    const { engine, engine_reason: reason } = running;
    return engine === "ready"
      ? pass(id, "the provider here has loaded it")
      : fail(id, reason ?? "its process ended", "");
  }
  const startedMs = performance.now();
  try {
    await using engine = await loadModel(wanted);
    const seconds = ((performance.now() - startedMs) / 1000).toFixed(1);
    return pass(id, `${engine.model.build} with a context of ${engine.model.contextTokens} tokens, in ${seconds} s`);
  } catch (error) {
    if (!(error instanceof ErrorForPeople)) throw error;
    return fail(id, error.message.replace(/\.$/, ""), "");
  }
}

export function checkKeyFile(data: string): Check {
  const id = "key.mode";
  const paths = Object.values(identityFiles)
    .map((file) => join(data, file))
    .filter(isThere);
  if (paths.length === 0) return unknown(id, "there is no identity key yet", "The first 'provider start' makes one.");
  const open = paths.filter((path) => (statSync(path).mode & OTHERS_MODE_BITS) !== 0);
  if (open.length === 0) return pass(id, "only this user can read the identity key");
  return fail(id, "other users can read the identity key", `If nobody has copied it: chmod 600 ${open.join(" ")}`);
}

/** Where the identity key is, or would be made; asks a TPM whether it answers, and changes nothing. */
export async function checkIdentity(data: string, choice: IdentityChoice, address: TpmAddress): Promise<Check> {
  const id = "key.home";
  const chip = chipOf(process.platform);
  const home = choice === "auto" ? (homeIn((file) => isThere(join(data, file))) ?? chip) : choice;
  if (home === "software")
    return choice === "auto"
      ? pass(id, `the identity key is a file; --identity ${chip} would make a new one in ${chipNames[chip]}`)
      : pass(id, "the identity key is a file, as --identity says");
  const isThereAlready = isThere(join(data, identityFiles[home]));
  const place = `the identity key ${isThereAlready ? "is" : "will be"} in ${chipNames[home]}`;
  if (home === "secure-enclave") return checkEnclave(id, place);
  try {
    const { manufacturer, firmware } = await describeTpm({ address, clock: systemClock });
    return pass(id, `${place} (${manufacturer}, firmware ${firmware})`);
  } catch (error) {
    if (!(error instanceof IdentityKeyError)) throw error;
    return choice === "tpm" || isThereAlready
      ? fail(id, "the identity key's TPM cannot be used", error.message)
      : unknown(id, "no TPM can be used, so the identity key will be a file", error.message);
  }
}

/** An enclave can only be asked by a helper that may have to be compiled first, which changes the folder. */
const checkEnclave = (id: string, place: string): Check =>
  process.platform === "darwin"
    ? unknown(id, `${place}, which is not asked here`, "'provider start' says whether it can be used.")
    : fail(
        id,
        `${place}, and this machine is not a Mac`,
        "Start with --identity software or tpm, which is another identity.",
      );

const isThere = (path: string): boolean => statSync(path, { throwIfNoEntry: false }) !== undefined;

export function checkClock(secondsAhead: number | undefined): Check {
  const id = "clock.difference";
  if (secondsAhead === undefined) return unknown(id, "the coordinator did not tell its time");
  const seen = `${Math.abs(Math.round(secondsAhead))} s ${secondsAhead < 0 ? "behind" : "ahead of"} the coordinator`;
  return Math.abs(secondsAhead) * 1000 <= CLOCK_SKEW_MS
    ? pass(id, seen)
    : fail(
        id,
        seen,
        "Set this machine's clock (turn on network time): a machine whose clock is further off serves nobody.",
      );
}

/** Whether a provider runs, whether it may earn, and the last verdict's checks. */
export async function checkRunning(data: string, status: ProviderStatus | undefined): Promise<readonly Check[]> {
  const id = "provider.eligible";
  if (!status) {
    const way = (await runningElsewhere(data)) ?? "Start one with 'darkbloom provider start'.";
    return [unknown(id, `no provider runs on ${data}`, way)];
  }
  const reason = whyNotEarning(status, Date.now());
  const own =
    reason === undefined
      ? pass(id, `serves at trust level ${status.trust_level}`)
      : fail(id, reason.replace(/\.$/, ""), "");
  return [own, ...status.checks.map((check) => ({ ...check, id: `verdict.${check.id}` }))];
}

/** What protects this machine and, where a provider runs, its process: by the machine's own word. */
export async function checkPosture(status: ProviderStatus | undefined): Promise<readonly Check[]> {
  const posture = status?.posture ?? (await readMachine()).posture;
  return posture
    .map(({ name, ...entry }) => ({ id: `here.${name}`, ...entry }))
    .map((check) =>
      check.status === "fail" && !isInTheWay(check)
        ? { ...check, seen: `${check.seen}; no trust level asks for this` }
        : check,
    );
}

/** A posture as it was read here, or as the coordinator has judged it. */
const POSTURE = /^(?:here|verdict\.posture)\./;

/** Whether a check keeps the machine from serving: a protection that is off does so where a trust level asks for it. */
export const isInTheWay = ({ id, status }: Check): boolean =>
  status === "fail" && !isShownOnly(id.replace(POSTURE, "posture."), platformHere);
