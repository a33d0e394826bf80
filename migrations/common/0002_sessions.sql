-- People who are signed in. The key is the SHA-256 of what the browser's cookie holds.
CREATE TABLE sessions (
    id TEXT NOT NULL PRIMARY KEY,
    issuer TEXT NOT NULL,
    subject TEXT NOT NULL,
    name TEXT NOT NULL,
    roles BIGINT NOT NULL,
    -- Tokens of the identity provider, encrypted with a key that only the cookie holds.
    sealed TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    seen_at BIGINT NOT NULL,
    roles_at BIGINT NOT NULL,
    -- Until then one request is asking the identity provider for the roles.
    confirming_until BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX sessions_seen ON sessions (seen_at);

-- Sign-ins under way. The key binds the browser's cookie and the state parameter together.
CREATE TABLE sign_ins (
    id TEXT NOT NULL PRIMARY KEY,
    -- Nonce, code verifier and where to return to, encrypted like the tokens of a session.
    sealed TEXT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX sign_ins_expiry ON sign_ins (expires_at);
