import type { PersonId, Sha256Hex, TokenId } from "@darkbloom/protocol/ids";
import type { OperatorToken, OperatorTokens, Scope } from "../accounts/operator-tokens.ts";
import { textOf, timeOf, type Row } from "./rows.ts";
import type { SqlQuery } from "./sql-query.ts";

const columns = "token_id, name, scopes, created_by, created_at, expires_at, revoked_at";

/** What we have written ourselves. */
const tokenOf = (row: Row): OperatorToken => ({
  tokenId: textOf(row, "token_id") as TokenId,
  name: textOf(row, "name"),
  scopes: textOf(row, "scopes").split(" ") as Scope[],
  createdBy: row["created_by"] === null ? null : (textOf(row, "created_by") as PersonId),
  createdAt: Number(row["created_at"]),
  expiresAt: Number(row["expires_at"]),
  revokedAt: timeOf(row, "revoked_at"),
});

/** Operators' tokens in either database. Each statement comes to the same when it is made twice. */
export class SqlOperatorTokens implements OperatorTokens {
  readonly #query: SqlQuery;

  constructor(query: SqlQuery) {
    this.#query = query;
  }

  async add(secretHash: Sha256Hex, token: OperatorToken): Promise<void> {
    const { tokenId, name, scopes, createdBy, createdAt, expiresAt, revokedAt } = token;
    await this.#query(
      `INSERT INTO operator_tokens (secret_hash, ${columns}) SELECT $1, $2, $3, $4, $5, $6, $7, $8
      WHERE NOT EXISTS (SELECT 1 FROM operator_tokens WHERE secret_hash = $1 AND token_id = $2)`,
      [secretHash, tokenId, name, scopes.join(" "), createdBy, createdAt, expiresAt, revokedAt],
    );
  }

  async find(secretHash: Sha256Hex): Promise<OperatorToken | undefined> {
    const [row] = await this.#query(`SELECT ${columns} FROM operator_tokens WHERE secret_hash = $1`, [secretHash]);
    return row && tokenOf(row);
  }

  async list(): Promise<OperatorToken[]> {
    return (await this.#query(`SELECT ${columns} FROM operator_tokens ORDER BY created_at, token_id`, [])).map(tokenOf);
  }

  async revoke(tokenId: TokenId, at: number): Promise<OperatorToken | undefined> {
    const [row] = await this.#query(
      `UPDATE operator_tokens SET revoked_at = COALESCE(revoked_at, $2) WHERE token_id = $1 RETURNING ${columns}`,
      [tokenId, at],
    );
    return row && tokenOf(row);
  }

  async forgetOf(personId: PersonId, at: number): Promise<void> {
    await this.#query(
      "UPDATE operator_tokens SET name = '', revoked_at = COALESCE(revoked_at, $2) WHERE created_by = $1",
      [personId, at],
    );
  }
}
