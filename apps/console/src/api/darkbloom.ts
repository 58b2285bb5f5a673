// First: what is imported below makes its schemas at once.
import "./without-eval.ts";
import { createDarkbloom, type Darkbloom } from "@darkbloom/client";
import { onAccount } from "./acting.ts";

export type Mode = "sealed" | "transparent";

const made = new Map<Mode, Darkbloom>();

/**
 * This network as the client library sees it, with the session of the cookie. No maker's root comes with a page, so that the most
 * that can be shown here of a machine is that it holds one key.
 */
export function darkbloomFor(mode: Mode): Darkbloom {
  const known = made.get(mode);
  if (known) return known;
  const darkbloom = createDarkbloom({
    baseURL: globalThis.location.origin,
    policy: { mode, minTrust: "self_signed" },
    fetch: (input, init) => fetch(onAccount(new Request(input, init))),
  });
  made.set(mode, darkbloom);
  return darkbloom;
}
