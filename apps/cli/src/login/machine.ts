import { toBase64 } from "@darkbloom/protocol/bytes";
import type { Clock } from "@darkbloom/protocol/ports";
import { ask, notUnderstood } from "./ask.ts";
import { grantedByDevice, type Asking } from "./device.ts";
import { MACHINE_TOKEN_CHARS_MAX } from "./limits.ts";

/** A machine as somebody has let it in. */
export interface LinkedMachine {
  readonly token: string;
  readonly machineId: string;
  readonly account: string;
}

/** A machine that asks to be somebody's. */
export interface Claim {
  readonly name: string;
  readonly serial: string;
  /** The uncompressed point, 65 bytes. */
  readonly publicKey: Uint8Array;
}

/** A machine's token by the device authorization grant (RFC 8628). @throws CommandFailed where nobody lets it in */
export const machineByDevice = (
  coordinator: URL,
  { name, serial, publicKey }: Claim,
  waiting: { readonly clock: Clock; readonly show: (asking: Asking) => void },
): Promise<LinkedMachine> =>
  grantedByDevice(coordinator, waiting, {
    id: "darkbloom-provider",
    says: { device_name: name, serial, identity_key: toBase64(publicKey) },
    granted: (told) => {
      const token = machineTokenIn(told.text("access_token"));
      const [machineId, account] = [told.text("machine_id"), told.text("account")];
      return token === undefined || machineId === undefined || account === undefined
        ? undefined
        : { token, machineId, account };
    },
    command: "darkbloom provider login",
  });

/** Gives a token back (RFC 7009): the coordinator says the same of every one. @throws CommandFailed where it does not say it */
export async function revokeMachineToken(coordinator: URL, token: string): Promise<void> {
  const told = await ask(coordinator, "v1/device/revoke", { method: "POST", form: { token } });
  if (told.status !== 200) throw notUnderstood(coordinator, told);
}

/** A token as it can be sent; undefined for anything else. */
export const machineTokenIn = (text: string | undefined): string | undefined =>
  text !== undefined && text.length <= MACHINE_TOKEN_CHARS_MAX && /^darkbloom-machine-[\w-]+$/.test(text)
    ? text
    : undefined;
