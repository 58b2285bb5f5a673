/** Every statement of the ledger, prepared once. The tables are in `migrations.ts`. */
export const ledgerSql = {
  chargeOf: "SELECT charge FROM settlements WHERE hold_id = ?",
  addSettlement: `
    INSERT INTO settlements (hold_id, request_id, account, key_id, model, held, held_at, outcome, charge, at,
      job_id, serial, prompt_tokens, cached_tokens, completion_tokens, reasoning_tokens, earned, paid_by_platform, entry,
      counted_tokens)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  addReceipt: "INSERT INTO receipts (seq, document, packed, sha256, expires_at) VALUES (?, '', ?, ?, ?)",
  probe: "INSERT INTO probes (id, written) VALUES (1, 1) ON CONFLICT DO UPDATE SET written = written + 1",

  usage: `
    SELECT job_id, request_id, model, prompt_tokens, cached_tokens, completion_tokens, reasoning_tokens,
      charge, outcome, at
    FROM settlements WHERE account = ? AND job_id IS NOT NULL ORDER BY at DESC, seq DESC LIMIT ?`,
  receipt: `
    SELECT document, packed FROM receipts JOIN settlements USING (seq)
    WHERE job_id = ? AND account = ? AND expires_at > ?`,
  deleteReceipts: `
    DELETE FROM receipts WHERE seq IN (SELECT seq FROM receipts WHERE expires_at <= ? ORDER BY expires_at LIMIT ?)`,

  // Settlements are nearly in the order of their time, so that the oldest need no index of their own. One stays as long as its receipt.
  oldSettlements: `
    SELECT seq, hold_entry, entry, at FROM (SELECT seq, hold_entry, entry, at FROM settlements ORDER BY seq LIMIT :rows)
    WHERE at <= :until AND seq NOT IN (SELECT seq FROM receipts)`,
  addToDay: `
    INSERT INTO usage_days (day, account, key_id, model, serial, outcome, requests,
      prompt_tokens, cached_tokens, completion_tokens, reasoning_tokens, charge, earned, paid_by_platform, counted_tokens)
    SELECT at / 86400000, account, key_id, model, COALESCE(serial, ''), outcome, 1,
      COALESCE(prompt_tokens, 0), COALESCE(cached_tokens, 0), COALESCE(completion_tokens, 0),
      COALESCE(reasoning_tokens, 0), charge, COALESCE(earned, 0), paid_by_platform, counted_tokens
    FROM settlements WHERE seq = ?
    ON CONFLICT DO UPDATE SET requests = requests + 1,
      prompt_tokens = prompt_tokens + excluded.prompt_tokens,
      cached_tokens = cached_tokens + excluded.cached_tokens,
      completion_tokens = completion_tokens + excluded.completion_tokens,
      reasoning_tokens = reasoning_tokens + excluded.reasoning_tokens,
      charge = charge + excluded.charge, earned = earned + excluded.earned,
      paid_by_platform = paid_by_platform + excluded.paid_by_platform,
      counted_tokens = counted_tokens + excluded.counted_tokens`,
  deleteSettlement: "DELETE FROM settlements WHERE seq = ?",

  charged: "SELECT COALESCE(SUM(charged), 0) AS charged FROM accounts",
} as const;

/** What a check of the books finds off: everything is summed again and compared. */
export const ledgerCheckSql = `
  WITH
    kept AS (
      SELECT id, account, 'granted' AS part, granted AS amount FROM accounts
      UNION ALL SELECT id, account, 'paid_in', paid_in FROM accounts
      UNION ALL SELECT id, account, 'earned', earned FROM accounts
      UNION ALL SELECT id, account, 'payable', payable FROM accounts
      UNION ALL SELECT id, account, 'held', held FROM accounts
      UNION ALL SELECT id, account, 'withdrawing', withdrawing FROM accounts
      UNION ALL SELECT id, account, 'debt', debt FROM accounts),
    posted AS (SELECT account AS id, sub AS part, SUM(amount) AS total FROM postings GROUP BY account, sub),
    ended AS (
      SELECT account, SUM(charge) AS total
      FROM (SELECT account, charge FROM settlements UNION ALL SELECT account, charge FROM usage_days) GROUP BY account),
    given AS (
      SELECT postings.account AS id, SUM(amount) AS total FROM postings JOIN journal USING (entry)
      WHERE kind IN ('grant', 'deposit') GROUP BY postings.account),
    -- Of a key's day; -1 is the days that are added up, of either, together.
    added_up AS (SELECT COALESCE(MAX(day), -1) AS until_day FROM usage_days),
    counted AS (
      SELECT subject, CASE WHEN day > until_day THEN day ELSE -1 END AS day, micro_usd, tokens FROM used, added_up
      UNION ALL SELECT key_id, -1, -charge, -counted_tokens FROM usage_days
      UNION ALL
        SELECT key_id, COALESCE(day, -1), -charge, -counted_tokens
        FROM settlements CROSS JOIN added_up
          LEFT JOIN used ON subject = key_id AND day = held_at / 86400000 AND day > until_day),
    off_counted AS (
      SELECT subject, SUM(micro_usd) AS micro_usd, SUM(tokens) AS tokens FROM counted GROUP BY subject, day),
    -- Of a model: what everybody earned by it.
    off_earned AS (
      SELECT model, SUM(amount) AS amount
      FROM (
        SELECT model, earned + payable AS amount FROM earnings
        UNION ALL SELECT model, -COALESCE(earned, 0) - paid_by_platform FROM settlements
        UNION ALL SELECT model, -earned - paid_by_platform FROM usage_days)
      GROUP BY model),
    compared AS (
      SELECT account, part, amount - COALESCE(total, 0) AS off_by FROM kept LEFT JOIN posted USING (id, part)
      -- What is held is in the memory of who runs.
      UNION ALL SELECT account, 'open holds', held FROM accounts
      UNION ALL SELECT account, 'charged', charged - COALESCE(total, 0) FROM accounts LEFT JOIN ended USING (account)
      UNION ALL
        SELECT account, 'credited', credited - COALESCE(total, 0) FROM accounts LEFT JOIN given USING (id)
        WHERE account <> 'outside'
      UNION ALL SELECT subject, 'used', micro_usd FROM off_counted
      UNION ALL SELECT subject, 'used tokens', tokens FROM off_counted
      UNION ALL SELECT model, 'earnings', amount FROM off_earned
      -- What names an account that is not there.
      UNION ALL SELECT 'account ' || id, part, -total FROM posted WHERE id NOT IN (SELECT id FROM accounts)
      UNION ALL SELECT account, 'charged', -total FROM ended WHERE account NOT IN (SELECT account FROM accounts)
      UNION ALL SELECT * FROM (
        SELECT 'entry ' || entry, 'journal', SUM(amount) FROM postings GROUP BY entry HAVING SUM(amount) <> 0 LIMIT 100))
  SELECT account, part, off_by FROM compared WHERE off_by <> 0 ORDER BY account, part`;
