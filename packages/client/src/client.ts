import { CANDIDATES_MAX } from "@darkbloom/protocol/limits";
import { responseHeaders } from "@darkbloom/protocol/headers";
import { receiptDocument, type ReceiptDocument } from "@darkbloom/protocol/receipts";
import { addressOf, baseOf, readAsked, type Ask } from "./asked.ts";
import { transparentRequest, type Sent } from "./asking.ts";
import { openedAnswer } from "./answering-sealed.ts";
import { checkedAnswer } from "./answering.ts";
import { bytesOf } from "./bytes-of.ts";
import { checkReceipt, type Checking } from "./check-receipt.ts";
import { Coordinator, jsonIn, otherMachines } from "./coordinator.ts";
import { errorAnswer } from "./error-answer.ts";
import { DarkbloomError } from "./errors.ts";
import { Evidence } from "./evidence.ts";
import { Published } from "./keys.ts";
import {
  EVIDENCE_BYTES_MAX,
  NO_CANDIDATE_MAX,
  RECEIPT_ASK_EVERY_MS,
  RECEIPT_WAIT_MS,
  SMALL_ANSWER_BYTES_MAX,
} from "./limits.ts";
import { LogWatch } from "./log-watch.ts";
import type { Rules } from "./policy.ts";
import type { Ports } from "./ports.ts";
import { sealedRequest, type SealedSent } from "./sealed-request.ts";
import { factsOf, type Facts } from "./verified.ts";
import type { Darkbloom, DarkbloomOptions, Verification } from "./types.ts";

type Told = Pick<DarkbloomOptions, "baseURL" | "apiKey" | "brokenStreams" | "onVerified">;

/** A network as one program sees it: what it knows of the machines, and how it asks them. All that it keeps, it keeps in here. */
export class Client implements Darkbloom {
  readonly #ports: Ports;
  readonly #net: Checking;
  readonly #coordinator: Coordinator;
  readonly #told: Told;
  readonly #verifications = new WeakMap<Response, Promise<Verification>>();

  constructor(ports: Ports, rules: Rules, told: Told) {
    const coordinator = new Coordinator(ports, baseOf(told.baseURL));
    const published = new Published(ports, coordinator);
    const log = rules.log && new LogWatch(ports.crypto, coordinator, published, rules.log);
    const evidence = new Evidence(ports, coordinator, rules, log);
    this.#ports = ports;
    this.#net = { ports, rules, published, evidence };
    this.#coordinator = coordinator;
    this.#told = told;
  }

  get openai(): Darkbloom["openai"] {
    return { ...this.anthropic, baseURL: `${this.anthropic.baseURL}/v1` };
  }

  get anthropic(): Darkbloom["anthropic"] {
    const baseURL = this.#coordinator.base.href.replace(/\/$/, "");
    return { baseURL, apiKey: this.#told.apiKey ?? "", fetch: this.fetch };
  }

  /** One request, start to end: its machines are verified, it is sent, and its answer comes out as far as it holds. */
  readonly fetch: typeof fetch = async (input, init) => {
    const { pathname } = addressOf(input);
    let about: About = { endpoint: pathname };
    try {
      const asked = await readAsked(this.#coordinator.base, input, init);
      this.#identify(asked.headers);
      if (!("endpoint" in asked)) {
        const { url, method, headers, signal } = asked;
        return await this.#ports.send(url, { method, headers, redirect: "error", ...(signal && { signal }) });
      }
      about = asked;
      return await this.#answer(asked);
    } catch (error) {
      const refused = refusal(error, pathname);
      this.#settling(about, refused.response, refused.response).settle({ ...refused.facts });
      return refused.response;
    }
  };

  verificationOf(response: Response): Promise<Verification> {
    const verification = this.#verifications.get(response);
    if (verification) return verification;
    throw new RangeError("this response is none of this object's answers");
  }

  async receiptOf(
    jobId: string,
    { signal }: { readonly signal?: AbortSignal } = {},
  ): Promise<Verification | undefined> {
    const document = await this.#keptReceipt(jobId, signal);
    if (!document) return undefined;
    const { steps, machine } = await checkReceipt(this.#net, document, { jobId });
    const { endpoint, model } = document.receipt;
    return this.#verification(
      { endpoint, model },
      { status: 200, jobId },
      { outcome: "left", document, machine, steps },
    );
  }

  /** It is kept once its machine has closed the answer. */
  async #keptReceipt(jobId: string, signal: AbortSignal | undefined): Promise<ReceiptDocument | undefined> {
    const headers = new Headers();
    this.#identify(headers);
    const path = `v1/receipts/${encodeURIComponent(jobId)}`;
    for (const untilMs = this.#ports.now() + RECEIPT_WAIT_MS; ;) {
      const bytes = await this.#coordinator.file(path, { bytesMax: SMALL_ANSWER_BYTES_MAX, headers, signal });
      if (bytes) return receiptDocument.safeParse(jsonIn(bytes)).data;
      if (this.#ports.now() > untilMs) return undefined;
      await this.#ports.sleep(RECEIPT_ASK_EVERY_MS, signal);
    }
  }

  async #answer(ask: Ask): Promise<Response> {
    const { rules, published } = this.#net;
    // Needed with the first answer; what cannot be read is said then.
    if (!rules.coordinatorKeys) published.wellKnown().catch(() => undefined);
    return rules.mode === "sealed" ? this.#askSealed(ask) : this.#askInTheClear(ask);
  }

  async #askInTheClear(ask: Ask): Promise<Response> {
    const { rules, evidence } = this.#net;
    // Whoever may answer is known before anything leaves this program.
    await evidence.all.acceptable(1);
    const sent = transparentRequest(this.#ports, rules, ask);
    return this.#checked(ask, sent, await this.#send(ask.url, sent, ask));
  }

  /** Machines that a coordinator names in place of those that cannot serve are held to the same policy, and only so often. */
  async #askSealed(ask: Ask): Promise<Response> {
    const { rules, evidence } = this.#net;
    const list = evidence.of(ask.model);
    let acceptable = await list.acceptable(ACCEPTABLE_WANTED);
    const build = acceptable.model?.build;
    for (let refused = 1; ; refused++) {
      const sent = sealedRequest(this.#ports, rules, ask, acceptable);
      const response = await this.#send(sent.url, sent, ask);
      if (response.status !== 409) return this.#checked(ask, sent, response);
      const bytes = (await bytesOf(response.body, EVIDENCE_BYTES_MAX)) ?? new Uint8Array(0);
      const others = otherMachines(bytes);
      if (!others) return this.#checked(ask, sent, new Response(bytes, response));
      if (refused >= NO_CANDIDATE_MAX || others.model?.build !== build) throw noCandidate(refused);
      acceptable = await list.among(others, ACCEPTABLE_WANTED);
    }
  }

  #send(url: URL, { headers, body }: Sent, { signal }: Ask): Promise<Response> {
    return this.#ports.send(url, { method: "POST", headers, body, redirect: "error", ...(signal && { signal }) });
  }

