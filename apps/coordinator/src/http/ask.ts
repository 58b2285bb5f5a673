import { toHex, utf8 } from "@darkbloom/protocol/bytes";
import type { Dialect, Inspected } from "@darkbloom/protocol/dialects";
import { atLeast, type TrustLevel } from "@darkbloom/protocol/evidence";
import { NetworkError, type Failure } from "@darkbloom/protocol/failures";
import { nonceShape, requestHeaders, responseHeaders } from "@darkbloom/protocol/headers";
import {
  ourWords,
  type OurWords,
  type ParamPath,
  type RequestId,
  type Serial,
  type Sha256Hex,
} from "@darkbloom/protocol/ids";
import { IDEMPOTENCY_KEY_CHARS_MAX, NONCE_CHARS_MAX } from "@darkbloom/protocol/limits";
import type { IncomingHttpHeaders } from "node:http";
import * as z from "zod";
import { capsOf, ratesOf } from "../accounts/key-caps.ts";
import type { KeyRecord } from "../accounts/port.ts";
import type { Ask } from "../inference/ask.ts";
import { Transparent } from "../inference/privacy/transparent.ts";
import { routes, type Route } from "../machines/eligibility.ts";
import type { SerialNames } from "../machines/trust/serial-names.ts";
import type { Caller } from "./access.ts";
import type { HttpDeps } from "./deps.ts";

/** What came through the door, over HTTP or a WebSocket. */
export interface Came extends Pick<Ask, "answerRoom" | "hangUp"> {
  readonly requestId: RequestId;
  readonly caller: Caller;
  readonly wishes: AskWishes;
  readonly dialect: Dialect;
  readonly inspected: Inspected;
  readonly body: Uint8Array<ArrayBuffer>;
}

/** A request as `serve` takes it: what it asks for, within what its key is bound to. */
export function askOf(deps: HttpDeps, came: Came): Ask {
  const { requestId, caller, wishes, dialect, inspected, body, answerRoom, hangUp } = came;
  const { nonce, minTrust, idempotencyKey } = wishes;
  refuseOtherModels(deps, caller, inspected.terms.model);
  const hashOf = (bytes: Uint8Array): Sha256Hex => toHex(deps.crypto.sha256(bytes)) as Sha256Hex;
  return {
    terms: {
      ...inspected.terms,
      requestId,
      account: caller.account,
      keyId: caller.keyId,
      caps: capsOf(caller),
      rates: ratesOf(caller),
      minTrust: minTrustOf(deps, caller, minTrust),
      ...routeOf(caller, wishes),
      pins: pinsFor(deps.serials, caller, inspected.terms.pins),
      ...(nonce !== undefined && { nonce }),
      ...(idempotencyKey !== undefined && { idempotencyKeySha256: hashOf(utf8(idempotencyKey)) }),
      bodyBytes: body.length,
      bodySha256: hashOf(body),
    },
    content: new Transparent(dialect, inspected.figures, body),
    answerRoom,
    hangUp,
    shutdown: deps.shutdown,
  };
}

/** @throws NetworkError `sealing_needed`, before anything is read */
export function refuseClear({ privacy }: KeyRecord): void {
  if (privacy === "sealed") throw new NetworkError({ code: "sealing_needed" });
}

type ForModels = Pick<Caller, "allowedModels" | "ceiling">;

/** Whether somebody may ask for a model, by any name that it has or is asked for by. */
export const mayAskFor = (caller: ForModels, ...names: readonly (string | undefined)[]): boolean =>
  listWithout(caller, names) === undefined;

/** What the key names, and what its team does: the first of both that has none of these. */
const listWithout = ({ allowedModels, ceiling }: ForModels, names: readonly (string | undefined)[]) =>
  [allowedModels, ceiling?.allowedModels ?? []].find(
    (list) => list.length > 0 && !names.some((name) => list.some((allowed) => allowed === name)),
  );

/** A model that the catalog does not know is refused as that. @throws NetworkError `model_not_allowed` */
export function refuseOtherModels({ catalog }: Pick<HttpDeps, "catalog">, caller: ForModels, model: string): void {
  const entry = catalog.find(model);
  const without = entry && listWithout(caller, [model, entry.id]);
  if (without) throw new NetworkError({ code: "model_not_allowed", models: without.length });
}

/** A caller whose own key leaves no machine is told that it is the key. */
export const asToldTo = (caller: KeyRecord, failure: Failure): Failure =>
  failure.code === "no_provider" ? { ...failure, keyIsBound: isBound(caller) } : failure;

/** A key that is for one's own machines asks for no other. @throws NetworkError `unsupported` for a wish that falls back to others */
export function routeOf({ selfRouteOnly }: KeyRecord, { route }: AskWishes): { readonly route?: Route } {
  if (selfRouteOnly && route === "prefer")
    throw new NetworkError({
      code: "unsupported",
      param: requestHeaders.route as ParamPath,
      reason: ourWords`this key is for its account's own machines alone ('self_route_only'), so it is self or left out`,
    });
  const wanted = selfRouteOnly ? "self" : route;
  return wanted ? { route: wanted } : {};
}

