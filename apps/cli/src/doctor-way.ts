import { connect as connectTcp, isIP, type Socket } from "node:net";
import { connect as connectTls, TLSSocket } from "node:tls";
import { checks, type Check } from "@darkbloom/protocol/evidence";
import { printable } from "@darkbloom/protocol/printable";
import type { DialFault, LossReason } from "@darkbloom/provider/events/events";
import { tryJoin } from "@darkbloom/provider/try-join";
import { faultOfError } from "@darkbloom/provider/ws/dial-faults";
import { lossFor } from "./losses.ts";

/** For each step. */
const STEP_WAIT_MAX_MS = 5_000;
/** More of an answer to `/health` than any coordinator gives. */
const HEALTH_BYTES_MAX = 16 * 1024;

const { pass, fail, unknown } = checks;

/** The way of a provider to its coordinator, step by step: one that fails is the reason why those after it were not tried. */
const steps = [
  "coordinator.name",
  "coordinator.connection",
  "coordinator.certificate",
  "coordinator.reachable",
  "coordinator.websocket",
  "coordinator.join",
] as const;
type Step = (typeof steps)[number];

export interface Way {
  readonly checks: readonly Check[];
  /** By how many seconds this machine's clock is ahead, where the coordinator told its time. */
  readonly secondsAhead?: number;
}

/**
 * Goes the whole way, up to being taken in as a machine that offers nothing.
 *
 * @param isConnected the provider that runs here is: then nothing is left to try
 */
export async function goToCoordinator(
  url: URL,
  {
    authToken,
    version,
    isConnected,
    hasMachineToken = false,
  }: { authToken: string | undefined; version: string; isConnected: boolean; hasMachineToken?: boolean },
): Promise<Way> {
  const gone = await connectTo(url);
  if (hasFailed(gone)) return { checks: withRest(gone) };
  const { check, secondsAhead } = await askHealth(url);
  gone.push(check);
  const told = secondsAhead === undefined ? {} : { secondsAhead };
  if (hasFailed(gone)) return { checks: withRest(gone), ...told };
  if (isConnected) {
    const own = "the provider that runs here is connected";
    return { checks: [...gone, pass("coordinator.websocket", own), pass("coordinator.join", own)], ...told };
  }
  const tried = await tryJoin({ coordinatorUrl: url.href, authToken, version });
  // Its token is bound to its own key, and this try is made with another.
  const needsOwnKey = hasMachineToken && (tried === "token_missing" || tried === "token_refused");
  if (needsOwnKey) {
    const own =
      "the coordinator asks for a token, and this machine has one of its own, which only its own key can show";
    return {
      checks: [
        ...gone,
        pass("coordinator.websocket", "a WebSocket opens at /ws/provider"),
        unknown("coordinator.join", own, ""),
      ],
      ...told,
    };
  }
  return { checks: withRest([...gone, ...joinChecks(tried, authToken !== undefined)]), ...told };
}

const hasFailed = (gone: readonly Check[]): boolean => gone.some(({ status }) => status === "fail");

/** @param told what is said of each step that was not gone */
export const notTried = (told: string, remedy = ""): Check[] => steps.map((step) => unknown(step, told, remedy));

function withRest(gone: readonly Check[]): Check[] {
  const failed = gone.find(({ status }) => status === "fail");
  const rest = steps.filter((step) => !gone.some(({ id }) => id === step));
  return [...gone, ...rest.map((step) => unknown(step, `not tried, since ${failed?.id ?? "it"} fails`))];
}

