import { toHex } from "@darkbloom/protocol/bytes";
import type { Endpoint } from "@darkbloom/protocol/endpoints";
import { atLeast } from "@darkbloom/protocol/evidence";
import { requestHeaders } from "@darkbloom/protocol/headers";
import { CANDIDATES_MAX, CHOICES_MAX, MAX_TOKENS_DEFAULT } from "@darkbloom/protocol/limits";
import { mostOf } from "@darkbloom/protocol/lists";
import {
  paddedRequest,
  recipientOf,
  sealFor,
  SEALED_REQUEST_TYPE,
  writeEnvelope,
  type Hpke,
  type SealHeader,
  type SharedSecret,
} from "@darkbloom/protocol/sealing";
import type { Suite } from "@darkbloom/protocol/wire";
import type { Ask } from "./asked.ts";
import { minTrustOf, nonceOf, ownPins, type Sent } from "./asking.ts";
import { DarkbloomError } from "./errors.ts";
import type { Machine } from "./machine.ts";
import type { Acceptable } from "./machine-list.ts";
import type { Rules } from "./policy.ts";
import type { Ports } from "./ports.ts";

/** A machine that a request is sealed to, and what its answer will be opened with. */
export interface Candidate {
  readonly machine: Machine;
  readonly keyId: string;
  readonly secret: SharedSecret;
}

export interface SealedSent extends Sent {
  readonly url: URL;
  readonly header: SealHeader;
  readonly candidates: readonly Candidate[];
  /** Of what was sealed. */
  readonly plaintextSha256: Uint8Array;
}

/**
 * Seals a request to machines that are as the policy wants them, at most four. Any one of them can read it.
 *
 * @throws DarkbloomError where this coordinator or these machines take nothing sealed
 */
export function sealedRequest(ports: Ports, rules: Rules, ask: Ask, { machines: all, model }: Acceptable): SealedSent {
  if (!model)
    throw new DarkbloomError(
      "mode_unavailable",
      'This coordinator takes nothing sealed. With `mode: "transparent"` it could read what is asked. Nothing was sent.',
    );
  const minTrust = minTrustOf(rules, ask);
  const machines = all.filter(({ verdict }) => atLeast(verdict.level, minTrust));
  if (machines.length === 0)
    throw new DarkbloomError(
      "policy_unmet",
      `No machine is at the level that the request asks for (${requestHeaders.minTrust}: ${minTrust}). Nothing was sent.`,
    );
  const suite = suiteOf(ports.hpke, machines);
  const named = machines.slice(0, CANDIDATES_MAX).flatMap((machine) => {
    const key = machine.blob?.hpke_keys.find((one) => one.suite === suite);
    return key ? [{ machine, key }] : [];
  });
  const recipients = named.map(({ machine: { attestation }, key }) =>
    recipientOf(ports.hpke, { providerId: attestation.provider_id, evidenceSha256: attestation.evidence_sha256 }, key),
  );
  const endpoint = endpointOf(ask);
  const nonce = nonceOf(ports, ask);
  const body = paddedRequest(ask.body);
  const { envelope, header, secrets } = sealFor(ports, {
    terms: {
      mode: "sealed",
      endpoint,
      model: model.id,
      ...(ask.model !== model.id && { asked_model: ask.model }),
      build: model.build,
      stream: ask.stream,
      max_tokens: tokensMax(endpoint, ask.said, model.max_output_length),
      features: Array.isArray(ask.said["tools"]) && ask.said["tools"].length > 0 ? ["tools"] : [],
      min_trust: minTrust,
      pins: ownPins(ask, rules) ?? [...(rules.pins ?? [])],
      nonce,
    },
    body,
    recipients,
    nowMs: ports.now(),
  });
  const bytes = new Uint8Array(writeEnvelope(envelope));
  return {
    url: urlOf(ask, endpoint),
    headers: headersOf(ask),
    body: bytes,
    requestSha256: toHex(ports.crypto.sha256(bytes)),
    nonce,
    header,
    candidates: named.flatMap(({ machine, key: { id: keyId } }, at) => {
      const secret = secrets[at];
      return secret ? [{ machine, keyId, secret }] : [];
    }),
    plaintextSha256: ports.crypto.sha256(body),
  };
}

/** The best one that any of them has: who has only a lesser one is left out, and lowers it for nobody. */
function suiteOf(hpke: Pick<Hpke, "suites">, machines: readonly Machine[]): Suite | undefined {
  return hpke.suites.find((suite) => machines.some(({ blob }) => blob?.hpke_keys.some((key) => key.suite === suite)));
}

/** A body of the other dialect's shape goes to that dialect's path. */
function endpointOf({ endpoint, said }: Ask): Endpoint {
  const has = (field: string): boolean => (said[field] ?? null) !== null;
  if (endpoint === "/v1/responses" && has("messages") && !has("input")) return "/v1/chat/completions";
  if (endpoint === "/v1/chat/completions" && has("input") && !has("messages")) return "/v1/responses";
  return endpoint;
}

function urlOf({ url, endpoint: asked }: Ask, endpoint: Endpoint): URL {
  const to = new URL(url);
  to.pathname = to.pathname.replace(asked, endpoint);
  return to;
}

/** What the clear fields say is said there alone; and what is sealed anew each time is no request that came before under the same key. */
function headersOf({ headers: asked }: Ask): Headers {
  const headers = new Headers(asked);
  headers.set("content-type", SEALED_REQUEST_TYPE);
  for (const name of [requestHeaders.nonce, requestHeaders.minTrust, requestHeaders.idempotencyKey])
    headers.delete(name);
  return headers;
}

const writesNothing: readonly Endpoint[] = ["/v1/embeddings", "/v1/messages/count_tokens"];
const boundFields = ["max_completion_tokens", "max_output_tokens", "max_tokens"];

/** The output bound of all choices together, by which money is held: never less than the body asks for. */
function tokensMax(endpoint: Endpoint, said: Ask["said"], modelMax: number): number {
  if (writesNothing.includes(endpoint)) return 1;
  const bounds = boundFields.flatMap((field) => (isCount(said[field]) ? [said[field]] : []));
  const each = Math.min(bounds.length > 0 ? mostOf(bounds) : MAX_TOKENS_DEFAULT, modelMax);
  const n = isCount(said["n"]) ? said["n"] : 1;
  const prompts = Array.isArray(said["prompt"]) && typeof said["prompt"][0] !== "number" ? said["prompt"].length : 1;
  return Math.max(1, Math.min(each * n * prompts, modelMax * CHOICES_MAX));
}

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && Number(value) > 0;
