//! Reading lists from another service of the Provisioning API's contract, to take over what it has.

use std::time::Duration;

use reqwest::{Client, StatusCode, redirect};
use secrecy::{ExposeSecret as _, SecretString};
use time::OffsetDateTime;
use url::{Host, Url};

use super::{BackendError, answer};

const WHO: &str = "the other service";
/// The version of the contract that is asked for.
const API_VERSION: &str = "2024-02-29-preview";
/// Items of a page that are asked for; the most that the contract allows.
const PAGE_SIZE: &str = "500";
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const READ_TIMEOUT: Duration = Duration::from_secs(30);
const TOTAL_TIMEOUT: Duration = Duration::from_mins(2);

/// Why a page was not had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PageError {
    /// The token is none, or has expired.
    Token(String),
    /// Something that may pass, after so long where the service said so.
    Wait {
        /// How long the service asked to wait.
        after: Option<Duration>,
        /// What happened, to be read by people.
        reason: String,
    },
    /// Something that will not pass by itself.
    Refused(String),
}

/// Why a service cannot be asked.
#[derive(Debug, thiserror::Error)]
pub enum ContractError {
    /// The address is no address of a service.
    #[error("give the address of the service as https://host, without a query; http is for this machine alone")]
    Address,
    /// TLS could not be set up.
    #[error("the HTTPS client could not be set up; are the system's root certificates installed?")]
    Tls(#[from] reqwest::Error),
}

/// A list of the contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListOf {
    /// Its accounts.
    Accounts,
    /// The numbers of all accounts.
    Numbers,
}

impl ListOf {
    /// Its path.
    #[must_use]
    pub const fn path(self) -> &'static str {
        match self {
            Self::Accounts => "accounts",
            Self::Numbers => "numbers",
        }
    }
}

/// Another service of the contract.
#[derive(Debug)]
pub struct Contract {
    client: Client,
    base: Url,
    now: fn() -> OffsetDateTime,
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

impl Contract {
    /// Sets the client up; nothing is sent yet. Only HTTPS is spoken, except to this machine.
    ///
    /// # Errors
    /// When the address is none, or TLS cannot be set up.
    pub fn new(base: &str, now: fn() -> OffsetDateTime) -> Result<Self, ContractError> {
        let base = Url::parse(base).map_err(|_| ContractError::Address)?;
        let is_plain = base.scheme() == "http" && is_loopback(&base);
        let is_bare = base.query().is_none() && base.fragment().is_none() && base.username().is_empty();
        if !base.has_host() || !is_bare || !(base.scheme() == "https" || is_plain) {
            return Err(ContractError::Address);
        }
        let mut client = Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .read_timeout(READ_TIMEOUT)
            .timeout(TOTAL_TIMEOUT)
            .redirect(redirect::Policy::none())
            .user_agent(concat!("nmp/", env!("CARGO_PKG_VERSION")));
        if is_plain {
            client = client.no_proxy().tls_certs_only([]);
        }
        Ok(Self { client: client.build()?, base, now })
    }

    /// The address of the service.
    #[must_use]
    pub fn address(&self) -> &str {
        self.base.as_str()
    }

    /// The address of the first page of a list.
    #[must_use]
    pub fn first(&self, list: ListOf) -> Url {
        let mut url = self.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().push(list.path());
        }
        url.query_pairs_mut().append_pair("api-version", API_VERSION).append_pair("maxpagesize", PAGE_SIZE);
        url
    }

    /// The address of a next page, which is of the same service.
    ///
    /// # Errors
    /// Says what is wrong with it.
    pub fn next(&self, link: &str) -> Result<Url, String> {
        let url = self.base.join(link).map_err(|_| "its link to the next page is no address".to_owned())?;
        if url.origin() != self.base.origin() {
            return Err(format!(
                "its link to the next page leads to {}, and the token is only sent to {}; give that address with --from \
                 where it is the service's own",
                url.origin().ascii_serialization(),
                self.base.origin().ascii_serialization()
            ));
        }
        Ok(url)
    }

    /// Reads a page.
    ///
    /// # Errors
    /// Says whether to wait, to bring another token, or to give up.
    pub async fn page(&self, url: &Url, token: &SecretString) -> Result<Vec<u8>, PageError> {
        let request = self.client.get(url.clone()).bearer_auth(token.expose_secret());
        let response = request.send().await.map_err(|error| waiting(answer::unreachable(WHO, &error)))?;
        let (status, after) = (response.status(), answer::retry_after(response.headers(), (self.now)()));
        match status {
            StatusCode::OK => answer::body(WHO, response).await.map_err(waiting),
            StatusCode::UNAUTHORIZED => Err(PageError::Token(format!("{WHO} did not accept the token (status 401)"))),
            StatusCode::FORBIDDEN => {
                Err(PageError::Token(format!("{WHO} does not let the token read its lists (status 403)")))
            }
            _ if status.is_server_error() || matches!(status.as_u16(), 408 | 425 | 429) => {
                let reason = format!("{WHO} answered with status {}", status.as_u16());
                Err(PageError::Wait { after, reason })
            }
            _ => {
                let body = answer::body(WHO, response).await.unwrap_or_default();
                Err(refused(answer::refusal(WHO, status, &body)))
            }
        }
    }
}

fn waiting(error: BackendError) -> PageError {
    match error {
        BackendError::Retry { after, reason } => PageError::Wait { after, reason },
        BackendError::Rejected(error) => PageError::Refused(error.message),
    }
}

fn refused(error: BackendError) -> PageError {
    match error {
        BackendError::Rejected(error) => {
            PageError::Refused(format!("{WHO} refused the request ({}): {}", error.code, error.message))
        }
        BackendError::Retry { reason, .. } => PageError::Refused(reason),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contract(base: &str) -> Result<Contract, ContractError> {
        Contract::new(base, || OffsetDateTime::UNIX_EPOCH)
    }

    #[test]
    fn only_https_is_spoken_except_to_this_machine() {
        for good in
            ["https://api.example.com", "https://api.example.com/v1/", "http://127.0.0.1:8081", "http://localhost"]
        {
            assert!(contract(good).is_ok(), "{good}");
        }
        for bad in
            ["http://api.example.com", "api.example.com", "https://", "ftp://127.0.0.1", "https://a.example/?x=1"]
        {
            assert!(contract(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_next_page_is_of_the_same_service() {
        let contract = contract("https://api.example.com/base/").unwrap();
        let first = contract.first(ListOf::Numbers);
        assert_eq!(
            first.as_str(),
            "https://api.example.com/base/numbers?api-version=2024-02-29-preview&maxpagesize=500"
        );
        assert!(contract.next("https://api.example.com/base/numbers?skip=500").is_ok());
        assert!(contract.next("/base/numbers?skip=500").is_ok());
        for elsewhere in
            ["https://elsewhere.example/numbers", "http://api.example.com/numbers", "https://api.example.com:444/"]
        {
            assert!(contract.next(elsewhere).is_err(), "{elsewhere}");
        }
    }
}
