import { toHex, utf8 } from "@darkbloom/protocol/bytes";
import { dialects, type ClearTerms, type Endpoint, type ModelTask } from "@darkbloom/protocol/dialects";
import { NetworkError } from "@darkbloom/protocol/failures";
import { ourWords, type OurWords, type ParamPath, type Serial, type Sha256Hex } from "@darkbloom/protocol/ids";
import {
  BODY_BYTES_MAX,
  CHOICES_MAX,
  CLOCK_SKEW_MS,
  EMBED_INPUTS_MAX,
  ENVELOPE_LIFE_MS,
} from "@darkbloom/protocol/limits";
import { readEnvelope, readSealHeader, SEALED_REQUEST_TYPE, type SealHeader } from "@darkbloom/protocol/sealing";
import type { IncomingHttpHeaders } from "node:http";
import { capsOf, ratesOf } from "../accounts/key-caps.ts";
import type { Ask } from "../inference/ask.ts";
import { Sealed } from "../inference/privacy/sealed.ts";
import { minTrustOf, pinsFor, refuseOtherModels, routeOf, type Came } from "./ask.ts";
import type { HttpDeps } from "./deps.ts";

/** Of AES-GCM: what a sealed body is longer than the one that was sealed. */
const TAG_BYTES = 16;
/** Of a text in a list, as JSON: two quotes and a comma. */
const INPUT_BYTES_MIN = 3;

/** Whether somebody sealed what is sent here. Known before any of it is read. */
export const isSealed = ({ "content-type": type = "" }: IncomingHttpHeaders): boolean =>
  type.split(";", 1)[0]?.trim().toLowerCase() === SEALED_REQUEST_TYPE;

/**
 * A sealed request as `serve` takes it: all that is known of it stands in the clear fields that its caller bound to it. What
 * the HTTP request says beside them may only say the same.
 *
 * @throws NetworkError `body_invalid`, `unsupported` or `payload_too_large`
 */
export function sealedAskOf(deps: HttpDeps, endpoint: Endpoint, came: Omit<Came, "dialect" | "inspected">): Ask {
  const { requestId, caller, wishes, body, answerRoom, hangUp } = came;
  const envelope = readEnvelope(body);
  const header = envelope && readSealHeader(envelope.hdr);
  if (!envelope || !header) throw invalid("hdr", ourWords`this is no envelope; docs/sealed-mode.md has its bytes`);
  const bodyBytes = envelope.body.length - TAG_BYTES;
  if (bodyBytes > BODY_BYTES_MAX) throw new NetworkError({ code: "payload_too_large", maxBytes: BODY_BYTES_MAX });
  const wrong = rules.find(([, , holds]) => !holds(header, { endpoint, wishes, nowMs: deps.clock.now(), bodyBytes }));
  if (wrong) throw invalid(`hdr.${wrong[0]}`, wrong[1]);
  refuseUnknownFeatures(header);
  refuseOtherModels(deps, caller, header.model);

  const { minTrust, idempotencyKey } = { ...wishes, minTrust: header.min_trust };
  const hashOf = (bytes: Uint8Array): Sha256Hex => toHex(deps.crypto.sha256(bytes)) as Sha256Hex;
  return {
    terms: {
      ...clearTermsOf(header, bodyBytes),
      requestId,
      account: caller.account,
      keyId: caller.keyId,
      caps: capsOf(caller),
      rates: ratesOf(caller),
      minTrust: minTrustOf(deps, caller, minTrust),
      ...routeOf(caller, wishes),
      pins: pinsFor(deps.serials, caller, header.pins as Serial[]),
      candidates: header.candidates.map(({ provider_id, key_id, evidence_sha256 }) => ({
        providerId: provider_id,
        keyId: key_id,
        evidenceSha256: evidence_sha256,
      })),
      maxTokensInAll: writesNothing.includes(endpoint) ? 1 : header.max_tokens,
      ...(header.nonce !== undefined && { nonce: header.nonce }),
      ...(idempotencyKey !== undefined && { idempotencyKeySha256: hashOf(utf8(idempotencyKey)) }),
      bodyBytes,
      bodySha256: hashOf(body),
    },
    content: new Sealed(header, envelope),
    answerRoom,
    hangUp,
    shutdown: deps.shutdown,
  };
}

