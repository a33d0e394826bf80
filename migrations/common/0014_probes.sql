-- Counts the writes by which a process finds out that it can write. Nothing reads it.
INSERT INTO sequences (name, next) VALUES ('probes', 1);
