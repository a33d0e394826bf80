INSERT INTO account_services (account_id, services, numbers)
SELECT n.account_id, s.services, COUNT(*) FROM numbers n JOIN settings s ON s.id = n.settings_id GROUP BY n.account_id, s.services;
