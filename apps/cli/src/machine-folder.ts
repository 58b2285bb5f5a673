import { readFileSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { LOCAL_SECRET_FILE } from "@darkbloom/coordinator/adapters/local-secret";
import { failuresOf } from "@darkbloom/protocol/evidence";
import { DataFolderError, openDataFolder, readPrivateFile } from "@darkbloom/protocol/node";
import {
  providerStatus,
  STATUS_FILE,
  STATUS_SILENT_MS,
  type ProviderStatus,
} from "@darkbloom/provider/files/status-file";
import { platformHere } from "@darkbloom/provider/posture/machine";
import { CommandFailed } from "./failure.ts";
import { machineTokenIn } from "./login/machine.ts";
import { lossOf } from "./losses.ts";
import { baseOf } from "./published.ts";
import { PROVIDERS_MAX } from "./settings.ts";

/** The network's join token, for `provider start` on a machine that is not the coordinator's. Mode 0600. */
export const JOIN_TOKEN_FILE = "join-token";

/** By which somebody has let this machine in as theirs, under the coordinator that it is for: two lines. Mode 0600. */
export const MACHINE_TOKEN_FILE = "machine-token";

/** What the provider that runs on this folder says of itself; undefined where none runs. */
export async function runningStatus(data: string): Promise<ProviderStatus | undefined> {
  return (await isHeld(data)) ? statusIn(data) : undefined;
}

/** Where `up` keeps the data of its providers, inside its own folder. */
export const providerFolder = (number: number): string => `provider-${number}`;

/**
 * On which folder of `up` beside or inside this one a provider runs, as a sentence: whoever has just started a
 * network seldom knows that its providers have folders of their own.
 */
export async function runningElsewhere(data: string): Promise<string | undefined> {
  const near = [dirname(data), data].flatMap((folder) =>
    Array.from({ length: PROVIDERS_MAX }, (_, index) => join(folder, providerFolder(index + 1))),
  );
  const running: string[] = [];
  for (const folder of near) if (statusIn(folder) && (await isHeld(folder))) running.push(folder);
  const [first, second] = running;
  if (first === undefined) return undefined;
  if (second === undefined) return `One runs on ${first}: --data ${first}`;
  return `These run: ${running.map((folder) => `--data ${folder}`).join(", ")}`;
}

/** Whether a process holds the folder's lock now: the one sign of life that a crash cannot leave behind. */
export async function isHeld(data: string): Promise<boolean> {
  if (!statSync(data, { throwIfNoEntry: false })?.isDirectory()) return false;
  try {
    await using _folder = await openDataFolder(data, "provider");
    return false;
  } catch (error) {
    if (error instanceof DataFolderError && error.code === "in_use") return true;
    throw error;
  }
}

/** The status file as it stands, true or left over from a crash. */
export function statusIn(data: string): ProviderStatus | undefined {
  const text = textIn(data, STATUS_FILE);
  try {
    return providerStatus.safeParse(JSON.parse(text ?? "")).data;
  } catch {
    // A provider that stopped leaves it empty.
    return undefined;
  }
}

/**
 * By which a provider on the coordinator's machine shows that it may join.
 *
 * @throws CommandFailed where the folder has none, or is not ours to read
 */
export function localSecret(coordinatorData: string): string {
  const secret = secretIn(coordinatorData, LOCAL_SECRET_FILE);
  if (secret === undefined || secret === "")
    throw new CommandFailed(
      `There is no ${LOCAL_SECRET_FILE} that this user can read in ${coordinatorData}. Name the --data folder of a coordinator that has been started there, as its own user.`,
    );
  return secret;
}

/**
 * What a machine shows to join: the token that it was given, else the secret of a coordinator here, else what 'provider login' kept.
 *
 * @throws CommandFailed or DataFolderError
 */
export function joinSecret(given: {
  readonly token: string | undefined;
  readonly coordinatorData: string | undefined;
  readonly data: string;
}): string | undefined {
  const { token, coordinatorData, data } = given;
  const secret = coordinatorData === undefined ? undefined : localSecret(coordinatorData);
  return token ?? secret ?? savedToken(data);
}

/** @throws DataFolderError where somebody else could have put it there */
export const savedToken = (data: string): string | undefined => secretIn(data, JOIN_TOKEN_FILE);

/** What 'provider login' kept of a machine that is somebody's; undefined where it is nobody's. @throws CommandFailed, DataFolderError */
export function keptMachineToken(data: string): { readonly coordinator: URL; readonly token: string } | undefined {
  const text = secretIn(data, MACHINE_TOKEN_FILE);
  if (text === undefined || text === "") return undefined;
  const [base = "", line] = text.split("\n");
  const [coordinator, token] = [URL.parse(base), machineTokenIn(line)];
  if (coordinator && token !== undefined) return { coordinator, token };
  throw new CommandFailed(
    `The file ${join(data, MACHINE_TOKEN_FILE)} is damaged. Delete it, then: darkbloom provider login`,
  );
}

/** The same for a coordinator: no other is shown it. */
export function machineTokenFor(data: string, coordinator: URL): string | undefined {
  const kept = keptMachineToken(data);
  return kept?.coordinator.href === baseOf(coordinator).href ? kept.token : undefined;
}

/** @throws DataFolderError where it is a link, somebody else's, or can be written by others */
function secretIn(data: string, file: string): string | undefined {
  try {
    return readPrivateFile(join(data, file))?.toString().trim();
  } catch (error) {
    if (error instanceof DataFolderError && error.code === "not_private") throw error;
    return undefined;
  }
}

function textIn(data: string, file: string): string | undefined {
  try {
    return readFileSync(join(data, file), "utf8");
  } catch {
    // Not there, or not ours to read; both mean that nothing is known.
    return undefined;
  }
}

/** Why a machine does not earn, in one sentence, and what would mend it; undefined where it may earn. */
export function whyNotEarning(status: ProviderStatus, nowMs: number): string | undefined {
  const silent = silenceOf(status, nowMs);
  if (silent !== undefined) return silent;
  if (status.engine !== "ready") {
    const what = status.engine === "failed" ? "Its model was given up" : "Its model is being started again";
    return `${what}: ${status.engine_reason ?? "its process ended."}`;
  }
  if (status.eligible) return undefined;
  if (!status.connected) {
    if (status.lost === null) return `It has not reached the coordinator ${status.coordinator} yet.`;
    // A coordinator that gives pseudonyms gives none where a check fails, and that check says more than its refusal.
    const failure = status.lost === "refused" ? failureIn(status.checks) : undefined;
    return failure ?? `${lossOf(status.lost)} It keeps trying.`;
  }
  return failureIn(status.checks) ?? "The coordinator has not confirmed the answer to its challenge yet.";
}

/** Why a status that stands in the folder of a running process says nothing any more; undefined where it is fresh. */
export function silenceOf({ at, pid }: ProviderStatus, nowMs: number): string | undefined {
  if (nowMs - Date.parse(at) <= STATUS_SILENT_MS) return undefined;
  return `It was last seen ${at}: its process ${pid} hangs, or cannot write to its disk. 'kill -9 ${pid}' ends it.`;
}

/** The first failed check of the coordinator's verdict that speaks against this machine, and what mends it. */
export function failureIn(checks: ProviderStatus["checks"]): string | undefined {
  const [failed] = failuresOf(checks, platformHere);
  return failed && `The check ${failed.id} fails: ${failed.seen}. ${failed.remedy}`.trim();
}
