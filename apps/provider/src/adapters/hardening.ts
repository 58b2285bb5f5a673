import { url as inspectorUrl } from "node:inspector";

/** This process can be read by others; the message is a sentence for the machine's owner. */
export class NotHardenedError extends Error {
  override readonly name = "NotHardenedError";
}

/**
 * Closes what Node leaves open for others to look into the process, where prompts are in the clear.
 *
 * Node opens its inspector on SIGUSR1, which every process of the same user can send; a listener of our
 * own takes that place. https://nodejs.org/api/process.html#signal-events
 *
 * @throws NotHardenedError where the inspector is open already
 */
export function closeInspector(): void {
  if (inspectorUrl() !== undefined)
    throw new NotHardenedError(
      "Node's inspector is open, through which every program of this user could read prompts. Start without --inspect (see NODE_OPTIONS).",
    );
  if (process.listenerCount("SIGUSR1") === 0) process.on("SIGUSR1", () => {});
}