  async #checked(ask: Ask, sent: Sent | SealedSent, response: Response): Promise<Response> {
    const settling = this.#settling(ask, response);
    const answering = {
      ...this.#net,
      ask,
      response,
      settle: settling.settle,
      brokenStreams: this.#told.brokenStreams ?? ("throw" as const),
    };
    const checking = "header" in sent ? openedAnswer({ ...answering, sent }) : checkedAnswer({ ...answering, sent });
    const answer = await checking.catch((error: unknown) => {
      const refused = refusal(error, ask.url.pathname);
      settling.settle(refused.facts);
      return refused.response;
    });
    this.#verifications.set(answer, settling.verification);
    return answer;
  }

  /** The verification of an answer: made of the first facts that it is told. */
  #settling(about: About, response: Response, answer?: Response) {
    const { promise: verification, resolve } = Promise.withResolvers<Verification>();
    let isSettled = false;
    const settle = (facts: Facts): void => {
      if (isSettled) return;
      isSettled = true;
      const jobId = response.headers.get(responseHeaders.jobId) ?? undefined;
      const found = this.#verification(about, { status: response.status, jobId }, facts);
      resolve(found);
      const { onVerified } = this.#told;
      // Whatever it throws is its program's, and no part of an answer.
      queueMicrotask(() => onVerified?.(found));
    };
    if (answer) this.#verifications.set(answer, verification);
    return { verification, settle };
  }

  #verification(
    { endpoint, model }: About,
    { status, jobId }: { readonly status: number; readonly jobId: string | undefined },
    facts: Facts,
  ): Verification {
    return {
      v: 1,
      at: new Date(this.#ports.now()).toISOString(),
      mode: this.#net.rules.mode,
      endpoint,
      ...(model !== undefined && { model }),
      status,
      ...(jobId !== undefined && { jobId }),
      ...factsOf(facts),
    };
  }

  /** A request that brings no key of its own has this object's. */
  #identify(headers: Headers): void {
    const { apiKey } = this.#told;
    if (apiKey !== undefined && !headers.has("authorization") && !headers.has("x-api-key"))
      headers.set("authorization", `Bearer ${apiKey}`);
  }
}

/** Of so many machines the best are sealed to: some may lack the best suite. */
const ACCEPTABLE_WANTED = 2 * CANDIDATES_MAX;

const noCandidate = (refused: number): DarkbloomError =>
  new DarkbloomError(
    "no_candidate",
    `None of the machines that were named could serve, ${refused === 1 ? "and others have other weights" : `${refused} times`}. Try again later; if it stays so, ask the operator why.`,
  );

/** What of a request its verification tells. */
interface About {
  readonly endpoint: string;
  readonly model?: string;
}

/** An error of ours as a response; any other is thrown on. */
function refusal(error: unknown, path: string): { readonly response: Response; readonly facts: Facts } {
  if (!(error instanceof DarkbloomError)) throw error;
  const response = errorAnswer(error, path);
  return { response, facts: { outcome: "refused", error, steps: [] } };
}
