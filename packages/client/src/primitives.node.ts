import { nodeCrypto, nodeHpke } from "@darkbloom/protocol/node";
import type { Hpke } from "@darkbloom/protocol/sealing";
import { webHpke } from "@darkbloom/protocol/web";
import type { Ports } from "./ports.ts";

/** Whether it can do what it says: an OpenSSL before 3.5, which some systems build Node with, has no ML-KEM. */
export function isWhole(hpke: Pick<Hpke, "suites" | "generateKey">): boolean {
  try {
    for (const suite of hpke.suites) hpke.generateKey(suite, 0).erase();
    return true;
  } catch {
    return false;
  }
}

/** Node's own, which give the same bytes in a tenth of the time. */
export const primitives: Pick<Ports, "crypto" | "hpke"> = {
  crypto: nodeCrypto,
  hpke: isWhole(nodeHpke) ? nodeHpke : webHpke,
};