/** The highest of what the network, the key and the request ask for. */
export const minTrustOf = (
  { settings }: Pick<HttpDeps, "settings">,
  caller: KeyRecord,
  wish?: TrustLevel,
): TrustLevel => higherOf(higherOf(settings.minTrustDefault, caller.minTrust ?? undefined), wish);

const higherOf = (floor: TrustLevel, wish: TrustLevel = floor): TrustLevel => (atLeast(wish, floor) ? wish : floor);

const isBound = ({ minTrust, pins }: Pick<KeyRecord, "minTrust" | "pins">): boolean =>
  minTrust !== null || pins.length > 0;

/** What the key is bound to and what the request asks for, both. */
export function pinsFor(
  serials: SerialNames,
  caller: Pick<KeyRecord, "pins">,
  wished: readonly Serial[],
): readonly Serial[] {
  const bound = caller.pins.map((pin) => serials.ofPin(pin));
  const asked = wished.map((pin) => serials.ofPin(pin));
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

/** What a caller may ask for in headers, beside the body that stays as it was sent. */
export const askHeaders = z.object({
  [requestHeaders.nonce]: z
    .string()
    .regex(nonceShape)
    .optional()
    .describe("Printable ASCII; comes back in the receipt."),
  [requestHeaders.minTrust]: z
    .enum(["self_signed", "hardware"])
    .optional()
    .describe("The lowest trust level of a machine that may answer."),
  [requestHeaders.route]: z
    .enum(routes)
    .optional()
    .describe(
      "self: only machines of your own account answer, which costs nothing. prefer: those first, and others at their price.",
    ),
  [requestHeaders.receipt]: z
    .literal("required")
    .optional()
    .describe("Every answer has a receipt; this is accepted for callers who insist."),
  [requestHeaders.requestId]: z.string().optional().describe("Comes back in the response and in the receipt."),
  [requestHeaders.idempotencyKey]: z
    .string()
    .regex(new RegExp(`^[\\x21-\\x7e]{1,${IDEMPOTENCY_KEY_CHARS_MAX}}$`))
    .optional()
    .describe(
      "A name that you make for one request, e.g. a UUID. Where this coordinator failed between the charge and the delivery of the answer, the same request under the same key within 24 h costs nothing, once.",
    ),
});

/** What Anthropic's SDKs send besides, for the API description: nothing here reads it. */
export const anthropicHeaders = askHeaders.extend({
  "anthropic-version": z.string().optional().describe("Accepted and ignored: there is one version, this one."),
  "anthropic-beta": z.string().optional().describe("Accepted and ignored."),
});

const expected: Record<string, OurWords> = {
  [requestHeaders.nonce]: ourWords`it must be 1 to ${NONCE_CHARS_MAX} characters of printable ASCII`,
  [requestHeaders.minTrust]: ourWords`it must be self_signed or hardware`,
  [requestHeaders.route]: ourWords`it must be self or prefer`,
  [requestHeaders.receipt]: ourWords`it must be the word required, or be left out`,
  [requestHeaders.idempotencyKey]: ourWords`it must be 1 to ${IDEMPOTENCY_KEY_CHARS_MAX} characters of printable ASCII without spaces`,
};

export interface AskWishes {
  readonly nonce: string | undefined;
  readonly minTrust: "self_signed" | "hardware" | undefined;
  readonly route: Route | undefined;
  readonly idempotencyKey: string | undefined;
}

/** @throws NetworkError `body_invalid`, naming the header */
export function readAskHeaders(headers: IncomingHttpHeaders): AskWishes {
  const read = askHeaders.safeParse(headers);
  if (!read.success) {
    const name = String(read.error.issues[0]?.path[0]);
    throw new NetworkError({
      code: "body_invalid",
      param: name as ParamPath,
      expected: expected[name] ?? ourWords`it must be sent once`,
    });
  }
  return {
    nonce: read.data[requestHeaders.nonce],
    minTrust: read.data[requestHeaders.minTrust],
    route: read.data[requestHeaders.route],
    idempotencyKey: read.data[requestHeaders.idempotencyKey],
  };
}

/** The headers of a successful inference, in the words of the API description. */
export const answerHeaderWords: Readonly<Record<string, string>> = {
  [responseHeaders.attested]: "`true` if the provider passed its latest attestation challenge",
  [responseHeaders.trustLevel]: "`self_signed` or `hardware`; `none` only where the operator allows such machines",
  [responseHeaders.chip]: "the machine's chip, e.g. `M3 Ultra`",
  [responseHeaders.serial]:
    "the machine's serial number, or where the operator discloses that instead its pseudonym; absent where neither is disclosed",
  [responseHeaders.providerId]: "the session's provider id",
  [responseHeaders.jobId]: "id of the attempt that answered; names its receipt",
  [responseHeaders.responseHash]: "SHA-256 of the body, lower-case hex; of a stream, a trailer",
  [responseHeaders.signature]:
    "base64 of the machine's P-256 signature over the hash's 64 characters; of a stream, a trailer",
  [responseHeaders.receipt]: "base64url of the receipt; of a stream, the last SSE comment",
  [responseHeaders.privacy]: "`transparent` or `sealed`",
  [responseHeaders.timing]: "our own share of the latency by stage, as `Server-Timing` writes it, in ms",
};
