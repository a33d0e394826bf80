-- Of PostgreSQL alone: here one writer takes all numbers, and nobody waits for them.
SELECT 1;
