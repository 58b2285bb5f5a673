import { webCrypto, webHpke } from "@darkbloom/protocol/web";
import type { Ports } from "./ports.ts";

/** What signatures, hashes and sealing are computed by wherever nothing better is at hand: in a page. */
export const primitives: Pick<Ports, "crypto" | "hpke"> = { crypto: webCrypto, hpke: webHpke };
