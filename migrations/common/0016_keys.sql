-- Who is about to sign in is kept by the browser, sealed: anybody can begin to sign in, and that must not fill the database.
DROP TABLE sign_ins;

-- Keys that all processes share, each made by the first that needs it.
CREATE TABLE keys (
    name TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
);
