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
    INSERT INTO holds (hold_id, request_id, account, key_id, model, amount, by_platform, at)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,

  chargeOf: "SELECT charge FROM settlements WHERE hold_id = ?",
  takeHold: "DELETE FROM holds WHERE hold_id = ? RETURNING request_id, account, key_id, model, amount, by_platform, at",
  addSettlement: `
    INSERT INTO settlements (hold_id, request_id, account, key_id, model, held, held_at, outcome, charge, at,
      job_id, serial, prompt_tokens, cached_tokens, completion_tokens, reasoning_tokens, earned, paid_by_platform)
    VALUES (:hold_id, :request_id, :account, :key_id, :model, :held, :held_at, :outcome, :charge, :at,
      :job_id, :serial, :prompt_tokens, :cached_tokens, :completion_tokens, :reasoning_tokens, :earned, :paid_by_platform)`,
  applySettlement: `
    UPDATE accounts SET held = held - :held, balance = balance + :rest, charged = charged + :charge
    WHERE account = :account`,
  addReceipt: "INSERT INTO receipts (job_id, account, document, packed, sha256, expires_at) VALUES (?, ?, '', ?, ?, ?)",
  probe: "INSERT INTO probes (id, written) VALUES (1, 1) ON CONFLICT DO UPDATE SET written = written + 1",

  openHolds: "SELECT hold_id FROM holds LIMIT ?",
  usage: `
    SELECT job_id, request_id, model, prompt_tokens, cached_tokens, completion_tokens, reasoning_tokens,
      charge, outcome, at
    FROM settlements WHERE account = ? AND job_id IS NOT NULL ORDER BY at DESC, seq DESC LIMIT ?`,
  receipt: "SELECT document, packed FROM receipts WHERE job_id = ? AND account = ? AND expires_at > ?",
  deleteReceipts: `
    DELETE FROM receipts
    WHERE job_id IN (SELECT job_id FROM receipts WHERE expires_at <= ? ORDER BY expires_at LIMIT ?)`,

  // Settlements are nearly in the order of their time, so that the oldest need no index of their own.
  oldSettlements: `
    SELECT seq FROM (SELECT seq, at FROM settlements ORDER BY seq LIMIT :rows) WHERE at <= :until`,
  addToDay: `
    INSERT INTO usage_days (day, account, key_id, model, serial, outcome, requests,
      prompt_tokens, cached_tokens, completion_tokens, reasoning_tokens, charge, earned, paid_by_platform)
    SELECT at / 86400000, account, key_id, model, COALESCE(serial, ''), outcome, 1,
      COALESCE(prompt_tokens, 0), COALESCE(cached_tokens, 0), COALESCE(completion_tokens, 0),
      COALESCE(reasoning_tokens, 0), charge, COALESCE(earned, 0), paid_by_platform
    FROM settlements WHERE seq = ?
    ON CONFLICT DO UPDATE SET requests = requests + 1,
      prompt_tokens = prompt_tokens + excluded.prompt_tokens,
      cached_tokens = cached_tokens + excluded.cached_tokens,
      completion_tokens = completion_tokens + excluded.completion_tokens,
      reasoning_tokens = reasoning_tokens + excluded.reasoning_tokens,
      charge = charge + excluded.charge, earned = earned + excluded.earned,
      paid_by_platform = paid_by_platform + excluded.paid_by_platform`,
  deleteSettlement: "DELETE FROM settlements WHERE seq = ?",

  shares: `
    SELECT COALESCE(SUM(charge), 0) AS charged, COALESCE(SUM(COALESCE(earned, 0) + paid_by_platform), 0) AS machines
    FROM (
      SELECT charge, earned, paid_by_platform FROM settlements
      UNION ALL SELECT charge, earned, paid_by_platform FROM usage_days)`,

  check: `
    WITH
      open AS (SELECT account, SUM(amount) AS total FROM holds GROUP BY account),
      ended AS (
        SELECT account, SUM(charge) AS total
        FROM (SELECT account, charge FROM settlements UNION ALL SELECT account, charge FROM usage_days) GROUP BY account),
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
