/** Where the account is kept that this browser acts on; without it, the own one of whoever is signed in. */
const KEPT = "darkbloom-account";
/** As the coordinator reads it. */
export const ACCOUNT_HEADER = "x-darkbloom-account";

/** The account of a team, or undefined: one's own. The same for as long as a page is open: nothing of two accounts is ever on it. */
export const actingOn: string | undefined = globalThis.localStorage?.getItem(KEPT) ?? undefined;

/** Everything is asked for anew, on that account. */
export function actOn(account: string | undefined): void {
  if (account === undefined) localStorage.removeItem(KEPT);
  else localStorage.setItem(KEPT, account);
  globalThis.location.reload();
}

/** Of somebody else, who may have signed in here before. */
export const forgetActing = (): void => localStorage.removeItem(KEPT);

/** A request on the account that is acted on, unless it names one. */
export function onAccount(request: Request): Request {
  if (actingOn !== undefined && !request.headers.has(ACCOUNT_HEADER)) request.headers.set(ACCOUNT_HEADER, actingOn);
  return request;
}
