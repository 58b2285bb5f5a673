import { once } from "node:events";
import { request, type ClientRequest, type IncomingMessage } from "node:http";
import { connect } from "node:net";
import type { Clock, Crypto, Random } from "@darkbloom/protocol/ports";
import { DataFolderError } from "@darkbloom/protocol/node";
import type { Audit } from "../accounts/audit.ts";
import type { Invites } from "../accounts/admission.ts";
import type { Identities } from "../accounts/identities.ts";
import type { MachineOwners } from "../accounts/machine-owners.ts";
import type { Passkeys } from "../accounts/passkeys.ts";
import type { People } from "../accounts/people.ts";
import type { OperatorTokens } from "../accounts/operator-tokens.ts";
import type { Teams } from "../accounts/teams.ts";
import type { Accounts } from "../accounts/port.ts";
import type { Ledger } from "../ledger/port.ts";
import type { DepositStore } from "../payments/deposits.ts";
import type { WithdrawalStore } from "../payouts/withdrawals.ts";
import { auditedAdmin } from "./audited.ts";
import { AdminError, otherVersion } from "./fault.ts";
import { ADMIN_ANSWER_BYTES_MAX, ADMIN_SILENCE_MAX_MS } from "./limits.ts";
import type { MachineStore } from "./machines.ts";
import { adminOf, type Admin } from "./operations.ts";
import { adminOver, type AdminAsked } from "./over.ts";
import { adminSocketOf } from "./socket-path.ts";

/** How long a folder may be held by somebody who does not answer: a coordinator that starts, another admin command. */
const ADMIN_WAIT_MAX_MS = 5_000;
const ADMIN_RETRY_MS = 100;

interface OpenStore extends MachineStore {
  readonly ledger: Ledger;
  readonly accounts: Accounts;
  readonly people: People;
  readonly teams: Teams;
  readonly tokens: OperatorTokens;
  readonly audit: Audit;
  readonly invites: Invites;
  readonly identities: Identities;
  readonly passkeys: Passkeys;
  readonly owners: MachineOwners;
  readonly deposits: DepositStore;
  readonly withdrawals: WithdrawalStore;
}

/** How to do without a coordinator. `main` passes `openStore` here. */
export interface DirectAccess {
  openStore(dataPath: string): Promise<OpenStore & AsyncDisposable>;
  readonly clock: Clock;
  readonly random: Random;
  readonly crypto: Crypto;
}

/**
 * Runs admin operations on a data folder: through its coordinator if one holds it, else on the folder
 * itself, held for as long as `work` takes. Both ways have the same effects, at once.
 *
 * @throws AdminError; and what `openStore` throws, a folder in use apart
 */
export async function withAdmin<Result>(
  dataPath: string,
  direct: DirectAccess,
  work: (admin: Admin) => Promise<Result>,
): Promise<Result> {
  const { clock, random, crypto } = direct;
  const deadline = clock.monotonicMs() + ADMIN_WAIT_MAX_MS;
  for (;;) {
    await using store = await openUnlessHeld(direct, dataPath);
    if (store) {
      const { ledger, accounts, people, teams, tokens, audit, invites, identities, passkeys } = store;
      const { owners, deposits, decisions, standings } = store;
      const ofPeople = { people, teams, tokens, audit, invites, identities, passkeys };
      const kept = { ...ofPeople, ledger, accounts, owners, deposits, decisions, standings };
      const world = { ...kept, withdrawals: store.withdrawals, clock, random, crypto };
      return await work(auditedAdmin(adminOf(world), { audit, clock }, "socket"));
    }
    if (await isAnswering(dataPath)) return await work(remoteAdmin(dataPath));
    if (clock.monotonicMs() > deadline) throw heldInSilence(dataPath);
    await clock.sleep(ADMIN_RETRY_MS);
  }
}

async function openUnlessHeld(direct: DirectAccess, dataPath: string) {
  try {
    return await direct.openStore(dataPath);
  } catch (error) {
    if (error instanceof DataFolderError && error.code === "in_use") return undefined;
    throw error;
  }
}

/** The operations of a coordinator that runs, one connection for each. */
const remoteAdmin = (dataPath: string): Admin =>
  adminOver(async (asked) => {
    const { status, text } = await exchange(dataPath, asked);
    return { status, answer: jsonOf(text) };
  }, otherVersion);

interface Answered {
  readonly status: number | undefined;
  readonly text: string;
}

async function exchange(dataPath: string, { method, path, body: sent }: AdminAsked) {
  try {
    const asked = request({
      socketPath: adminSocketOf(dataPath),
      method,
      path,
      agent: false,
      timeout: ADMIN_SILENCE_MAX_MS,
      headers: {
        host: "admin",
        ...(sent !== undefined && { "content-type": "application/json", "content-length": Buffer.byteLength(sent) }),
      },
    });
    // Signs of life of an answer in the making count as well.
    asked.on("timeout", () => asked.destroy(new Error("silent")));
    asked.end(sent);
    return await answerTo(asked);
  } catch (cause) {
    // Up to 0.1.0 it answers in lines of JSON, and refuses each line of HTTP.
    if (cause instanceof Error && "code" in cause && String(cause.code).startsWith("HPE_"))
      throw otherVersion({ cause });
    throw unanswered({ cause });
  }
}

async function answerTo(asked: ClientRequest): Promise<Answered> {
  const [response] = (await once(asked, "response")) as [IncomingMessage];
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > ADMIN_ANSWER_BYTES_MAX) throw new RangeError("the answer is too long");
    chunks.push(chunk);
  }
  return { status: response.statusCode, text: Buffer.concat(chunks).toString("utf8") };
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

async function isAnswering(dataPath: string): Promise<boolean> {
  try {
    const socket = connect(adminSocketOf(dataPath));
    await once(socket, "connect");
    socket.destroy();
    return true;
  } catch {
    // Nobody listens yet, or no longer; the caller asks again until its patience ends.
    return false;
  }
}

const heldInSilence = (dataPath: string): AdminError =>
  new AdminError(
    "unreachable",
    `The data folder ${dataPath} is in use, and its user does not answer admin requests. Stop the coordinator that holds it and try again.`,
  );

const unanswered = (options?: ErrorOptions): AdminError =>
  new AdminError(
    "unreachable",
    "The coordinator did not answer. 'darkbloom keys list' shows whether it did what was asked.",
    options,
  );
