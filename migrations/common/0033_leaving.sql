-- Whether the numbers so described are on their way out of the backend, and how far.
ALTER TABLE observed_settings ADD COLUMN leaving TEXT;
