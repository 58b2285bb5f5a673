import { toHex, utf8 } from "@darkbloom/protocol/bytes";
import type { Job } from "@darkbloom/protocol/dialects";
import { atLeast, type TrustLevel } from "@darkbloom/protocol/evidence";
import { NetworkError, type Failure } from "@darkbloom/protocol/failures";
import { ourWords, type ParamPath, type Serial, type Sha256Hex } from "@darkbloom/protocol/ids";
import type { KeyRecord } from "../accounts/port.ts";
import type { Ask } from "../inference/ask.ts";
import type { SerialNames } from "../machines/trust/serial-names.ts";
import type { AskWishes } from "./ask-headers.ts";
import type { HttpDeps } from "./deps.ts";

/** What came through the door, over HTTP or a WebSocket. */
interface Came extends Pick<Ask, "requestId" | "dialect" | "job" | "body" | "held" | "hangUp"> {
  readonly caller: KeyRecord;
  readonly wishes: AskWishes;
}

/** A request as `serve` takes it: what it asks for, within what its key is bound to. */
export function askOf(deps: HttpDeps, { caller, wishes, ...came }: Came): Ask {
  const { nonce, minTrust, idempotencyKey } = wishes;
  const hashOf = (bytes: Uint8Array): Sha256Hex => toHex(deps.crypto.sha256(bytes)) as Sha256Hex;
  return {
    ...came,
    account: caller.account,
    keyId: caller.keyId,
    bodySha256: hashOf(came.body),
    minTrust: higherOf(higherOf(deps.settings.minTrustDefault, caller.minTrust ?? undefined), minTrust),
    pins: pinsFor(deps.serials, caller, came.job),
    ...(nonce !== undefined && { nonce }),
    ...(idempotencyKey !== undefined && { idempotencyKeySha256: hashOf(utf8(idempotencyKey)) }),
    shutdown: deps.shutdown,
  };
}

/** A caller whose own key leaves no machine is told that it is the key. */
export const asToldTo = (caller: KeyRecord, failure: Failure): Failure =>
  failure.code === "no_provider" ? { ...failure, keyIsBound: isBound(caller) } : failure;

const higherOf = (floor: TrustLevel, wish: TrustLevel = floor): TrustLevel => (atLeast(wish, floor) ? wish : floor);

const isBound = ({ minTrust, pins }: Pick<KeyRecord, "minTrust" | "pins">): boolean =>
  minTrust !== null || pins.length > 0;

/** What the key is bound to and what the request asks for, both. */
function pinsFor(serials: SerialNames, caller: Pick<KeyRecord, "pins">, job: Pick<Job, "pins">): readonly Serial[] {
  const bound = caller.pins.map((pin) => serials.ofPin(pin));
  const asked = job.pins.map((pin) => serials.ofPin(pin));
  if (bound.length === 0 || asked.length === 0) return [...bound, ...asked];
  const both = asked.filter((serial) => bound.includes(serial));
  if (both.length === 0)
    throw new NetworkError({
      code: "unsupported",
      param: "provider_serial" as ParamPath,
      reason: ourWords`this key is bound to other machines, which GET /v1/key names`,
    });
  return both;
}
