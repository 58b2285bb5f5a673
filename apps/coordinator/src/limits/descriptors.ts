/** Provider connections at most, where the process may open as many. */
export const CONNECTIONS_MAX = 1024;
/** HTTP connections at most, likewise. */
export const HTTP_CONNECTIONS_MAX = 16_384;
/** Connections to the providers' door that have not registered yet; of one address; one more ends the one that waited longest. */
export const NEWCOMERS_MAX = 64;
export const NEWCOMERS_PER_ADDRESS_MAX = 32;
/** Descriptors for all that is no caller's and no provider's: database, admin socket, logs, the system's own. */
const DESCRIPTORS_RESERVED = 96;
/** Of a scarce limit, the share that providers may take: a caller needs one connection, a provider serves many. */
const PROVIDERS_SHARE = 1 / 4;

export interface ConnectionBounds {
  readonly http: number;
  readonly providers: number;
  readonly newcomers: number;
}

/**
 * How many connections of each kind are taken, so that none of them ever takes the descriptor that another needs.
 *
 * @param descriptors what this process may have open; undefined where that is not known
 * @returns undefined where they are too few to serve at all
 */
export function connectionBounds(descriptors: number | undefined): ConnectionBounds | undefined {
  const free = (descriptors ?? Number.POSITIVE_INFINITY) - DESCRIPTORS_RESERVED;
  if (free < 64) return undefined;
  const newcomers = Math.min(NEWCOMERS_MAX, Math.floor(free / 8));
  const providers = Math.min(CONNECTIONS_MAX, Math.floor(free * PROVIDERS_SHARE));
  return { newcomers, providers, http: Math.min(HTTP_CONNECTIONS_MAX, free - newcomers - providers) };
}
