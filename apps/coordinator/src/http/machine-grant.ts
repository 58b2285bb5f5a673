import { fromBase64OrNothing, toHex } from "@darkbloom/protocol/bytes";
import * as z from "zod";
import type { AskingMachine } from "../accounts/device-grants.ts";
import { hashOfKey } from "../accounts/keys.ts";
import { newMachineToken } from "../accounts/machine-owners.ts";
import { MACHINES_PER_ACCOUNT_MAX } from "../accounts/owned-machines.ts";
import type { Person } from "../accounts/people.ts";
import { machineIdOf } from "../machines/trust/approvals.ts";
import type { HttpDeps } from "./deps.ts";
import type { Door, Route } from "./door.ts";
import { readForm } from "./form.ts";
import { html, type Html } from "./page.ts";

/** A machine that asks to be somebody's. */
export const MACHINE_CLIENT = "darkbloom-provider";
/** Of an uncompressed P-256 point. */
const IDENTITY_KEY_BYTES = 65;
const CLAIMED_SERIAL_CHARS_MAX = 128;

export const grantedToMachine = z.object({
  access_token: z.string().describe("Shown this once; good for the connection of this machine alone"),
  token_type: z.literal("N_A").describe("No request over HTTP takes it"),
  machine_id: z.string(),
  account: z.string().describe("Whose the machine is, once it has connected and shown its key"),
});

type Form = ReadonlyMap<string, string>;

/** What a machine claims of itself; undefined where it names no key. */
export function machineIn({ crypto }: Pick<HttpDeps, "crypto">, form: Form): AskingMachine | undefined {
  const identityKey = form.get("identity_key") ?? "";
  const bytes = fromBase64OrNothing(identityKey);
  if (bytes.length !== IDENTITY_KEY_BYTES) return undefined;
  const serial = form
    .get("serial")
    ?.replaceAll(/[^\x20-\x7e]/g, "")
    .slice(0, CLAIMED_SERIAL_CHARS_MAX);
  return { machineId: machineIdOf(crypto, identityKey), identitySha256: toHex(crypto.sha256(bytes)), serial };
}

/** The machine's token, which is in this answer and nowhere else. Undefined where it was refused meanwhile. */
export async function linkMachine(
  { owners, people, audit, random, crypto, clock }: HttpDeps,
  { personId, account }: Person,
  { client, machine }: { readonly client: string; readonly machine: AskingMachine },
): Promise<z.infer<typeof grantedToMachine> | undefined> {
  const token = newMachineToken(random);
  const { machineId } = machine;
  const linking = { account, machineId, name: client, approvedBy: personId, tokenHash: hashOfKey(crypto, token) };
  if (!(await owners.link(linking))) return undefined;
  // Whoever was disabled meanwhile had all machines unlinked, and not this one.
  if ((await people.person(personId))?.disabledAt !== null) {
    await owners.unlink(account, machineId);
    return undefined;
  }
  await audit.add({ at: clock.now(), actor: personId, action: "machines.link", subject: machineId });
  return { access_token: token, token_type: "N_A", machine_id: machineId, account };
}

/** `POST /v1/device/revoke`: a machine gives its token back (RFC 7009). Whatever is sent, nobody learns whether it was good. */
export const revokeMachineToken = (door: Door): Route => ({
  schema: {
    summary: "Give a machine's token back, which unlinks it (RFC 7009), form-encoded",
    tags: ["sign-in"],
    response: { 200: z.object({}) },
  },
  config: { access: "open", limit: "rate", fails: ["body_invalid", "payload_too_large"] },
  handler: async (request) => {
    const { owners, audit, clock, crypto } = door.deps;
    const form = await readForm(door, request);
    const machine = owners.byToken(hashOfKey(crypto, form.get("token") ?? ""));
    if (machine && (await owners.unlink(machine.account, machine.machineId)))
      await audit.add({
        at: clock.now(),
        actor: machine.machineId,
        action: "machines.unlink",
        subject: machine.machineId,
      });
    return {};
  },
});

export const machineWords = ({ name, account }: Pick<Person, "name" | "account">): Html =>
  html`<p>
    It would be <strong>${name}</strong>’s: what it earns goes to ${account}, and what you send to your own machines may
    go to it. Let it in only if you started it yourself, just now, and it shows this very code:
  </p>`;

export const machineFacts = ({ machineId, identitySha256, serial }: AskingMachine): Html =>
  html`<dt>Machine</dt>
    <dd>${machineId}</dd>
    <dt>Its identity key, by SHA-256</dt>
    <dd><code>${identitySha256}</code></dd>
    <dt>Its serial, it says</dt>
    <dd>${serial ?? "not said"}</dd>`;

export const noRoom = html`<p>
  An account has ${String(MACHINES_PER_ACCOUNT_MAX)} machines at most. Unlink one that you do not use (DELETE
  /v1/me/providers/{id}), then open this page again.
</p>`;
