import { bodyOf } from "@darkbloom/protocol/node";
import { CommandFailed } from "./failure.ts";

interface Bounds {
  /** From the request to the last byte. */
  readonly waitMsMax: number;
  readonly bytesMax: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly method?: string;
  readonly body?: string;
  /** Whether the body of a refusal is wanted as well. */
  readonly refusalsToo?: boolean;
}

export interface Published {
  readonly status: number;
  /** What its `Retry-After` says, if that is a count of seconds. */
  readonly retryAfterSec?: number | undefined;
  /** Empty where the status is not one of success, unless refusals were asked for. */
  readonly body: Uint8Array;
}

/** A URL below which paths are appended. */
export const baseOf = ({ href }: URL): URL => new URL(href.endsWith("/") ? href : `${href}/`);

/**
 * What somebody shows under a URL. It leads nowhere else, and neither its length nor its pace is left to whom it comes from.
 *
 * @throws CommandFailed where nothing whole comes within the bounds
 */
export async function publishedAt(
  url: URL,
  { waitMsMax, bytesMax, refusalsToo = false, ...asked }: Bounds,
): Promise<Published> {
  const signal = AbortSignal.timeout(waitMsMax);
  const response = await fetch(url, { ...asked, redirect: "error", signal }).catch(() => {
    throw new CommandFailed(`${url.href} does not answer. Check the URL, the network and that the coordinator runs.`);
  });
  if (!response.ok && !refusalsToo) {
    await response.body?.cancel();
    return { status: response.status, body: new Uint8Array() };
  }
  const body = await bodyOf(response, bytesMax).catch(() => {
    throw new CommandFailed(
      `${url.href} broke off, or was not whole within ${waitMsMax / 1000} s. Check the network, and try again.`,
    );
  });
  if (!body) throw new CommandFailed(`${url.href} is longer than what stands there can be (${bytesMax} bytes).`);
  return { status: response.status, retryAfterSec: secondsIn(response.headers.get("retry-after")), body };
}

const secondsIn = (text: string | null): number | undefined =>
  text !== null && /^\d{1,9}$/.test(text) ? Number(text) : undefined;

/** Its text as JSON; undefined where it is none. */
export function jsonOf({ body }: Published): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(body));
  } catch {
    return undefined;
  }
}
