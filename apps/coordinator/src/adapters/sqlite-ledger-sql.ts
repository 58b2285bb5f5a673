/** Every statement of the ledger, prepared once. The tables are in `migrations.ts`. */
export const ledgerSql = {
  account: "SELECT balance, held, charged, credited FROM accounts WHERE account = ?",
  openAccount: `
    INSERT INTO accounts (account, balance, held, charged, credited) VALUES (?, 0, 0, 0, 0)
    ON CONFLICT DO NOTHING`,

  knowsCredit: "SELECT 1 FROM credits WHERE credit_id = ?",
  addCredit: "INSERT INTO credits (credit_id, account, amount, at) VALUES (?, ?, ?, ?)",
  applyCredit: `
    UPDATE accounts SET balance = balance + :amount, credited = credited + :amount WHERE account = :account`,

  knowsHold: `
    SELECT 1 FROM holds WHERE hold_id = :hold_id
    UNION ALL SELECT 1 FROM settlements WHERE hold_id = :hold_id`,
  // The condition is what makes overshoot impossible: the row changes only while the balance covers the hold.
  applyHold: `
    UPDATE accounts SET balance = balance - :amount, held = held + :amount
    WHERE account = :account AND balance >= :amount`,
  addHold: `
    INSERT INTO holds (hold_id, request_id, account, key_id, model, amount, at) VALUES (?, ?, ?, ?, ?, ?, ?)`,

  chargeOf: "SELECT charge FROM settlements WHERE hold_id = ?",
  takeHold: "DELETE FROM holds WHERE hold_id = ? RETURNING request_id, account, key_id, model, amount, at",
  addSettlement: `
    INSERT INTO settlements (hold_id, request_id, account, key_id, model, held, held_at, outcome, charge, at,
      job_id, serial, prompt_tokens, cached_tokens, completion_tokens, reasoning_tokens, earned)
    VALUES (:hold_id, :request_id, :account, :key_id, :model, :held, :held_at, :outcome, :charge, :at,
      :job_id, :serial, :prompt_tokens, :cached_tokens, :completion_tokens, :reasoning_tokens, :earned)`,
  applySettlement: `
    UPDATE accounts SET held = held - :held, balance = balance + :rest, charged = charged + :charge
    WHERE account = :account`,
  addReceipt: "INSERT INTO receipts (job_id, account, document, expires_at) VALUES (?, ?, ?, ?)",

  openHolds: "SELECT hold_id FROM holds LIMIT ?",
  usage: `
    SELECT job_id, request_id, model, prompt_tokens, cached_tokens, completion_tokens, reasoning_tokens,
      charge, outcome, at
    FROM settlements WHERE account = ? AND job_id IS NOT NULL ORDER BY at DESC, seq DESC LIMIT ?`,
  receipt: "SELECT document FROM receipts WHERE job_id = ? AND account = ? AND expires_at > ?",
  deleteReceipts: `
    DELETE FROM receipts
    WHERE job_id IN (SELECT job_id FROM receipts WHERE expires_at <= ? ORDER BY expires_at LIMIT ?)`,

  check: `
    WITH
      open AS (SELECT account, SUM(amount) AS total FROM holds GROUP BY account),
      ended AS (SELECT account, SUM(charge) AS total FROM settlements GROUP BY account),
      given AS (SELECT account, SUM(amount) AS total FROM credits GROUP BY account),
      compared AS (
        SELECT account, COALESCE(
          NULLIF(balance + held + charged - credited, 0),
          NULLIF(held - COALESCE(open.total, 0), 0),
          NULLIF(charged - COALESCE(ended.total, 0), 0),
          NULLIF(credited - COALESCE(given.total, 0), 0)) AS off_by
        FROM accounts LEFT JOIN open USING (account) LEFT JOIN ended USING (account) LEFT JOIN given USING (account))
    SELECT account, off_by FROM compared WHERE off_by IS NOT NULL ORDER BY account`,
} as const;
