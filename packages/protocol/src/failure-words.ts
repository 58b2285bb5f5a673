import { wordsOfErasure } from "./erasure.ts";
import { gates, type Failure, type Gate, type StorageFault } from "./failures.ts";
import { formatUsd } from "./money.ts";

const gateWords: Record<Gate, readonly [ofOne: string, ofMore: string]> = {
  model_not_served: ["does not serve this model", "do not serve this model"],
  pinned_elsewhere: ["is not the pinned machine", "are not the pinned machine"],
  not_a_candidate: ["is none that the request was sealed to", "are none that the request was sealed to"],
  not_own: ["is not one of this account's own", "are none of this account's own"],
  owner_only: ["serves its owner alone", "serve their owners alone"],
  trust_below_minimum: ["is below the needed trust level", "are below the needed trust level"],
  evidence_failed: ["fails a check of what it shows of itself", "fail a check of what they show of themselves"],
  challenge_stale: ["has not passed a recent attestation challenge", "have not passed a recent attestation challenge"],
  untrusted: ["is untrusted", "are untrusted"],
  not_approved: ["is not approved by the operator", "are not approved by the operator"],
  draining: ["is draining", "are draining"],
  context_too_small: ["has too small a context", "have too small a context"],
  ejected: ["fails too often and is left out for a while", "fail too often and are left out for a while"],
  already_tried: ["failed this request already", "failed this request already"],
};

/** What a gate says of one machine, e.g. `is draining`. */
export const wordsOfGate = (gate: Gate): string => gateWords[gate][0];

const storageWords: Record<StorageFault, string> = {
  disk_full: "its disk is full",
  read_only: "its disk or its database can only be read",
  io_error: "its disk fails",
  busy: "another program holds its database",
  damaged: "its database is damaged",
  away: "its database cannot be reached",
};

const limitWords = {
  none: "limit",
  daily: "limit for a day",
  weekly: "limit for a week",
  monthly: "limit for a month",
};

const passkeyRefusals = {
  unfit:
    "What the device said does not fit what it was asked, or came too late. Ask for options again: POST /v1/me/passkeys/options.",
  full: "This passkey is known already, or you have as many as one may have. GET /v1/me/passkeys lists them; remove one that is not used.",
  address:
    "No passkey works at this address: a passkey belongs to a name. Open the operator's --public-url, or on this machine http://localhost in place of 127.0.0.1.",
} as const;

function keyLimitWords({ limit, needed, remaining, reset, resetsAt }: Extract<Failure, { code: "key_limit_reached" }>) {
  const told = (amount: bigint): string => (limit === "usd" ? `${formatUsd(amount)} USD` : `${amount} tokens`);
  const may = limit === "usd" ? "may cost" : "may use";
  const when = resetsAt === null ? "" : ` It counts afresh at ${new Date(resetsAt).toISOString()}.`;
  return `This request ${may} up to ${told(needed)}, and of this API key's ${limitWords[reset]} ${told(remaining)} remain (GET /v1/key).${when} Ask for less: a shorter prompt, or a lower bound on the answer; or ask whoever owns the key for a higher limit.`;
}

const rateWords = { requests: "requests", promptTokens: "tokens of prompts", answerTokens: "tokens of answers" };

