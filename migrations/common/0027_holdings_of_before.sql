-- Who had which number before this was kept, as far as the orders tell.

INSERT INTO holders (id, account_id, name, tenant_id)
SELECT id, id, name, tenant_id FROM accounts;
UPDATE accounts SET holder_id = id;

-- Accounts that are gone: an order of one account alone has its name.
INSERT INTO holders (id, account_id, name, tenant_id)
SELECT o.account_id, o.account_id, MIN(r.accounts), CAST(NULL AS TEXT)
FROM order_accounts o
JOIN orders r ON r.id = o.order_id
WHERE NOT EXISTS (SELECT 1 FROM accounts a WHERE a.id = o.account_id)
  AND NOT EXISTS (SELECT 1 FROM order_accounts p WHERE p.order_id = o.order_id AND p.account_id <> o.account_id)
  AND r.accounts <> ''
GROUP BY o.account_id;

-- A release that went through ended it.
INSERT INTO holdings (telephone_number, order_id, holder_id, until)
SELECT i.telephone_number, i.order_id, i.account_id, COALESCE(o.finished_at, o.submitted_at, o.created_at)
FROM order_items i
JOIN orders o ON o.id = i.order_id
WHERE o.kind = 'release'
  AND i.verdict = 'release'
  AND i.state = 'done';

INSERT INTO quarantine (telephone_number, holder_id, country, order_id, released_at, free_at)
SELECT h.telephone_number, h.holder_id, COALESCE(i.country, ''), h.order_id, h.until,
    h.until + COALESCE(
        (SELECT p.period FROM quarantine_periods p WHERE p.country = i.country),
        (SELECT p.period FROM quarantine_periods p WHERE p.country = '')
    )
FROM (
    SELECT telephone_number, MAX(order_id) AS order_id
    FROM holdings
    GROUP BY telephone_number
) AS l
JOIN holdings h ON h.telephone_number = l.telephone_number AND h.order_id = l.order_id
JOIN order_items i ON i.order_id = h.order_id AND i.telephone_number = h.telephone_number
WHERE NOT EXISTS (SELECT 1 FROM numbers n WHERE n.telephone_number = h.telephone_number);
