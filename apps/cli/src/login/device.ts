import type { Clock } from "@darkbloom/protocol/ports";
import { CommandFailed } from "../failure.ts";
import { ask, notUnderstood, sessionIn, type Told } from "./ask.ts";
import { LOGIN_ASK_EVERY_MS_MAX, LOGIN_ASK_EVERY_MS_MIN, LOGIN_ASK_STEP_MS, LOGIN_WAIT_MS_MAX } from "./limits.ts";

const DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code";

/** What a person needs to let the program in. */
export interface Asking {
  readonly userCode: string;
  readonly page: string;
  /** With the code in it already, where the coordinator has such a page. */
  readonly pageWithCode: string | undefined;
  readonly untilMs: number;
}

/** Who asks to be let in, and what it is given then. */
interface Client<Granted> {
  readonly id: string;
  /** What it says of itself. */
  readonly says: Readonly<Record<string, string>>;
  /** Undefined for an answer that grants nothing. */
  readonly granted: (told: Told) => Granted | undefined;
  /** The command that asks. */
  readonly command: string;
}

type Named = Pick<Client<unknown>, "id" | "command">;

interface Waiting {
  readonly clock: Clock;
  /** Told once what the person has to do. */
  readonly show: (asking: Asking) => void;
}

/** A session by the device authorization grant (RFC 8628). @throws CommandFailed where nobody lets the program in */
export const sessionByDevice = (
  coordinator: URL,
  { deviceName, ...waiting }: Waiting & { readonly deviceName: string },
): Promise<string> =>
  grantedByDevice(coordinator, waiting, {
    id: "darkbloom-cli",
    says: { device_name: deviceName },
    granted: (told) => sessionIn(told.text("access_token")),
    command: "darkbloom login",
  });

/** @throws CommandFailed where nobody lets the client in */
export async function grantedByDevice<Granted>(
  coordinator: URL,
  { clock, show }: Waiting,
  client: Client<Granted>,
): Promise<Granted> {
  const form = { client_id: client.id, ...client.says };
  const opened = await ask(coordinator, "v1/device/code", { method: "POST", form });
  const deviceCode = opened.text("device_code");
  const userCode = opened.text("user_code");
  const page = pageIn(opened, "verification_uri");
  const lifeSec = opened.number("expires_in");
  if (opened.status === 429 || opened.status >= 500)
    throw new CommandFailed(`${coordinator.href} is busy (status ${opened.status}). Try again in a minute.`);
  if (deviceCode === undefined || userCode === undefined || page === undefined || lifeSec === undefined)
    throw notUnderstood(coordinator, opened);
  const waitMs = Math.min(lifeSec * 1000, LOGIN_WAIT_MS_MAX);
  const endsAtMs = clock.monotonicMs() + waitMs;
  show({ userCode, page, pageWithCode: pageIn(opened, "verification_uri_complete"), untilMs: clock.now() + waitMs });

  const seconds = opened.number("interval");
  let everyMs = seconds === undefined ? LOGIN_ASK_STEP_MS : seconds * 1000;
  for (;;) {
    everyMs = Math.min(Math.max(everyMs, LOGIN_ASK_EVERY_MS_MIN), LOGIN_ASK_EVERY_MS_MAX);
    if (clock.monotonicMs() + everyMs >= endsAtMs) throw expired(client);
    await clock.sleep(everyMs);
    const told = await polled(coordinator, client, deviceCode);
    const granted = told?.status === 200 ? client.granted(told) : undefined;
    if (granted !== undefined) return granted;
    if (!told || wantsMoreTime(coordinator, client, told)) everyMs += LOGIN_ASK_STEP_MS;
  }
}

/** A page that a browser opens over the web; many a terminal makes a link of anything else too, and a person follows it. */
function pageIn(told: Told, name: string): string | undefined {
  const page = told.text(name);
  return page !== undefined && /^https?:\/\//i.test(page) && URL.canParse(page) ? page : undefined;
}

/** Undefined where no answer came: a network that is away for a moment does not end the wait, which has its own end. */
async function polled(coordinator: URL, { id }: Named, deviceCode: string): Promise<Told | undefined> {
  const form = { client_id: id, grant_type: DEVICE_GRANT, device_code: deviceCode };
  try {
    return await ask(coordinator, "v1/device/token", { method: "POST", form });
  } catch (error) {
    if (error instanceof CommandFailed) return undefined;
    throw error;
  }
}

/** Whether to ask less often from now on. @throws CommandFailed where asking is of no use any more */
function wantsMoreTime(coordinator: URL, client: Named, told: Told): boolean {
  if (told.status === 429 || told.status >= 500) return true;
  switch (told.text("error")) {
    case "authorization_pending":
      return false;
    case "slow_down":
      return true;
    case "access_denied":
      throw new CommandFailed(`The program was not let in. Nothing is kept. To ask again: ${client.command}`);
    case "expired_token":
      throw expired(client);
    case "invalid_grant":
      throw new CommandFailed(
        `The coordinator does not know this code any more: it was started anew, or many others asked. To ask again: ${client.command}`,
      );
    case undefined:
    default:
      throw notUnderstood(coordinator, told);
  }
}

const expired = ({ command }: Named): CommandFailed =>
  new CommandFailed(`Nobody let the program in before the code ended. Nothing is kept. To ask again: ${command}`);
