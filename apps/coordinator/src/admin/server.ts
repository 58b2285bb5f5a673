import { once } from "node:events";
import { createServer, type Socket } from "node:net";
import type { KeyRecord } from "../accounts/port.ts";
import { linesOf, LineTooLongError } from "./lines.ts";
import { AdminError } from "./fault.ts";
import type { ListedMachine } from "./machines.ts";
import type { Admin } from "./operations.ts";
import { placeAdminSocket } from "./socket-path.ts";
import {
  ADMIN_LAST_WORDS_MS,
  ADMIN_REQUEST_CHARS_MAX,
  ADMIN_SIGN_EVERY_MS,
  ADMIN_SILENCE_MAX_MS,
  adminRequest,
  type adminFailure,
  type AdminRequest,
  type WireKeyRecord,
} from "./wire.ts";
import type * as z from "zod";

const ADMIN_CONNECTIONS_MAX = 16;
const SOCKET_UMASK = 0o177;

/**
 * Answers admin requests on a Unix socket in the data folder that this user alone may open (mode 0600):
 * who can write there could change the database anyway.
 *
 * Disposing finishes the requests that have begun, then closes the socket and removes it.
 *
 * @param folderPath of an open `DataFolder`
 * @throws AdminError where no path is short enough for a socket
 */
export async function serveAdmin(folderPath: string, admin: Admin): Promise<AsyncDisposable> {
  const conversations = new Set<Conversation>();
  const server = createServer((socket) => {
    const conversation = new Conversation(socket, admin);
    conversations.add(conversation);
    void conversation.ended.then(() => conversations.delete(conversation));
  });
  server.maxConnections = ADMIN_CONNECTIONS_MAX;

  await using listening = new AsyncDisposableStack();
  const place = listening.use(placeAdminSocket(folderPath));
  // The mode must be right from the first moment; a chmod afterwards would come too late for a quick stranger.
  const umask = process.umask(SOCKET_UMASK);
  try {
    server.listen(place.path);
  } finally {
    process.umask(umask);
  }
  await once(server, "listening");
  listening.defer(async () => {
    const closed = once(server, "close");
    server.close();
    for (const conversation of conversations) conversation.stop();
    await closed;
  });
  return listening.move();
}

/** One connection: requests and answers in turns. */
class Conversation {
  readonly ended: Promise<void>;
  readonly #socket: Socket;
  readonly #admin: Admin;
  /** From a request to the end of its answer; that is being sent once it is made. */
  #busy = false;
  #isMade = false;
  #stopping = false;

  constructor(socket: Socket, admin: Admin) {
    this.#socket = socket;
    this.#admin = admin;
    this.ended = this.#run();
  }

  /** Ends the connection now, or after the answer that is being made; who does not read it is not waited for. */
  stop(): void {
    this.#stopping = true;
    if (!this.#busy) this.#socket.destroy();
    else if (this.#isMade) this.#endSoon();
  }

  #endSoon(): void {
    const late = setTimeout(() => this.#socket.destroy(), ADMIN_LAST_WORDS_MS);
    this.#socket.once("close", () => clearTimeout(late));
  }

  async #run(): Promise<void> {
    const socket = this.#socket;
    socket.setTimeout(ADMIN_SILENCE_MAX_MS, () => socket.destroy());
    // Who leaves in the middle of an answer is no fault; nobody else listens once the last line was read.
    socket.on("error", () => undefined);
    try {
      for await (const line of linesOf(socket, ADMIN_REQUEST_CHARS_MAX)) {
        this.#busy = true;
        const sign = setInterval(() => socket.write("\n"), ADMIN_SIGN_EVERY_MS);
        const answer = await answerTo(this.#admin, line).finally(() => clearInterval(sign));
        this.#isMade = true;
        if (this.#stopping) this.#endSoon();
        // No further request is taken before this answer was: what is not read waits in no memory of ours.
        await new Promise<void>((taken) => void socket.write(`${JSON.stringify(answer)}\n`, () => taken()));
        this.#busy = this.#isMade = false;
        if (this.#stopping) break;
      }
    } catch (error) {
      // Anything else is a client that went away, and there is nobody left to tell.
      if (error instanceof LineTooLongError)
        socket.write(
          `${JSON.stringify(failed("invalid", `A request is longer than ${ADMIN_REQUEST_CHARS_MAX} characters.`))}\n`,
        );
    } finally {
      socket.destroySoon();
    }
  }
}

type Answer = { readonly ok: unknown } | z.input<typeof adminFailure>;

async function answerTo(admin: Admin, line: string): Promise<Answer> {
  const request = adminRequest.safeParse(jsonOf(line));
  if (!request.success) return failed("invalid", "This is not an admin request that this coordinator knows.");
  try {
    return { ok: await perform(admin, request.data) };
  } catch (error) {
    if (error instanceof AdminError) return failed(error.code, error.message);
    return failed(
      "internal",
      "The coordinator could not do that; its database may be full or damaged. Nothing was changed that was not confirmed.",
    );
  }
}

async function perform(admin: Admin, request: AdminRequest): Promise<unknown> {
  switch (request.op) {
    case "keys.create": {
      const { label, credit_micro_usd: credit, account, min_trust: minTrust, pins } = request;
      const created = await admin.createKey({ label, credit, account, minTrust, pins });
      return { api_key: created.apiKey, key_id: created.keyId, account: created.account };
    }
    case "keys.list":
      return (await admin.listKeys()).map((key) => ({ ...wireOf(key), balance_micro_usd: String(key.balance) }));
    case "keys.revoke":
      return wireOf(await admin.revokeKey(request.key_id));
    case "credit": {
      const payee = "key_id" in request.payee ? { keyId: request.payee.key_id } : request.payee;
      const { account, balance } = await admin.credit(payee, request.amount_micro_usd);
      return { account, balance_micro_usd: String(balance) };
    }
    case "ledger.check":
      return (await admin.check()).map(({ account, offBy }) => ({ account, off_by_micro_usd: String(offBy) }));
    case "machines.list":
      return (await admin.listMachines()).map((machine) => ({
        ...wireOfDecision(machine),
        connected: machine.connected,
        attested: machine.attested,
        trust_level: machine.trustLevel,
      }));
    case "machines.decide":
      return (await admin.decideMachine(request.machine, request.state)).map(wireOfDecision);
  }
}

const wireOf = (key: KeyRecord): WireKeyRecord => ({
  key_id: key.keyId,
  account: key.account,
  label: key.label,
  min_trust: key.minTrust,
  pins: [...key.pins],
  created_at: key.createdAt,
  revoked_at: key.revokedAt,
});

const wireOfDecision = ({
  machineId,
  serial,
  state,
  decidedAt,
}: Pick<ListedMachine, "machineId" | "serial" | "state" | "decidedAt">) => ({
  machine_id: machineId,
  serial,
  state,
  decided_at: decidedAt,
});

function failed(code: AdminError["code"], message: string): z.input<typeof adminFailure> {
  return { error: { code, message } };
}

function jsonOf(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
