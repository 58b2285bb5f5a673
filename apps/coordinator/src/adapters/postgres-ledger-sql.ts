/** Every statement of the ledger in PostgreSQL but those of keys. The tables are in `postgres-migrations.ts`. */
export const postgresLedgerSql = {
  // Conditional on what its account has, whose row is locked before it is looked at: `setAside` in one statement.
  hold: `
    WITH
      known AS (
        SELECT 1 FROM holds WHERE hold_id = $1 UNION ALL SELECT 1 FROM settlements WHERE hold_id = $1),
      -- Of several coordinators only one whose lease nobody has taken away.
      leased AS (SELECT NOT $11::boolean OR EXISTS (SELECT 1 FROM leases WHERE lease = $7) AS is_leased),
      payer AS MATERIALIZED (
        SELECT account, granted, paid_in, earned, payable, held, withdrawing, debt FROM accounts
        WHERE account = $3 AND NOT EXISTS (SELECT 1 FROM known) AND (SELECT is_leased FROM leased) FOR NO KEY UPDATE),
      parts AS MATERIALIZED (
        SELECT account, LEAST(granted, $6::bigint) AS granted,
          LEAST(paid_in, $6 - LEAST(granted, $6)) AS paid_in,
          LEAST(earned, GREATEST($6 - granted - paid_in, 0)) AS earned,
          GREATEST($6 - granted - paid_in - earned, 0) AS payable
        FROM payer WHERE $6 <= CASE WHEN debt < 0 THEN 0 ELSE granted + paid_in + earned + payable END),
      taken AS (
        UPDATE accounts SET granted = accounts.granted - parts.granted, paid_in = accounts.paid_in - parts.paid_in,
          earned = accounts.earned - parts.earned, payable = accounts.payable - parts.payable, held = accounts.held + $6
        FROM parts WHERE accounts.account = parts.account),
      aside AS (
        INSERT INTO holds (hold_id, request_id, account, key_id, model, lease, by_platform, granted, paid_in, earned, payable, at,
          tokens, subjects)
        SELECT $1, $2, $3, $4, $5, $7, FALSE, granted, paid_in, earned, payable, $8, $9, $10 FROM parts RETURNING 1)
    SELECT EXISTS (SELECT 1 FROM known) OR EXISTS (SELECT 1 FROM aside) AS is_held, is_leased, payer.*
    FROM leased LEFT JOIN payer ON TRUE`,
  isLeased: "SELECT 1 FROM leases WHERE lease = $1",
  addHold: `
    INSERT INTO holds (hold_id, request_id, account, key_id, model, lease, by_platform, granted, paid_in, earned, payable, at,
      tokens, subjects)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)`,
  knowsHold: "SELECT 1 FROM holds WHERE hold_id = $1 UNION ALL SELECT 1 FROM settlements WHERE hold_id = $1",

  // Who earns has an account before money goes there.
  openHold: `
    WITH opened AS (
      INSERT INTO accounts (account)
      SELECT $2 WHERE $2::text IS NOT NULL AND NOT EXISTS (SELECT 1 FROM accounts WHERE account = $2)
      ON CONFLICT DO NOTHING)
    SELECT holds.hold_id, holds.account, holds.model, by_platform, granted, paid_in, holds.earned, payable, tokens, charge,
      outcome, is_owed
    FROM (SELECT 1) AS always LEFT JOIN holds ON holds.hold_id = $1 LEFT JOIN settlements ON settlements.hold_id = $1
      LEFT JOIN idempotency_keys ON idempotency_keys.hold_id = $1`,
  // Nothing of it happens where another has taken the hold, or the lease under which it was taken. An account that is not there breaks a rule of the postings.
  settle: `
    WITH
      gone AS (
        DELETE FROM holds
        WHERE hold_id = $1 AND (NOT $33::boolean OR EXISTS (SELECT 1 FROM leases WHERE leases.lease = holds.lease))
        RETURNING request_id, account, key_id, model, at, subjects,
          CASE WHEN by_platform THEN 0 ELSE granted + paid_in + earned + payable END AS held),
      locked AS MATERIALIZED (
        SELECT account FROM accounts WHERE account = ANY ($2::text[]) AND EXISTS (SELECT 1 FROM gone)
        ORDER BY account FOR NO KEY UPDATE),
      moved AS (
        UPDATE accounts SET granted = accounts.granted + by.granted, paid_in = accounts.paid_in + by.paid_in,
          earned = accounts.earned + by.earned, payable = accounts.payable + by.payable, held = accounts.held + by.held,
          charged = accounts.charged + by.charged
        FROM locked JOIN UNNEST($2::text[], $3::bigint[], $4::bigint[], $5::bigint[], $28::bigint[], $6::bigint[], $7::bigint[])
          AS by (account, granted, paid_in, earned, payable, held, charged) USING (account)
        WHERE accounts.account = locked.account),
      written AS (
        INSERT INTO journal (kind, at) SELECT $8, $9 FROM gone WHERE CARDINALITY($10::text[]) > 0 RETURNING entry),
      posted AS (
        INSERT INTO postings (entry, account, sub, amount)
        SELECT entry, accounts.id, said.sub, said.amount
        FROM written CROSS JOIN UNNEST($10::text[], $11::text[], $12::bigint[]) AS said (account, sub, amount)
          LEFT JOIN accounts ON accounts.account = said.account),
      settled AS (
        INSERT INTO settlements (hold_id, request_id, account, key_id, model, held, held_at, outcome, charge, at, job_id,
          serial, prompt_tokens, cached_tokens, completion_tokens, reasoning_tokens, earned, paid_by_platform, entry,
          counted_tokens)
        SELECT $1, request_id, account, key_id, model, held, at, $13, $14, $9, $15, $16, $17, $18, $19, $20, $21, $22,
          (SELECT entry FROM written), $27
        FROM gone RETURNING seq),
      -- Behind the account's lock, so that two settlements of one key wait there and nowhere else.
      counted AS (
        INSERT INTO used AS kept (subject, day, micro_usd, tokens)
        SELECT subject, at / 86400000, $14::bigint, $27::bigint
        FROM gone CROSS JOIN UNNEST(subjects) AS said (subject)
        WHERE ($14::bigint > 0 OR $27::bigint > 0) AND (SELECT COUNT(*) FROM locked) > 0
        ORDER BY subject
        ON CONFLICT (subject, day) DO UPDATE SET micro_usd = kept.micro_usd + excluded.micro_usd,
          tokens = kept.tokens + excluded.tokens),
      -- The same, behind the lock of whose account earns.
      earning AS (
        INSERT INTO earnings AS kept (account, day, machine_id, model, answers, prompt_tokens, completion_tokens, earned, payable)
        SELECT $29, $9::bigint / 86400000, $30, model, 1, $17, $19, $31::bigint, $32::bigint
        FROM gone WHERE $29::text IS NOT NULL AND (SELECT COUNT(*) FROM locked) > 0
        ON CONFLICT (account, day, machine_id, model) DO UPDATE SET answers = kept.answers + excluded.answers,
          prompt_tokens = kept.prompt_tokens + excluded.prompt_tokens,
          completion_tokens = kept.completion_tokens + excluded.completion_tokens,
          earned = kept.earned + excluded.earned, payable = kept.payable + excluded.payable),
      clear AS (
        INSERT INTO clearing AS kept (account, day, payer, amount)
        SELECT $29, $9::bigint / 86400000, account, $32::bigint
        FROM gone WHERE $32::bigint > 0 AND (SELECT COUNT(*) FROM locked) > 0
        ON CONFLICT (account, day, payer) DO UPDATE SET amount = kept.amount + excluded.amount),
      received AS (
        INSERT INTO receipts (seq, packed, sha256, expires_at)
        SELECT seq, $23, $24, $25 FROM settled WHERE $23::bytea IS NOT NULL),
      keyed AS (
        UPDATE idempotency_keys SET is_running = FALSE, is_owed = $26, carried_by = $34
        WHERE hold_id = $1 AND EXISTS (SELECT 1 FROM gone))
    SELECT seq FROM settled`,
  chargeOf: "SELECT charge, outcome FROM settlements WHERE hold_id = $1",
  // A hold whose statement was thought lost, and went through behind its own settlement.
  giveBack: `
    WITH
      gone AS (DELETE FROM holds WHERE hold_id = $1 RETURNING granted, paid_in, earned, payable,
        CASE WHEN by_platform THEN 'platform' ELSE account END AS payer)
    UPDATE accounts SET granted = accounts.granted + gone.granted, paid_in = accounts.paid_in + gone.paid_in,
      earned = accounts.earned + gone.earned, payable = accounts.payable + gone.payable,
      held = held - gone.granted - gone.paid_in - gone.earned - gone.payable
    FROM gone WHERE account = payer`,

  figures: `
    SELECT granted, paid_in, earned, payable, held, withdrawing, debt, charged, credited FROM accounts WHERE account = $1`,
  lockedFigures: `
    SELECT granted, paid_in, earned, payable, held, withdrawing, debt, charged, credited FROM accounts WHERE account = $1
    FOR NO KEY UPDATE`,
  openAccount: "INSERT INTO accounts (account) VALUES ($1) ON CONFLICT DO NOTHING",
  aside: `
    UPDATE accounts SET granted = granted - $2, paid_in = paid_in - $3, earned = earned - $4,
      payable = payable - $5, held = held + $2::bigint + $3::bigint + $4::bigint + $5::bigint
    WHERE account = $1`,

  knowsEntry: "SELECT 1 FROM journal WHERE kind = $1 AND ref = $2",
  book: `
    WITH
      written AS (INSERT INTO journal (kind, at, ref) VALUES ($1, $2, $3) RETURNING entry),
      posted AS (
        INSERT INTO postings (entry, account, sub, amount)
        SELECT entry, accounts.id, said.sub, said.amount
        FROM written CROSS JOIN UNNEST($4::text[], $5::text[], $6::bigint[]) AS said (account, sub, amount)
          JOIN accounts ON accounts.account = said.account)
    UPDATE accounts SET granted = accounts.granted + by.granted, paid_in = accounts.paid_in + by.paid_in,
      earned = accounts.earned + by.earned, payable = accounts.payable + by.payable,
      withdrawing = accounts.withdrawing + by.withdrawing, debt = accounts.debt + by.debt,
      credited = accounts.credited + by.credited
    FROM UNNEST($7::text[], $8::bigint[], $9::bigint[], $10::bigint[], $11::bigint[], $12::bigint[], $13::bigint[], $14::bigint[])
      AS by (account, granted, paid_in, earned, payable, withdrawing, debt, credited)
    WHERE accounts.account = by.account`,

  // Of subjects with windows, each for itself: what was used, and what open holds of the account's, or anybody's, can use.
  counted: `
    SELECT COALESCE(used.micro_usd, 0)::bigint AS micro_usd, COALESCE(used.tokens, 0)::bigint AS tokens,
      COALESCE(open.micro_usd, 0)::bigint AS open_micro_usd, COALESCE(open.tokens, 0)::bigint AS open_tokens
    FROM UNNEST($1::text[], $2::bigint[], $3::bigint[]) WITH ORDINALITY AS asked (subject, from_day, until_day, place)
      CROSS JOIN LATERAL (
        SELECT SUM(micro_usd) AS micro_usd, SUM(tokens) AS tokens FROM used
        WHERE used.subject = asked.subject AND day >= from_day AND day < until_day) AS used
      CROSS JOIN LATERAL (
        SELECT SUM(granted + paid_in + earned + payable) AS micro_usd, SUM(tokens) AS tokens FROM holds
        WHERE subjects @> ARRAY[asked.subject] AND NOT by_platform
          AND at / 86400000 >= from_day AND at / 86400000 < until_day) AS open
    ORDER BY place`,
  addUpUsed: `
    WITH
      old AS MATERIALIZED (
        SELECT subject, day FROM used WHERE day >= 0 AND day < $1 ORDER BY day, subject LIMIT $2 FOR UPDATE SKIP LOCKED),
      gone AS (
        DELETE FROM used USING old WHERE used.subject = old.subject AND used.day = old.day
        RETURNING used.subject, micro_usd, tokens),
      kept AS (
        INSERT INTO used AS kept (subject, day, micro_usd, tokens)
        SELECT subject, -1, SUM(micro_usd), SUM(tokens) FROM gone GROUP BY subject ORDER BY subject
        ON CONFLICT (subject, day) DO UPDATE SET micro_usd = kept.micro_usd + excluded.micro_usd,
          tokens = kept.tokens + excluded.tokens)
    SELECT COUNT(*) AS gone FROM gone`,

  probe: "INSERT INTO probes (id, written) VALUES (1, 1) ON CONFLICT (id) DO UPDATE SET written = probes.written + 1",
  shares: `
    SELECT (SELECT COALESCE(SUM(charged), 0) FROM accounts) AS charged, granted, paid_in, earned, payable, held, withdrawing, debt
    FROM accounts WHERE account = 'platform'`,
  usage: `
    SELECT job_id, request_id, model, prompt_tokens, cached_tokens, completion_tokens, reasoning_tokens,
      charge, outcome, at
    FROM settlements WHERE account = $1 AND job_id IS NOT NULL ORDER BY at DESC, seq DESC LIMIT $2`,
  receipt: `
    SELECT packed FROM receipts JOIN settlements USING (seq) WHERE job_id = $1 AND account = $2 AND expires_at > $3`,
  openLeases: "SELECT DISTINCT lease FROM holds",
  endedLeases: `
    SELECT DISTINCT lease FROM holds WHERE NOT EXISTS (SELECT 1 FROM leases WHERE leases.lease = holds.lease)`,
  holdsOf: "SELECT hold_id FROM holds WHERE lease = $1 LIMIT $2",

  deleteReceipts: `
    WITH old AS (
      DELETE FROM receipts WHERE seq IN (SELECT seq FROM receipts WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2)
      RETURNING 1)
    SELECT COUNT(*) AS gone FROM old`,
  // Settlements are nearly in the order of their time. One stays as long as its receipt.
  oldSettlements: `
    SELECT seq FROM (SELECT seq, at FROM settlements ORDER BY seq LIMIT $1 FOR UPDATE SKIP LOCKED) AS oldest
    WHERE at <= $2 AND seq NOT IN (SELECT seq FROM receipts)`,
  addToDays: `
    INSERT INTO usage_days AS days (day, account, key_id, model, serial, outcome, requests,
      prompt_tokens, cached_tokens, completion_tokens, reasoning_tokens, charge, earned, paid_by_platform, counted_tokens)
    SELECT at / 86400000 AS on_day, account, key_id, model, COALESCE(serial, ''), outcome, COUNT(*),
      COALESCE(SUM(prompt_tokens), 0), COALESCE(SUM(cached_tokens), 0), COALESCE(SUM(completion_tokens), 0),
      COALESCE(SUM(reasoning_tokens), 0), SUM(charge), COALESCE(SUM(earned), 0), SUM(paid_by_platform),
      SUM(counted_tokens)
    FROM settlements WHERE seq = ANY ($1::bigint[])
    GROUP BY on_day, account, key_id, model, COALESCE(serial, ''), outcome
    ON CONFLICT (account, day, key_id, model, serial, outcome) DO UPDATE SET
      requests = days.requests + excluded.requests,
      prompt_tokens = days.prompt_tokens + excluded.prompt_tokens,
      cached_tokens = days.cached_tokens + excluded.cached_tokens,
      completion_tokens = days.completion_tokens + excluded.completion_tokens,
      reasoning_tokens = days.reasoning_tokens + excluded.reasoning_tokens,
      charge = days.charge + excluded.charge, earned = days.earned + excluded.earned,
      paid_by_platform = days.paid_by_platform + excluded.paid_by_platform,
      counted_tokens = days.counted_tokens + excluded.counted_tokens`,
  openDays: `
    INSERT INTO journal (kind, at, ref)
    SELECT DISTINCT 'day', at / 86400000 * 86400000, (at / 86400000)::text FROM settlements
    WHERE seq = ANY ($1::bigint[]) AND entry IS NOT NULL
    ON CONFLICT (kind, ref) WHERE ref IS NOT NULL DO NOTHING`,
  foldEntries: `
    INSERT INTO postings AS kept (entry, account, sub, amount)
    SELECT days.entry, said.account, sub, SUM(amount)
    FROM settlements JOIN postings AS said ON said.entry = settlements.entry
      JOIN journal AS days ON days.kind = 'day' AND days.ref = (settlements.at / 86400000)::text
    WHERE seq = ANY ($1::bigint[]) GROUP BY days.entry, said.account, sub HAVING SUM(amount) <> 0
    ON CONFLICT (entry, account, sub) DO UPDATE SET amount = kept.amount + excluded.amount`,
  deletePostings: `
    DELETE FROM postings WHERE entry IN (SELECT entry FROM settlements WHERE seq = ANY ($1::bigint[]))`,
  deleteEntries: `
    DELETE FROM journal WHERE entry IN (SELECT entry FROM settlements WHERE seq = ANY ($1::bigint[]))`,
  deleteSettlements: "DELETE FROM settlements WHERE seq = ANY ($1::bigint[])",
} as const;