interface Beside {
  readonly endpoint: Endpoint;
  readonly wishes: Came["wishes"];
  readonly nowMs: number;
  readonly bodyBytes: number;
}

const rules: readonly (readonly [
  field: string,
  expected: OurWords,
  holds: (header: SealHeader, beside: Beside) => boolean,
])[] = [
  ["mode", ourWords`it must be sealed`, ({ mode }) => mode === "sealed"],
  [
    "endpoint",
    ourWords`it must be the path that this was sent to`,
    (header, { endpoint }) => header.endpoint === endpoint,
  ],
  [
    "expires_at",
    ourWords`it must be ahead, by at most ${ENVELOPE_LIFE_MS / 60_000} minutes`,
    ({ expires_at }, { nowMs }) =>
      Math.abs(Date.parse(expires_at) - nowMs - ENVELOPE_LIFE_MS / 2) <= ENVELOPE_LIFE_MS / 2 + CLOCK_SKEW_MS,
  ],
  [
    "candidates",
    ourWords`each machine may be named once`,
    ({ candidates }) => new Set(candidates.map(({ provider_id }) => provider_id)).size === candidates.length,
  ],
  [
    "nonce",
    ourWords`the header x-darkbloom-nonce says another; leave that out`,
    ({ nonce }, { wishes }) => wishes.nonce === undefined || wishes.nonce === nonce,
  ],
  [
    "min_trust",
    ourWords`the header x-darkbloom-min-trust says another; leave that out`,
    (header, { wishes }) => wishes.minTrust === undefined || wishes.minTrust === header.min_trust,
  ],
  [
    "stream",
    ourWords`nothing is streamed here; it must be false`,
    ({ stream, endpoint }) => !stream || dialects[endpoint].words.event !== undefined,
  ],
  ["body", ourWords`what is sealed has a tag of ${TAG_BYTES} bytes`, (_, { bodyBytes }) => bodyBytes >= 0],
];

const invalid = (param: string, expected: OurWords): NetworkError =>
  new NetworkError({ code: "body_invalid", param: param as ParamPath, expected });

function refuseUnknownFeatures({ features }: SealHeader): void {
  if (features.some((feature) => feature !== "tools"))
    throw new NetworkError({
      code: "unsupported",
      param: "hdr.features" as ParamPath,
      reason: ourWords`no machine can do more here than 'tools'`,
    });
}

const tasks: Partial<Record<Endpoint, ModelTask>> = { "/v1/completions": "complete", "/v1/embeddings": "embed" };
const writesNothing: readonly Endpoint[] = ["/v1/embeddings", "/v1/messages/count_tokens"];

/** How many texts have a context each, at most. */
function textsMax(endpoint: Endpoint, bodyBytes: number): number | undefined {
  if (endpoint === "/v1/completions") return CHOICES_MAX;
  if (endpoint !== "/v1/embeddings") return undefined;
  return Math.min(EMBED_INPUTS_MAX, Math.ceil(bodyBytes / INPUT_BYTES_MIN));
}

/** What its body says is bounded by what it can say in so many bytes. */
function clearTermsOf(header: SealHeader, bodyBytes: number): ClearTerms {
  const { endpoint, model, stream, max_tokens: maxTokens, features } = header;
  const texts = textsMax(endpoint, bodyBytes);
  return {
    endpoint,
    model,
    task: tasks[endpoint] ?? "generate",
    stream,
    generates: !writesNothing.includes(endpoint),
    maxTokens,
    choices: 1,
    ...(texts !== undefined && { texts }),
    features: features.includes("tools") ? ["tools"] : [],
    pins: header.pins as Serial[],
  };
}
