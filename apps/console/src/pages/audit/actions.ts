import type { paths } from "../../../generated/openapi.ts";

type Action =
  paths["/v1/admin/audit"]["get"]["responses"]["200"]["content"]["application/json"]["entries"][number]["action"];

interface Told {
  readonly words: string;
  readonly about: "people" | "sessions" | "keys" | "machines" | "teams" | "money";
}

const about =
  (what: Told["about"]) =>
  (words: string): Told => ({ words, about: what });

const people = about("people");
const sessions = about("sessions");
const keys = about("keys");
const machines = about("machines");
const teams = about("teams");
const money = about("money");

/** What was done, as people say it. */
export const told: Readonly<Record<Action, Told>> = {
  "links.create": sessions("made a sign-in link"),
  "sessions.create": sessions("signed in"),
  "sessions.revoke": sessions("ended a session"),
  "devices.approve": sessions("let a program in"),
  "devices.deny": sessions("turned a program away"),
  "invites.create": people("invited somebody"),
  "invites.revoke": people("took an invite back"),
  "people.create": people("made a person"),
  "people.disable": people("disabled somebody"),
  "people.enable": people("enabled somebody"),
  "people.export": people("took out what is kept about somebody"),
  "people.erase": people("erased somebody"),
  "passkeys.create": people("added a passkey"),
  "passkeys.remove": people("removed a passkey"),
  "people.role": people("gave somebody another role"),
  "keys.create": keys("made a key"),
  "keys.edit": keys("changed a key"),
  "keys.revoke": keys("revoked a key"),
  "keys.rotate": keys("gave a key a new secret"),
  "tokens.create": keys("made an operator's token"),
  "tokens.revoke": keys("revoked an operator's token"),
  "teams.create": teams("made a team"),
  "teams.edit": teams("changed a team"),
  "teams.delete": teams("deleted a team"),
  "teams.invite": teams("invited to a team"),
  "teams.withdraw": teams("withdrew an invite of a team"),
  "teams.join": teams("joined a team"),
  "teams.role": teams("gave a member another role"),
  "teams.leave": teams("left a team"),
  "teams.remove": teams("took somebody out of a team"),
  credit: money("credited an account"),
  "deposits.open": money("began to pay in"),
  "deposits.refund": money("gave a payment back"),
  "withdrawals.ask": money("asked for a withdrawal"),
  "withdrawals.cancel": money("called a withdrawal off"),
  "payouts.take": money("took a withdrawal in hand"),
  "payouts.paid": money("marked a withdrawal as paid"),
  "payouts.failed": money("marked a withdrawal as failed"),
  "machines.link": machines("let a machine in as somebody's own"),
  "machines.edit": machines("named a machine"),
  "machines.unlink": machines("unlinked a machine"),
  "machines.approve": machines("approved a machine"),
  "machines.refuse": machines("refused a machine"),
  "machines.forgive": machines("forgave a machine"),
};