/** What a check of the books finds off: everything is summed again and compared, as it stands at one moment. */
export const postgresCheckSql = `
  WITH
    open AS (
      SELECT CASE WHEN by_platform THEN 'platform' ELSE account END AS account, SUM(granted) AS granted,
        SUM(paid_in) AS paid_in, SUM(earned) AS earned, SUM(payable) AS payable,
        SUM(granted + paid_in + earned + payable) AS held
      FROM holds GROUP BY 1),
    -- What is held moves in the journal with its end.
    kept AS (
      SELECT accounts.id, account, part, amount
      FROM accounts LEFT JOIN open USING (account) CROSS JOIN LATERAL (VALUES
        ('granted', accounts.granted + COALESCE(open.granted, 0)), ('paid_in', accounts.paid_in + COALESCE(open.paid_in, 0)),
        ('earned', accounts.earned + COALESCE(open.earned, 0)),
        ('payable', accounts.payable + COALESCE(open.payable, 0)), ('held', accounts.held - COALESCE(open.held, 0)),
        ('withdrawing', withdrawing), ('debt', debt)) AS figures (part, amount)),
    posted AS (SELECT account AS id, sub AS part, SUM(amount) AS total FROM postings GROUP BY account, sub),
    ended AS (
      SELECT account, SUM(charge) AS total
      FROM (SELECT account, charge FROM settlements UNION ALL SELECT account, charge FROM usage_days) AS charges
      GROUP BY account),
    given AS (
      SELECT postings.account AS id, SUM(amount) AS total FROM postings JOIN journal USING (entry)
      WHERE kind IN ('grant', 'deposit') GROUP BY postings.account),
    unbalanced AS (
      SELECT 'entry ' || entry AS account, 'journal' AS part, SUM(amount) AS off_by FROM postings
      GROUP BY entry HAVING SUM(amount) <> 0 LIMIT 100),
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
        UNION ALL SELECT model, -earned - paid_by_platform FROM usage_days) AS shares
      GROUP BY model),
    compared AS (
      SELECT account, part, amount - COALESCE(total, 0) AS off_by FROM kept LEFT JOIN posted USING (id, part)
      UNION ALL SELECT account, 'open holds', accounts.held - COALESCE(open.held, 0) FROM accounts LEFT JOIN open USING (account)
      UNION ALL SELECT account, 'charged', charged - COALESCE(total, 0) FROM accounts LEFT JOIN ended USING (account)
      UNION ALL
        SELECT account, 'credited', credited - COALESCE(total, 0) FROM accounts LEFT JOIN given USING (id)
        WHERE account <> 'outside'
      UNION ALL SELECT subject, 'used', micro_usd FROM off_counted
      UNION ALL SELECT subject, 'used tokens', tokens FROM off_counted
      UNION ALL SELECT model, 'earnings', amount FROM off_earned
      UNION ALL SELECT account, part, off_by FROM unbalanced)
  SELECT account, part, off_by FROM compared WHERE off_by <> 0 ORDER BY account, part`;
