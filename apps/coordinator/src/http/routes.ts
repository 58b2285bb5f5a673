import { endpoints, type Endpoint } from "@darkbloom/protocol/dialects";
import type { AdminCall } from "../admin/call.ts";
import { adminCalls } from "../admin/calls.ts";
import type { Declaration, Known } from "./access.ts";
import { showKey, showReceipt } from "./account.ts";
import { createCheckout, DEPOSIT_PATH, hearStripe, listDeposits, showCheckout, showDeposited } from "./billing.ts";
import { CONSOLE_PREFIX, showAsset, showConsole, showDocs } from "./console.ts";
import { showOpenApi, type Described } from "./described.ts";
import { DEVICE_CODE_PATH, DEVICE_PATH, DEVICE_TOKEN_PATH, devicePages, openDevice, pollDevice } from "./device.ts";
import type { Door, Route } from "./door.ts";
import { showGuide, showPointer } from "./guide.ts";
import { listEarnings, showSummary } from "./earnings.ts";
import { infer } from "./infer.ts";
import { createKey, editKey, listKeys, revokeKey, rotateKey, showOneKey } from "./keys.ts";
import { eraseMe, exportMe, planMyErasure } from "./leaving.ts";
import { streamChanges } from "./live.ts";
import { showLive } from "./live-figures.ts";
import { endSession, listSessions, showMe } from "./me.ts";
import { SIGN_IN_PATH } from "./browser-session.ts";
import {
  askForCode,
  askForPasskey,
  CODE_PATH,
  comeFromProvider,
  goToProvider,
  INVITE_PATH,
  LINK_PATH,
  MAIL_PATH,
  OPENID_BACK_PATH,
  OPENID_PATH,
  PASSKEY_PATH,
  PASSKEY_USE_PATH,
  signInByPasskey,
  showInvite,
  useCode,
  showLink,
  showSignIn,
  signOut,
  useInvite,
  useLink,
} from "./sign-in.ts";
import { LOG_PREFIX, showCheckpoint, showProof, showTile } from "./log.ts";
import { revokeMachineToken } from "./machine-grant.ts";
import { listModels, oneModel } from "./models.ts";
import { editMachine, listMachines, unlinkMachine } from "./my-machines.ts";
import { listPrices, listUsage, showBalance } from "./money.ts";
import { addPasskey, beginPasskey, listPasskeys, removePasskey } from "./passkeys.ts";
import { showNetwork } from "./network.ts";
import { showOAuthMetadata } from "./oauth-metadata.ts";
import { operate } from "./operate.ts";
import { showHealth, showMetrics, showReady } from "./operations.ts";
import { createUser, listUsers, patchUser, replaceUser, SCIM_PATH, showScimConfig, showUser } from "./scim.ts";
import { JOIN_PATH, showJoin, useJoin } from "./team-page.ts";
import {
  createInvite,
  createTeam,
  deleteTeam,
  editMember,
  editTeam,
  joinTeam,
  listInvites,
  listMembers,
  listTeams,
  removeMember,
  showTeam,
  withdrawInvite,
} from "./teams.ts";
import { askForWithdrawal, cancelWithdrawal, listWithdrawals } from "./withdrawals.ts";
import { listAttestations, showWellKnown } from "./transparency.ts";

/** A route and where it is. */
export interface Placed {
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  readonly path: string;
  readonly route: Route;
}

const get = (path: string, route: Route): Placed => ({ method: "GET", path, route });
const post = (path: string, route: Route): Placed => ({ method: "POST", path, route });
const patch = (path: string, route: Route): Placed => ({ method: "PATCH", path, route });
const put = (path: string, route: Route): Placed => ({ method: "PUT", path, route });
const remove = (path: string, route: Route): Placed => ({ method: "DELETE", path, route });

/** Every route there is over HTTP. @param described all of them */
export const routesOf = (door: Door, described: Pick<Described, "document">): readonly Placed[] =>
  placed(door, described, devicePages(door));

