import { keptTerms, keyTermsSchema, tellChange } from "@darkbloom/coordinator/accounts/key-terms";
import { readUsage } from "@darkbloom/coordinator/accounts/key-usage";
import type { KeyRecord } from "@darkbloom/coordinator/accounts/port";
import type { Admin, CreatedKey } from "@darkbloom/coordinator/admin/operations";
import {
  keyWithSecret,
  ownKey,
  ownKeys,
  spendable,
  type KeyWithSecret,
  type OwnKey,
} from "@darkbloom/coordinator/http/own-keys";
import type { AccountId, KeyId, PersonId } from "@darkbloom/protocol/ids";
import { parseUsd } from "@darkbloom/protocol/money";
import { WrongUsage } from "../failure.ts";

interface Asked {
  readonly method: "GET" | "POST" | "PATCH" | "DELETE";
  readonly path: string;
  readonly body?: string | undefined;
}

/** Asks a coordinator: what was answered, where it did not refuse in a way that ends the command. */
export type Asking = (asked: Asked) => Promise<{ readonly status: number; readonly answer: unknown }>;

/** What can be done with keys, by an operator with all of them, by a member with those of their account. */
export type KeyDesk = Pick<Admin, "createKey" | "listKeys" | "showKey" | "editKey" | "rotateKey" | "revokeKey">;

const KEYS = "v1/keys";
const pathOf = (keyId: string): string => `${KEYS}/${encodeURIComponent(keyId)}`;

/** The keys of the account that asks. @param notUnderstood thrown where an answer is none */
export function ownKeysOver(ask: Asking, notUnderstood: (options?: ErrorOptions) => Error): KeyDesk {
  async function asked<Answer>(shape: Shape<Answer>, ...[method, path, body]: AskedWith): Promise<Answer> {
    const { status, answer } = await ask({ method, path, body: body && JSON.stringify(body) });
    if (status !== 200) throw notUnderstood();
    try {
      return shape.parse(answer);
    } catch (cause) {
      throw notUnderstood({ cause });
    }
  }

  async function balance() {
    const balanceUsd = parseUsd((await asked(spendable, "GET", "v1/payments/balance")).balance_usd);
    if (balanceUsd === undefined) throw notUnderstood();
    return balanceUsd;
  }

  return {
    async createKey({ credit, account, terms = {} }) {
      if (credit > 0n || account !== undefined)
        throw new WrongUsage(
          "--credit and --account are for operators: a key of your own spends what your account has.",
        );
      return readCreated(await asked(keyWithSecret, "POST", KEYS, tellChange(terms)));
    },

    async listKeys({ rows, after }) {
      const page = [
        ...(rows === undefined ? [] : [["limit", String(rows)]]),
        ...(after === undefined ? [] : [["after", after]]),
      ];
      const { data, has_more: hasMore } = await asked(
        ownKeys,
        "GET",
        `${KEYS}?${new URLSearchParams(page).toString()}`,
      );
      const now = await balance();
      return { keys: data.map((key) => ({ ...readKey(key), usage: readUsage(key), balance: now })), hasMore };
    },

    async showKey(keyId) {
      const key = await asked(ownKey, "GET", pathOf(keyId));
      return { ...readKey(key), usage: readUsage(key), balance: await balance() };
    },

    editKey: async (keyId, change) => readKey(await asked(ownKey, "PATCH", pathOf(keyId), tellChange(change))),

    rotateKey: async (keyId, overlapMs) =>
      readCreated(await asked(keyWithSecret, "POST", `${pathOf(keyId)}/rotate`, { overlap_ms: overlapMs })),

    revokeKey: async (keyId) => readKey(await asked(ownKey, "DELETE", pathOf(keyId))),
  };
}

interface Shape<Answer> {
  parse(answer: unknown): Answer;
}

type AskedWith = readonly [method: Parameters<Asking>[0]["method"], path: string, body?: object];

const readKey = ({
  id,
  label,
  account,
  created_by,
  created_at,
  last_used_at,
  revoked_at,
  ...rest
}: OwnKey): KeyRecord => ({
  ...keptTerms(keyTermsSchema.parse(rest)),
  keyId: id as KeyId,
  account: account as AccountId,
  createdBy: created_by as PersonId | null,
  label,
  createdAt: Date.parse(created_at),
  lastUsedAt: last_used_at === null ? null : Date.parse(last_used_at),
  revokedAt: revoked_at === null ? null : Date.parse(revoked_at),
});

const readCreated = ({ key: apiKey, data }: KeyWithSecret): CreatedKey => ({
  apiKey,
  keyId: data.id as KeyId,
  account: data.account as AccountId,
});
