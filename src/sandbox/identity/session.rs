//! What was granted to whom: codes and refresh tokens. Codes end with the process.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use time::{Duration, OffsetDateTime};

use crate::sandbox::clock;

const CODE_LIFETIME: Duration = Duration::minutes(5);
const REFRESH_LIFETIME: Duration = Duration::hours(24);

/// Codes and refresh tokens in circulation.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::sandbox) struct Grants {
    #[serde(skip)]
    codes: HashMap<String, Issued<CodeGrant>>,
    refresh_tokens: HashMap<String, Issued<Session>>,
    /// Codes and refresh tokens that were used, and the session they led to: using one again ends it.
    spent: HashMap<String, Issued<String>>,
    /// Grows with every change of what outlives a restart.
    #[serde(skip)]
    revision: u64,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Issued<T> {
    what: T,
    #[serde(with = "time::serde::timestamp")]
    until: OffsetDateTime,
}

/// What a code stands for.
#[derive(Clone, Debug)]
pub(super) struct CodeGrant {
    pub(super) session: Session,
    pub(super) redirect_uri: String,
    pub(super) challenge: String,
    pub(super) nonce: Option<String>,
}

/// One sign-in of one person.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Session {
    /// The `sid` claim.
    pub(super) id: String,
    pub(super) person: String,
    pub(super) scope: String,
    #[serde(with = "time::serde::timestamp")]
    pub(super) signed_in: OffsetDateTime,
}

impl Grants {
    /// Returns how often something changed that outlives a restart.
    pub(super) fn revision(&self) -> u64 {
        self.revision
    }

    /// Issues a new code.
    pub(super) fn issue_code(&mut self, grant: CodeGrant) -> String {
        self.sweep();
        let code = clock::secret();
        self.codes.insert(code.clone(), Issued { what: grant, until: clock::now() + CODE_LIFETIME });
        code
    }

    /// Takes a code; a second use ends the session the first one opened (RFC 6749, section 4.1.2).
    pub(super) fn redeem_code(&mut self, code: &str) -> Option<CodeGrant> {
        self.sweep();
        let Some(Issued { what, .. }) = self.codes.remove(code) else {
            self.end_session_of_spent(code);
            return None;
        };
        self.spend(code, &what.session.id);
        Some(what)
    }

    /// Issues a new refresh token.
    pub(super) fn issue_refresh_token(&mut self, session: Session) -> String {
        let token = clock::secret();
        let until = clock::now() + REFRESH_LIFETIME;
        self.revision += 1;
        self.refresh_tokens.insert(token.clone(), Issued { what: session, until });
        token
    }

    /// Takes a refresh token; a second use ends the session (RFC 9700, section 4.14).
    pub(super) fn redeem_refresh_token(&mut self, token: &str) -> Option<Session> {
        self.sweep();
        let Some(Issued { what, .. }) = self.refresh_tokens.remove(token) else {
            self.end_session_of_spent(token);
            return None;
        };
        self.spend(token, &what.id);
        Some(what)
    }

    /// Ends a session: its refresh tokens work no more.
    pub(super) fn end_session(&mut self, session: &str) {
        self.revision += 1;
        self.refresh_tokens.retain(|_, issued| issued.what.id != session);
    }

    fn end_session_of_spent(&mut self, value: &str) {
        if let Some(session) = self.spent.get(value).map(|spent| spent.what.clone()) {
            self.end_session(&session);
        }
    }

    fn spend(&mut self, value: &str, session: &str) {
        let until = clock::now() + REFRESH_LIFETIME;
        self.revision += 1;
        self.spent.insert(value.to_owned(), Issued { what: session.to_owned(), until });
    }

    fn sweep(&mut self) {
        let now = clock::now();
        self.codes.retain(|_, issued| issued.until > now);
        self.refresh_tokens.retain(|_, issued| issued.until > now);
        self.spent.retain(|_, issued| issued.until > now);
    }
}
