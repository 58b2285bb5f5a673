import type { AccountId, MachineId, PersonId, Sha256Hex } from "@darkbloom/protocol/ids";
import type { OwnedMachine, OwnedMachines } from "../accounts/owned-machines.ts";
import { textOf, timeOf, type Row } from "./rows.ts";
import type { SqlQuery } from "./sql-query.ts";

const columns = "account, machine_id, name, private_only, approved_by, created_at, token_hash, proven_at, last_seen_at";

const machineOf = (row: Row): OwnedMachine => ({
  machineId: textOf(row, "machine_id") as MachineId,
  account: textOf(row, "account") as AccountId,
  name: textOf(row, "name"),
  privateOnly: Number(row["private_only"]) === 1,
  approvedBy: textOf(row, "approved_by") as PersonId,
  createdAt: Number(row["created_at"]),
  tokenHash: textOf(row, "token_hash") as Sha256Hex,
  provenAt: timeOf(row, "proven_at"),
  lastSeenAt: timeOf(row, "last_seen_at"),
});

/** Who owns which machine, in either database. Each statement comes to the same when it is made twice. */
export class SqlOwnedMachines implements OwnedMachines {
  readonly #query: SqlQuery;

  constructor(query: SqlQuery) {
    this.#query = query;
  }

  async list(): Promise<OwnedMachine[]> {
    const rows = await this.#query(`SELECT ${columns} FROM owned_machines ORDER BY created_at, machine_id`, []);
    return rows.map(machineOf);
  }

  async put(machine: OwnedMachine): Promise<void> {
    const { account, machineId, name, privateOnly, approvedBy, createdAt, tokenHash, provenAt, lastSeenAt } = machine;
    await this.#query(
      `INSERT INTO owned_machines (${columns}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
      ON CONFLICT (account, machine_id) DO UPDATE SET name = $3, private_only = $4, approved_by = $5, created_at = $6,
        token_hash = $7, proven_at = $8, last_seen_at = $9`,
      [account, machineId, name, Number(privateOnly), approvedBy, createdAt, tokenHash, provenAt, lastSeenAt],
    );
  }

  async show({ account, machineId, tokenHash, provenAt, lastSeenAt }: OwnedMachine): Promise<void> {
    await this.#query(
      "UPDATE owned_machines SET proven_at = $4, last_seen_at = $5 WHERE account = $1 AND machine_id = $2 AND token_hash = $3",
      [account, machineId, tokenHash, provenAt, lastSeenAt],
    );
  }

  async remove({ account, machineId }: Pick<OwnedMachine, "account" | "machineId">): Promise<void> {
    await this.#query("DELETE FROM owned_machines WHERE account = $1 AND machine_id = $2", [account, machineId]);
  }
}
