import type { AdminCall } from "./call.ts";
import { adminCalls } from "./calls.ts";
import { AdminError, adminFailure } from "./fault.ts";
import type { Admin } from "./operations.ts";

/** An operation as it is sent: a path with its query, and a body of JSON. */
export interface AdminAsked {
  readonly method: AdminCall["method"];
  readonly path: string;
  readonly body: string | undefined;
}

/** Asks the other end, by a socket or over the network. */
export type AskAdmin = (
  asked: AdminAsked,
) => Promise<{ readonly status: number | undefined; readonly answer: unknown }>;

/**
 * The operations of a coordinator that runs elsewhere.
 *
 * @param notUnderstood what is thrown where it answers otherwise than an operation does
 * @throws AdminError in the words of the other end
 */
export function adminOver(ask: AskAdmin, notUnderstood: (options?: ErrorOptions) => Error): Admin {
  const over =
    <Given extends readonly unknown[], Done>(call: AdminCall<Given, Done>) =>
    async (...given: Given): Promise<Done> => {
      const { status, answer } = await ask(askedOf(call, call.send(...given)));
      const failure = adminFailure.safeParse(answer);
      if (failure.success) throw new AdminError(failure.data.error.code, failure.data.error.message);
      if (status !== 200) throw notUnderstood();
      try {
        return call.read(answer);
      } catch (cause) {
        throw notUnderstood({ cause });
      }
    };
  return {
    createKey: over(adminCalls.createKey),
    listKeys: over(adminCalls.listKeys),
    showKey: over(adminCalls.showKey),
    editKey: over(adminCalls.editKey),
    rotateKey: over(adminCalls.rotateKey),
    revokeKey: over(adminCalls.revokeKey),
    credit: over(adminCalls.credit),
    check: over(adminCalls.check),
    listMachines: over(adminCalls.listMachines),
    decideMachine: over(adminCalls.decideMachine),
    forgiveMachine: over(adminCalls.forgiveMachine),
    signInLink: over(adminCalls.signInLink),
    listDeposits: over(adminCalls.listDeposits),
    refundDeposit: over(adminCalls.refundDeposit),
    listPayouts: over(adminCalls.listPayouts),
    takePayouts: over(adminCalls.takePayouts),
    markPayout: over(adminCalls.markPayout),
    listPeople: over(adminCalls.listPeople),
    disablePerson: over(adminCalls.disablePerson),
    enablePerson: over(adminCalls.enablePerson),
    exportPerson: over(adminCalls.exportPerson),
    planErasure: over(adminCalls.planErasure),
    erasePerson: over(adminCalls.erasePerson),
    listAudit: over(adminCalls.listAudit),
    createToken: over(adminCalls.createToken),
    listTokens: over(adminCalls.listTokens),
    revokeToken: over(adminCalls.revokeToken),
    createInvite: over(adminCalls.createInvite),
    listInvites: over(adminCalls.listInvites),
    revokeInvite: over(adminCalls.revokeInvite),
  };
}

const askedOf = ({ method, path }: Pick<AdminCall, "method" | "path">, sent: unknown): AdminAsked =>
  method === "GET"
    ? { method, path: path + queryOf(sent), body: undefined }
    : { method, path, body: sent === undefined ? undefined : JSON.stringify(sent) };

/** What a call that only reads is asked with. */
function queryOf(asked: unknown): string {
  if (typeof asked !== "object" || asked === null) return "";
  const words = Object.entries(asked).flatMap(([name, value]) => (value === undefined ? [] : [[name, String(value)]]));
  return `?${new URLSearchParams(words).toString()}`;
}
