/** By what this coordinator's operator lets machines join. */
export interface JoinRules {
  /** What a machine elsewhere shows. */
  readonly joinToken: string | undefined;
  /** What a machine with access to the coordinator's folder shows. */
  readonly localSecret: string;
  readonly trustProxy: boolean;
  /** Compares without telling by its time how much was right. */
  readonly isSame: (shown: string, secret: string) => boolean;
}

/**
 * Whether a peer may join. Where a token is set or a proxy trusted, the operator has opened a door, and then no address
 * is believed: a proxy on this machine that adds no header makes everybody look local.
 */
export function mayJoin(rules: JoinRules, shown: string | undefined, isLocal: boolean): boolean {
  const { joinToken, localSecret, trustProxy, isSame } = rules;
  if (shown !== undefined && isSame(shown, localSecret)) return true;
  if (shown !== undefined && joinToken !== undefined && isSame(shown, joinToken)) return true;
  return joinToken === undefined && !trustProxy && isLocal;
}
