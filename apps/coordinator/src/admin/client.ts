import { once } from "node:events";
import { connect, type Socket } from "node:net";
import type { Clock, Crypto, Random } from "@darkbloom/protocol/ports";
import { DataFolderError } from "@darkbloom/protocol/node";
import * as z from "zod";
import type { Accounts, KeyRecord } from "../accounts/port.ts";
import type { Ledger } from "../ledger/port.ts";
import { linesOf } from "./lines.ts";
import type { Decisions } from "../trust/approvals.ts";
import { AdminError } from "./fault.ts";
import { adminOf, type Admin } from "./operations.ts";
import { adminSocketOf } from "./socket-path.ts";
import {
  ADMIN_ANSWER_CHARS_MAX,
  ADMIN_SILENCE_MAX_MS,
  adminAnswers,
  adminFailure,
  type WireAdminRequest,
} from "./wire.ts";

/** How long a folder may be held by somebody who does not answer: a coordinator that starts, another admin command. */
const ADMIN_WAIT_MAX_MS = 5_000;
const ADMIN_RETRY_MS = 100;

interface OpenStore {
  readonly ledger: Ledger;
  readonly accounts: Accounts;
  readonly decisions: Decisions;
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
      const { ledger, accounts, decisions } = store;
      return await work(adminOf({ ledger, accounts, decisions, clock, random, crypto }));
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
function remoteAdmin(dataPath: string): Admin {
  async function ask<Answer>(request: WireAdminRequest, answers: z.ZodType<Answer>): Promise<Answer> {
    const answer = await exchange(dataPath, JSON.stringify(request));
    const failure = adminFailure.safeParse(answer);
    if (failure.success) throw new AdminError(failure.data.error.code, failure.data.error.message);
    const success = z.object({ ok: answers }).safeParse(answer);
    if (!success.success)
      throw new AdminError("internal", "The coordinator's answer was not understood. Is it another version?");
    return success.data.ok;
  }
  return {
    async createKey({ label, credit, account, minTrust, pins }) {
      const request: WireAdminRequest = {
        op: "keys.create",
        label,
        credit_micro_usd: String(credit),
        account,
        min_trust: minTrust,
        pins: pins && [...pins],
      };
      const created = await ask(request, adminAnswers["keys.create"]);
      return { apiKey: created.api_key, keyId: created.key_id, account: created.account };
    },
    listKeys: async () =>
      (await ask({ op: "keys.list" }, adminAnswers["keys.list"])).map((key) => ({
        ...keyOf(key),
        balance: key.balance_micro_usd,
      })),
    revokeKey: async (keyId) => keyOf(await ask({ op: "keys.revoke", key_id: keyId }, adminAnswers["keys.revoke"])),
    async credit(payee, amount) {
      const wired = "keyId" in payee ? { key_id: payee.keyId } : { account: payee.account };
      const request = { op: "credit", payee: wired, amount_micro_usd: String(amount) } as const;
      const credited = await ask(request, adminAnswers.credit);
      return { account: credited.account, balance: credited.balance_micro_usd };
    },
    async check() {
      const faults = await ask({ op: "ledger.check" }, adminAnswers["ledger.check"]);
      return faults.map(({ account, off_by_micro_usd: offBy }) => ({ account, offBy }));
    },
    listMachines: async () =>
      (await ask({ op: "machines.list" }, adminAnswers["machines.list"])).map((machine) => ({
        machineId: machine.machine_id,
        serial: machine.serial,
        state: machine.state,
        decidedAt: machine.decided_at,
        connected: machine.connected,
        attested: machine.attested,
        trustLevel: machine.trust_level,
      })),
    decideMachine: async (machine, state) =>
      (await ask({ op: "machines.decide", machine, state }, adminAnswers["machines.decide"])).map((decision) => ({
        machineId: decision.machine_id,
        serial: decision.serial,
        state: decision.state,
        decidedAt: decision.decided_at,
      })),
  };
}

const keyOf = (key: z.output<(typeof adminAnswers)["keys.revoke"]>): KeyRecord => ({
  keyId: key.key_id,
  account: key.account,
  label: key.label,
  minTrust: key.min_trust,
  pins: key.pins,
  createdAt: key.created_at,
  revokedAt: key.revoked_at,
});

async function exchange(dataPath: string, line: string): Promise<unknown> {
  try {
    using connection = await connected(dataPath);
    connection.socket.write(`${line}\n`);
    // An empty line only says that the answer is still being made.
    for await (const answer of linesOf(connection.socket, ADMIN_ANSWER_CHARS_MAX))
      if (answer !== "") return JSON.parse(answer);
  } catch (cause) {
    throw unanswered({ cause });
  }
  throw unanswered();
}

async function isAnswering(dataPath: string): Promise<boolean> {
  try {
    using _ = await connected(dataPath);
    return true;
  } catch {
    // Nobody listens yet, or no longer; the caller asks again until its patience ends.
    return false;
  }
}

async function connected(dataPath: string): Promise<{ readonly socket: Socket } & Disposable> {
  const socket = connect(adminSocketOf(dataPath));
  socket.setTimeout(ADMIN_SILENCE_MAX_MS, () => socket.destroy());
  await once(socket, "connect");
  return { socket, [Symbol.dispose]: () => socket.destroy() };
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
