//! The bearer token of a backend, by the client credentials grant (RFC 6749, section 4.4).

use std::time::Duration;

use reqwest::Client;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use tokio::sync::Mutex;
use tokio::time::Instant;
use url::Url;

use super::answer::{body, json, retry, unreachable};
use super::{Answer, BackendError};

/// How long a token is kept when the provider does not say.
const DEFAULT_LIFETIME: Duration = Duration::from_mins(5);
/// A token is kept at least this long, whatever the provider says, so that a wrong lifetime causes no storm.
const MIN_LIFETIME: Duration = Duration::from_secs(10);
/// A token is replaced this long before it ends (or at nine tenths of a short life).
const MARGIN: Duration = Duration::from_mins(1);
const WHO: &str = "the backend's sign-in service";

/// Where a token comes from.
#[derive(Clone, Debug)]
pub(super) struct Credentials {
    pub(super) token_url: Url,
    pub(super) client_id: String,
    pub(super) client_secret: SecretString,
    pub(super) scope: Option<String>,
}

/// A token shared by all calls; only one of them fetches it at a time.
#[derive(Debug)]
pub(super) struct TokenSource {
    credentials: Credentials,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    token: Option<(SecretString, Instant)>,
    failure: Option<(BackendError, Instant)>,
}

#[derive(Deserialize)]
struct TokenAnswer {
    access_token: SecretString,
    #[serde(default)]
    expires_in: Option<f64>,
}

#[derive(Deserialize)]
struct TokenRefusal {
    error: String,
}

impl TokenSource {
    pub(super) fn new(credentials: Credentials) -> Self {
        Self { credentials, state: Mutex::default() }
    }

    /// The token to use now. Callers that waited for another's failed attempt share its failure.
    pub(super) async fn bearer(&self, client: &Client) -> Answer<SecretString> {
        let asked = Instant::now();
        let mut state = self.state.lock().await;
        if let Some((token, until)) = &state.token
            && *until > Instant::now()
        {
            return Ok(token.clone());
        }
        if let Some((failure, at)) = &state.failure
            && *at >= asked
        {
            return Err(failure.clone());
        }
        match self.fetch(client).await {
            Ok((token, lifetime)) => {
                *state = State { token: Some((token.clone(), Instant::now() + lifetime)), failure: None };
                Ok(token)
            }
            Err(failure) => {
                *state = State { token: None, failure: Some((failure.clone(), Instant::now())) };
                Err(failure)
            }
        }
    }

    /// Forgets a token the backend refused, unless another call has replaced it already.
    pub(super) async fn forget(&self, refused: &SecretString) {
        let mut state = self.state.lock().await;
        if state.token.as_ref().is_some_and(|(token, _)| token.expose_secret() == refused.expose_secret()) {
            state.token = None;
        }
    }

    async fn fetch(&self, client: &Client) -> Answer<(SecretString, Duration)> {
        let Credentials { token_url, client_id, client_secret, scope } = &self.credentials;
        let encode = |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
        let mut form = vec![("grant_type", "client_credentials")];
        form.extend(scope.as_deref().map(|scope| ("scope", scope)));
        // RFC 6749, 2.3.1: both halves are form-encoded before they go into the header.
        let request = client
            .post(token_url.clone())
            .basic_auth(encode(client_id), Some(encode(client_secret.expose_secret())))
            .form(&form);
        let response = request.send().await.map_err(|error| unreachable(WHO, &error))?;
        let status = response.status();
        let body = body(WHO, response).await?;
        if !status.is_success() {
            // Only the code of the error is shown: its description may repeat what was sent.
            let code = serde_json::from_slice::<TokenRefusal>(&body)
                .ok()
                .map(|refusal| refusal.error)
                .filter(|code| code.len() <= 64 && code.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'));
            let code = code.map(|code| format!(" ({code})")).unwrap_or_default();
            return Err(retry(format!("{WHO} gave no token: status {}{code}", status.as_u16())));
        }
        let answer: TokenAnswer = json(WHO, &body)?;
        Ok((answer.access_token, lifetime(answer.expires_in)))
    }
}

fn lifetime(expires_in: Option<f64>) -> Duration {
    let stated = expires_in.map_or(DEFAULT_LIFETIME, |seconds| {
        Duration::try_from_secs_f64(seconds.clamp(0.0, 86_400.0)).unwrap_or(DEFAULT_LIFETIME)
    });
    stated.saturating_sub(MARGIN.min(stated / 10)).max(MIN_LIFETIME)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_lifetime_causes_no_storm_and_a_right_one_leaves_a_margin() {
        assert_eq!(lifetime(Some(3600.0)), Duration::from_mins(59));
        assert_eq!(lifetime(Some(300.0)), Duration::from_secs(270));
        for odd in [Some(0.0), Some(-1.0), Some(1.0)] {
            assert_eq!(lifetime(odd), MIN_LIFETIME);
        }
        assert_eq!(lifetime(None), Duration::from_secs(270));
        assert_eq!(lifetime(Some(1e30)), Duration::from_mins(1_439));
    }
}