/** Name, connection and certificate, as one connection comes to them. */
async function connectTo({ protocol, hostname, port }: URL): Promise<Check[]> {
  const isTls = protocol === "https:";
  const host = hostname.replace(/^\[(.*)\]$/, "$1");
  const at = { host, port: Number(port === "" ? (isTls ? 443 : 80) : port) };
  const name = isIP(host) === 0 ? undefined : "the URL has an address in the place of a name";
  const gone: Check[] = name === undefined ? [] : [pass("coordinator.name", name)];
  const socket = isTls ? connectTls({ ...at, ...(name === undefined && { servername: host }) }) : connectTcp(at);
  // Each step below listens for its own; one that comes later finds nobody waiting.
  socket.on("error", () => undefined);
  const addresses: string[] = [];
  socket.on("lookup", (_error, address) => void (address && addresses.push(address)));
  const named = () => {
    if (name === undefined && addresses.length > 0)
      gone.push(pass("coordinator.name", `${host} is ${addresses.join(", ")}`));
  };
  socket.setTimeout(STEP_WAIT_MAX_MS, () => socket.destroy(Object.assign(new Error("late"), { code: "ETIMEDOUT" })));
  try {
    await happened(socket, "connect");
    named();
    gone.push(pass("coordinator.connection", `${socket.remoteAddress ?? host} takes a connection at port ${at.port}`));
    if (!(socket instanceof TLSSocket))
      return [...gone, pass("coordinator.certificate", "none: http:// is not encrypted on its way")];
    await happened(socket, "secureConnect");
    const { issuer, valid_to: end } = socket.getPeerCertificate();
    const by = [issuer.O ?? issuer.CN ?? "an authority without a name"].flat().join(", ");
    return [...gone, pass("coordinator.certificate", `vouched for by ${by}, until ${end}`)];
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    const fault = faultOfError(error);
    if (!gone.some(({ id }) => id === "coordinator.connection")) named();
    const step = steps.find((candidate) => !gone.some(({ id }) => id === candidate)) ?? "coordinator.certificate";
    return [...gone, failed(fault === "name_unknown" ? "coordinator.name" : step, fault)];
  } finally {
    socket.destroy();
  }
}

const happened = (socket: Socket, event: "connect" | "secureConnect"): Promise<void> =>
  new Promise((resolve, reject) => {
    socket.once(event, resolve);
    socket.once("error", reject);
  });

/** Whether a coordinator answers there by HTTP, and what time it has. */
async function askHealth(url: URL): Promise<{ readonly check: Check; readonly secondsAhead?: number }> {
  const id = "coordinator.reachable";
  try {
    const response = await fetch(new URL(`${url.pathname.replace(/\/$/, "")}/health`, url), {
      signal: AbortSignal.timeout(STEP_WAIT_MAX_MS),
      redirect: "manual",
    });
    const told = Date.parse(response.headers.get("date") ?? "");
    const ahead = Number.isNaN(told) ? {} : { secondsAhead: (Date.now() - told) / 1000 };
    const text = await firstText(response);
    if (response.status >= 300 && response.status < 400) {
      const to = printable(response.headers.get("location") ?? "nowhere");
      return { check: fail(id, `${asPart("redirected")}: ${to}`, lossFor("redirected").remedy), ...ahead };
    }
    if (response.status === 502 || response.status === 504) return { check: failed(id, "nothing_behind_proxy") };
    if (response.ok && isHealth(text)) return { check: pass(id, `a coordinator answers at ${url.href}`), ...ahead };
    const other = `${asPart("no_coordinator")}: /health has status ${response.status}`;
    return { check: fail(id, other, lossFor("no_coordinator").remedy) };
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
    return { check: failed(id, cause instanceof Error ? faultOfError(cause) : "unreachable") };
  }
}

async function firstText({ body }: Response): Promise<string> {
  let text = "";
  const decoder = new TextDecoder();
  for await (const piece of body ?? []) {
    text += decoder.decode(piece, { stream: true });
    if (text.length > HEALTH_BYTES_MAX) break;
  }
  return text;
}

function isHealth(text: string): boolean {
  try {
    const said: unknown = JSON.parse(text);
    return typeof said === "object" && said !== null && "status" in said && said.status === "ok" && "providers" in said;
  } catch {
    return false;
  }
}

/** What happens after the WebSocket is open; whatever else ends a try does so before. */
const afterUpgrade: Readonly<Record<Exclude<LossReason, DialFault>, true>> = {
  closed: true,
  refused: true,
  provider_older: true,
  coordinator_older: true,
  token_missing: true,
  token_refused: true,
  unlinked: true,
  replaced: true,
  silent: true,
  unread: true,
  not_registered: true,
  key_unavailable: true,
};

function joinChecks(reason: LossReason | undefined, hasToken: boolean): Check[] {
  if (reason !== undefined && !Object.hasOwn(afterUpgrade, reason)) return [failed("coordinator.websocket", reason)];
  const opened = pass("coordinator.websocket", "a WebSocket opens at /ws/provider");
  if (reason !== undefined) return [opened, failed("coordinator.join", reason)];
  const by = hasToken ? "with the secret that was shown" : "without a join token";
  return [opened, pass("coordinator.join", `the coordinator takes this machine ${by}`)];
}

const failed = (step: Step, reason: LossReason): Check => fail(step, asPart(reason), lossFor(reason).remedy);

/** As a check says it, which is no sentence of its own. */
function asPart(reason: LossReason): string {
  const { seen } = lossFor(reason);
  return seen.charAt(0).toLowerCase() + seen.slice(1);
}