const placed = (
  door: Door,
  described: Pick<Described, "document">,
  device: ReturnType<typeof devicePages>,
): readonly Placed[] => [
  ...endpoints.map((endpoint) => post(endpoint, infer(door, endpoint))),

  get("/v1/models", listModels(door)),
  get("/v1/models/*", oneModel(door)),
  get("/v1/pricing", listPrices(door)),
  get("/v1/payments/balance", showBalance(door)),
  get("/v1/payments/usage", listUsage(door)),
  get("/v1/payments/deposits", listDeposits(door)),
  get("/v1/payments/withdrawals", listWithdrawals(door)),
  post("/v1/payments/withdrawals", askForWithdrawal(door)),
  remove("/v1/payments/withdrawals/:id", cancelWithdrawal(door)),
  post("/v1/billing/stripe/create-session", createCheckout(door)),
  get("/v1/billing/stripe/session", showCheckout(door)),
  post("/v1/billing/stripe/webhook", hearStripe(door)),
  get(DEPOSIT_PATH, showDeposited(door)),
  get("/v1/key", showKey(door)),
  get("/v1/receipts/:job_id", showReceipt(door)),

  get("/v1/me", showMe(door)),
  get("/v1/me/sessions", listSessions(door)),
  remove("/v1/me/sessions/:id", endSession(door)),
  get("/v1/me/events", streamChanges(door)),
  get("/v1/me/export", exportMe(door)),
  get("/v1/me/erasure", planMyErasure(door)),
  post("/v1/me/erase", eraseMe(door)),
  get("/v1/me/summary", showSummary(door)),
  get("/v1/me/earnings", listEarnings(door)),
  get("/v1/me/passkeys", listPasskeys(door)),
  post("/v1/me/passkeys", addPasskey(door)),
  post("/v1/me/passkeys/options", beginPasskey(door)),
  remove("/v1/me/passkeys/:id", removePasskey(door)),

  get("/v1/me/providers", listMachines(door)),
  patch("/v1/me/providers/:id", editMachine(door)),
  remove("/v1/me/providers/:id", unlinkMachine(door)),

  get("/v1/keys", listKeys(door)),
  post("/v1/keys", createKey(door)),
  get("/v1/keys/:id", showOneKey(door)),
  patch("/v1/keys/:id", editKey(door)),
  remove("/v1/keys/:id", revokeKey(door)),
  post("/v1/keys/:id/rotate", rotateKey(door)),

  get("/v1/teams", listTeams(door)),
  post("/v1/teams", createTeam(door)),
  post("/v1/teams/join", joinTeam(door)),
  get("/v1/teams/:id", showTeam(door)),
  patch("/v1/teams/:id", editTeam(door)),
  remove("/v1/teams/:id", deleteTeam(door)),
  get("/v1/teams/:id/members", listMembers(door)),
  patch("/v1/teams/:id/members/:person", editMember(door)),
  remove("/v1/teams/:id/members/:person", removeMember(door)),
  get("/v1/teams/:id/invites", listInvites(door)),
  post("/v1/teams/:id/invites", createInvite(door)),
  remove("/v1/teams/:id/invites/:invite", withdrawInvite(door)),
  get(`${JOIN_PATH}/:secret`, showJoin(door)),
  post(JOIN_PATH, useJoin(door)),

  get(`${SCIM_PATH}/ServiceProviderConfig`, showScimConfig(door)),
  get(`${SCIM_PATH}/Users`, listUsers(door)),
  post(`${SCIM_PATH}/Users`, createUser(door)),
  get(`${SCIM_PATH}/Users/:id`, showUser(door)),
  put(`${SCIM_PATH}/Users/:id`, replaceUser(door)),
  patch(`${SCIM_PATH}/Users/:id`, patchUser(door)),

  get(SIGN_IN_PATH, showSignIn(door)),
  get(`${LINK_PATH}/:secret`, showLink(door)),
  post(LINK_PATH, useLink(door)),
  get(`${INVITE_PATH}/:secret`, showInvite(door)),
  post(INVITE_PATH, useInvite(door)),
  post(MAIL_PATH, askForCode(door)),
  post(CODE_PATH, useCode(door)),
  post(PASSKEY_PATH, askForPasskey(door)),
  post(PASSKEY_USE_PATH, signInByPasskey(door)),
  post(OPENID_PATH, goToProvider(door)),
  get(OPENID_BACK_PATH, comeFromProvider(door)),
  post("/sign-out", signOut(door)),
  post(DEVICE_CODE_PATH, openDevice(door)),
  post(DEVICE_TOKEN_PATH, pollDevice(door)),
  post("/v1/device/revoke", revokeMachineToken(door)),
  get("/.well-known/oauth-authorization-server", showOAuthMetadata(door)),
  get(DEVICE_PATH, device.show),
  post(DEVICE_PATH, device.decide),

  ...Object.values<AdminCall>(adminCalls).map((call): Placed => ({
    method: call.method,
    path: call.path,
    route: operate(door, call),
  })),

  get("/v1/admin/live", showLive(door)),

  get("/v1/network", showNetwork(door)),
  get("/v1/providers/attestation", listAttestations(door)),
  get("/.well-known/darkbloom", showWellKnown(door)),
  get(`${LOG_PREFIX}/checkpoint`, showCheckpoint(door)),
  get(`${LOG_PREFIX}/proof/:leaf`, showProof(door)),
  get(`${LOG_PREFIX}/tile/*`, showTile(door)),

  get("/health", showHealth(door)),
  get("/readyz", showReady(door)),
  get("/metrics", showMetrics(door)),

  get("/", showPointer(door)),
  get(CONSOLE_PREFIX, showConsole(door)),
  get(`${CONSOLE_PREFIX}/*`, showConsole(door)),
  get(`${CONSOLE_PREFIX}/assets/:name`, showAsset(door)),
  get("/docs", showDocs(door)),
  get("/llms.txt", showGuide(door)),
  get("/openapi.json", showOpenApi(described)),
];

const RESPONSES_PATH = "/v1/responses" satisfies Endpoint;
export const PROVIDER_PATH = "/ws/provider";

/** Every path that is upgraded to a WebSocket. Of a caller's, each message is counted and asked for its key again (`caller-socket.ts`). */
export const upgrades = {
  [RESPONSES_PATH]: { access: "key or session", limit: "none", whileDraining: "refused" } satisfies Known,
  [PROVIDER_PATH]: { access: "provider", limit: "none" } satisfies Declaration,
} as const;