/** What happened and what to do next, made of facts alone: nothing that a caller sent can appear in it. */
export function sentenceOf(failure: Failure): string {
  switch (failure.code) {
    case "key_missing":
      return "No API key was sent. Send it as 'Authorization: Bearer KEY' or as 'x-api-key: KEY'.";
    case "key_invalid":
      return "This API key is not known or was revoked. Ask the operator for a key ('darkbloom keys create').";
    case "key_disabled":
      return "This API key is disabled. Whoever owns it can enable it again ('darkbloom keys enable').";
    case "key_expired":
      return "This API key has expired. Ask whoever owns it for a later end, or for its new secret.";
    case "model_not_allowed":
      return `This API key is for ${failure.models === 1 ? "one model" : `${failure.models} models`}, and this is another. GET /v1/models lists what it may ask for.`;
    case "sealing_needed":
      return "This API key is for sealed requests alone, and this one was sent in the clear. Nothing of it was read. Seal it ('darkbloom proxy', @darkbloom/client), or use another key.";
    case "not_allowed":
      return "That is not allowed: with this API key, with a session where it takes a key, or under this Host, which is not one of the network's own.";
    case "session_missing":
      return "Nobody is signed in. Sign in in a browser ('darkbloom account link' prints a link), or with 'darkbloom login' and send its session as 'Authorization: Bearer'.";
    case "session_invalid":
      return "This session is not known, is over, or its person may sign in no more. Sign in again: 'darkbloom login'.";
    case "session_needed":
      return "An API key cannot do this: it takes somebody who is signed in. Run 'darkbloom login'.";
    case "role_needed":
      return "This takes the role of an operator.";
    case "token_invalid":
      return "This operator's token is not known, is over or was revoked, or whoever made it is no operator any more. Make another: POST /v1/admin/tokens.";
    case "scope_needed":
      return "This operator's token is not for that: a token does what its scopes name, and no more. GET /v1/admin/tokens shows them.";
    case "origin_foreign":
      return "A page of another site asks with a sign-in that is not its own. Send a session or an API key in 'Authorization'.";
    case "passkey_not_found":
      return "You have no such passkey. GET /v1/me/passkeys lists yours.";
    case "passkey_refused":
      return passkeyRefusals[failure.why];
    case "session_not_found":
      return "You have no such session. GET /v1/me/sessions lists yours.";
    case "key_not_found":
      return "You have no key with this id. GET /v1/keys lists yours.";
    case "key_revoked":
      return "This key was revoked, which lasts. Make a new one: POST /v1/keys.";
    case "keys_too_many":
      return `This account has ${failure.most} keys, as many as one may have. Revoke some that are not used: DELETE /v1/keys/{id}.`;
    case "account_not_found":
      return "You have no such account. GET /v1/teams lists the teams that you are in; without 'x-darkbloom-account' it is your own.";
    case "team_not_found":
      return "You are in no such team. GET /v1/teams lists those that you are in.";
    case "team_role_needed":
      return "Your role in this team does not allow that. Ask one of its owners or admins.";
    case "member_not_found":
      return "Nobody of this id is in this team. GET /v1/teams/{id}/members lists who is.";
    case "invite_not_found":
      return "This invite was used, withdrawn, is over or was never made. Ask somebody of the team for another.";
    case "last_owner":
      return "A team keeps one owner. Make somebody else an owner first, or delete the team.";
    case "team_not_empty":
      return `This team still has ${failure.keys === 1 ? "1 key" : `${failure.keys} keys`} and ${formatUsd(failure.microUsd)} USD. Revoke its keys and empty its balance first.`;
    case "teams_too_many":
      return `You are in ${failure.most} teams, as many as one may be in. Leave one first.`;
    case "members_too_many":
      return `This team has ${failure.most} members, as many as one may have.`;
    case "machine_not_found":
      return "You have no machine with this id. GET /v1/me/providers lists yours.";
    case "erasure_refused":
      return wordsOfErasure(failure);
    case "body_invalid":
      return failure.param === null
        ? `The request body is not valid: ${failure.expected}.`
        : `'${failure.param}' is not valid: ${failure.expected}.`;
    case "unsupported":
      return `'${failure.param}' is not supported here: ${failure.reason}.`;
    case "previous_response_not_found":
      return "This connection does not hold that response, and nothing is stored here. Send the whole conversation as 'input', without 'previous_response_id'.";
    case "websocket_connection_limit_reached":
      return `A connection is open for ${failure.lifeMs / 60_000} minutes at most. Open another.`;
    case "context_length_exceeded":
      return `This model's maximum context length is ${failure.contextTokens} tokens. However, the messages come to at least ${failure.promptTokens} tokens. Shorten the messages.`;
    case "insufficient_funds":
      return `This request may cost up to ${formatUsd(failure.neededMicroUsd)} USD and the balance that can be spent is ${formatUsd(failure.availableMicroUsd)} USD. Add credit, or ask for less: a shorter prompt, or a lower bound on the answer.`;
    case "account_in_debt":
      return `This account owes ${formatUsd(failure.owedMicroUsd)} USD: a payment to it was taken back by who made it, or refunded, after it had been spent. Nothing can be spent before that is paid; a deposit or a grant pays it first.`;
    case "key_limit_reached":
      return keyLimitWords(failure);
    case "model_not_found":
      return `This model is not in the catalog, which knows ${failure.knownModels} ${failure.knownModels === 1 ? "model" : "models"}. GET /v1/models lists them.`;
    case "receipt_not_found":
      return "There is no receipt with this job id for this account; receipts are kept for 90 days, unless the operator has set another time.";
    case "deposit_not_found":
      return "This account has no such payment. GET /v1/payments/deposits lists those that it has.";
    case "withdrawal_not_found":
      return "This account has no such withdrawal. GET /v1/payments/withdrawals lists those that it has.";
    case "withdrawal_not_open":
      return "This withdrawal is on its way out already, or over. GET /v1/payments/withdrawals says how it stands.";
    case "withdrawals_too_many":
      return `This account has ${failure.most} withdrawals that are not over, as many as one may have. Wait for one, or call one off: DELETE /v1/payments/withdrawals/{id}.`;
    case "not_withdrawable":
      return `No more than ${formatUsd(failure.availableMicroUsd)} USD can be withdrawn now: what machines earned from money that was paid in, has cleared and was not spent. GET /v1/me/summary shows it.`;
    case "payouts_off":
      return "This coordinator pays nothing out: its operator has not switched payouts on (--payouts). What was earned can be spent on answers, and stays yours.";
    case "webhook_invalid":
      return "This notice was not signed with a secret that is known here, or too long ago, or it is of another mode than the key here.";
    case "payments_off":
      return "This coordinator takes no payments: its operator has given it no key of Stripe's. An operator can grant credit.";
    case "payments_unavailable":
      return `Stripe does not answer as it should. Nothing was charged by this request. Try again in ${failure.retryAfterSec} s.`;
    case "tile_not_found":
      return "The transparency log has no such file: its checkpoint, at /log/checkpoint, says how many entries there are, and only what it counts can be read.";
    case "route_not_found":
      return `There is no such route. ${failure.baseUrl === undefined ? "" : `${failure.baseUrl}. `}GET /openapi.json lists what there is.`;
    case "method_not_allowed":
      return `This route does not take that method; it takes ${failure.allow}.`;
    case "upgrade_needed":
      return "Providers connect here by WebSocket. Whoever did so sees that a proxy on the way leaves the upgrade out.";
    case "no_candidate":
      return failure.others === 0
        ? "The machines that this request is sealed to cannot serve it now, and no other has the same build of the model. Nothing was charged. Look at the evidence again."
        : "The machines that this request is sealed to cannot serve it now. Nothing was charged. 'sealing' in this answer has others: verify them, and seal the request to some of them under a new id.";
    case "cannot_open":
      return "A machine that this request is sealed to cannot open it. Nothing was charged. It has expired, came before, or names a key that is gone: look at the evidence again, and seal it anew.";
    case "request_refused":
      return "The machine refuses this request, and tells why to whoever sealed it. Nothing was charged.";
    case "idempotency_conflict":
      return failure.conflict === "other_body"
        ? "This Idempotency-Key came with another request body before. Nothing was charged. Send a new key with a new request."
        : `A request with this Idempotency-Key still runs. Nothing was charged for this one. Try again in ${failure.retryAfterSec} s, or send another key.`;
    case "payload_too_large":
      return `The request body is larger than ${failure.maxBytes} bytes. Send less.`;
    case "rate_limit_exceeded":
      if (failure.rate)
        return `This API key's ${rateWords[failure.rate]} of a minute are used, or taken by what runs (GET /v1/key). Nothing was charged. Try again in ${failure.retryAfterSec} s.`;
      return `Too many requests. Try again in ${failure.retryAfterSec} s.`;
    case "capacity_full":
      return `Every machine that serves this model is busy, and stayed so for ${Math.round(failure.waitedMs / 1000)} s. Try again in ${failure.retryAfterSec} s.`;
    case "caller_gone":
      return "The caller hung up.";
    case "internal_error":
      return "Something went wrong on our side. Nothing was charged. Try again; if it stays, tell the operator the request id.";
    case "provider_fault":
      return `The provider failed (${failure.fault}). Nothing was charged. Try again.`;
    case "provider_gone":
      return "The provider's connection was lost. Nothing was charged. Try again.";
    case "provider_silent":
      return "The provider fell silent with this request. Nothing was charged. It was not tried on another machine, since the request itself may be the reason.";
    case "engine_ended":
      return "The model could not get on with this request and was ended. Nothing was charged. It was not tried on another machine; send something simpler.";
    case "provider_busy":
      return "The provider took no more work. Nothing was charged. Try again.";
    case "receipt_mismatch":
      return `The provider's answer did not match its signature (${failure.field ?? failure.mismatch}). Nothing was charged and the provider is no longer trusted. Try again.`;
    case "no_provider": {
      const reasons = gates.flatMap((gate) => {
        const machines = failure.gates[gate] ?? 0;
        return machines === 0 ? [] : [`${machines} ${gateWords[gate][machines === 1 ? 0 : 1]}`];
      });
      if (failure.ofOwn === true) {
        const own =
          failure.connected === 0 ? "none is connected" : `of ${failure.connected} connected, ${reasons.join(", ")}`;
        return `No machine of your own can serve this request now: ${own}. Nothing was charged. GET /v1/me/providers lists them; with 'x-darkbloom-route: prefer' others may serve it, at their price.`;
      }
      const seen =
        failure.connected === 0
          ? "no provider is connected"
          : `of ${failure.connected} connected, ${reasons.join(", ")}`;
      const bound =
        failure.keyIsBound === true ? " This key is bound to a trust level or to machines: GET /v1/key." : "";
      return `No machine can serve this request now: ${seen}.${bound} GET /v1/providers/attestation shows every machine with its checks.`;
    }
    case "overloaded":
      return `This coordinator holds as much at once as it can. Try again in ${failure.retryAfterSec} s.`;
    case "storage_unavailable":
      return `This coordinator cannot keep its books now: ${storageWords[failure.fault]}. ${failure.mayStand ? "This may have been charged: look at your usage before you ask again." : "Nothing was charged."} Tell its operator, and try again in ${failure.retryAfterSec} s.`;
    case "draining":
      return `This coordinator is shutting down. Nothing was charged. Try again in ${failure.retryAfterSec} s.`;
    case "too_slow":
      if (failure.reading === true)
        return `The provider had not read the whole prompt after ${Math.round(failure.waitedMs / 1000)} s. Nothing was charged. Send a shorter prompt, or ask for a smaller model.`;
      return `The provider sent nothing for ${Math.round(failure.waitedMs / 1000)} s. Nothing was charged. Try again.`;
  }
}
