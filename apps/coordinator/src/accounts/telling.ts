import type { Changes } from "../events/changes.ts";
import type { People } from "./people.ts";
import type { Accounts, KeyRecord } from "./port.ts";
import type { Teams } from "./teams.ts";

/** The same accounts; whoever looks at an account's keys is told that they changed. A key's use is none. */
export function tellingAccounts(accounts: Accounts, changes: Changes): Accounts {
  const told = async (changing: Promise<KeyRecord | undefined>): Promise<KeyRecord | undefined> => {
    const record = await changing;
    if (record) changes.tell("keys", record.account);
    return record;
  };
  return {
    add: async (keyHash, record, liveMax) => {
      const isAdded = await accounts.add(keyHash, record, liveMax);
      changes.tell("keys", record.account);
      return isAdded;
    },
    change: (keyId, change) => told(accounts.change(keyId, change)),
    rotate: (keyId, to, earlierUntil) => told(accounts.rotate(keyId, to, earlierUntil)),
    revoke: (keyId, at) => told(accounts.revoke(keyId, at)),
    forgetWords: async (of) => {
      await accounts.forgetWords(of);
      changes.tell("keys", of.account);
    },
    find: (keyHash) => accounts.find(keyHash),
    byId: (keyId) => accounts.byId(keyId),
    list: (account, page) => accounts.list(account, page),
    liveBy: (personId) => accounts.liveBy(personId),
    used: (keyId, at) => accounts.used(keyId, at),
  };
}

/** The same people; a person's sessions are told of whenever one may have ended, also where it is not known whether it did. */
export function tellingPeople(people: People, changes: Changes): People {
  const told = async <Done>(changing: Promise<Done>, ...of: Parameters<Changes["tell"]>[]): Promise<Done> => {
    try {
      return await changing;
    } finally {
      for (const change of of) changes.tell(...change);
    }
  };
  return {
    add: (person) => told(people.add(person), ["people", person.personId]),
    change: (personId, change) => told(people.change(personId, change), ["people", personId], ["sessions", personId]),
    erase: (personId, at) => told(people.erase(personId, at), ["people", personId], ["sessions", personId]),
    addSession: (secretHash, session) => told(people.addSession(secretHash, session), ["sessions", session.personId]),
    endSession: (personId, sessionId) => told(people.endSession(personId, sessionId), ["sessions", personId]),
    endSessions: (personId) => told(people.endSessions(personId), ["sessions", personId]),
    person: (personId) => people.person(personId),
    personOf: (account) => people.personOf(account),
    byMail: (mail) => people.byMail(mail),
    list: () => people.list(),
    findSession: (secretHash) => people.findSession(secretHash),
    sessionsOf: (personId) => people.sessionsOf(personId),
    usedSession: (sessionId, at) => people.usedSession(sessionId, at),
  };
}

/** The same teams; their members are told of each change, and who comes or goes is told of it as well. */
export function tellingTeams(teams: Teams, changes: Changes): Teams {
  const told = async <Done>(changing: Promise<Done>, ...of: Parameters<Changes["tell"]>[1][]): Promise<Done> => {
    const done = await changing;
    for (const one of of) changes.tell("teams", one);
    return done;
  };
  return {
    add: (team, owner) => told(teams.add(team, owner), owner),
    change: (account, change) => told(teams.change(account, change), account),
    remove: (account) => told(teams.remove(account), account),
    join: (account, personId, role, at) => told(teams.join(account, personId, role, at), account, personId),
    changeRole: (account, personId, role) => told(teams.changeRole(account, personId, role), account),
    leave: (account, personId) => told(teams.leave(account, personId), account, personId),
    invite: (secretHash, invite) => told(teams.invite(secretHash, invite), invite.account),
    withdraw: (account, inviteId) => told(teams.withdraw(account, inviteId), account),
    withdrawAllOf: (personId, account) =>
      told(teams.withdrawAllOf(personId, account), ...(account === undefined ? [] : [account])),
    redeem: async (secretHash, now) => {
      const invite = await teams.redeem(secretHash, now);
      if (invite) changes.tell("teams", invite.account);
      return invite;
    },
    team: (account) => teams.team(account),
    find: (account, personId) => teams.find(account, personId),
    teamsOf: (personId) => teams.teamsOf(personId),
    members: (account) => teams.members(account),
    invites: (account, now) => teams.invites(account, now),
    invitedBy: (secretHash, now) => teams.invitedBy(secretHash, now),
  };
}
