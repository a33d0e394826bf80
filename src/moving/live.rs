//! Importing from a running service of the same contract: its accounts, then its numbers, page by page.

use std::collections::HashSet;
use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};
use url::Url;

use crate::backend::contract::{Contract, ListOf, PageError};
use crate::service::Result;
use crate::service::moving::Import;
use crate::wire::{NumberPages, read_account_page};

/// How often a page is asked for that is not answered.
const TRIES: u32 = 8;
/// How often, where the service says how long to wait.
const TOLD_TRIES: u32 = 100;
/// How often a page is fetched anew that cannot be read.
const UNREADABLE: u32 = 3;
/// The longest pause that is not asked for.
const LONGEST: Duration = Duration::from_secs(30);

/// How an import from a service ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended {
    /// Both lists were read to their ends.
    Whole,
    /// It cannot go on now, for this reason; it can be gone on with.
    Stopped(String),
}

/// Hands the accounts and numbers of a service to an import, from where the last one stopped. `token` is asked for each
/// page, so that one that is replaced meanwhile counts.
///
/// # Errors
/// When the database fails.
pub async fn take_in(
    import: &mut Import,
    service: &Contract,
    token: &(dyn Fn() -> std::result::Result<SecretString, String> + Send + Sync),
    stopped_at: Option<String>,
) -> Result<Ended> {
    let (mut list, mut goes_on) = begun(service, stopped_at.as_deref());
    loop {
        let first = goes_on.clone().unwrap_or_else(|| service.first(list));
        let reading = Reading { service, token, list, is_resumed: goes_on.is_some() };
        if let Some(reason) = reading.read(import, first).await? {
            return Ok(Ended::Stopped(reason));
        }
        if list == ListOf::Numbers {
            return Ok(Ended::Whole);
        }
        (list, goes_on) = (ListOf::Numbers, None);
        import.reached(place(list, &service.first(list)));
    }
}

fn place(list: ListOf, url: &Url) -> String {
    format!("{} {url}", list.path())
}

/// Where to begin.
fn begun(service: &Contract, stopped_at: Option<&str>) -> (ListOf, Option<Url>) {
    let Some((list, link)) = stopped_at.and_then(|place| place.split_once(' ')) else {
        return (ListOf::Accounts, None);
    };
    let list = if list == ListOf::Numbers.path() { ListOf::Numbers } else { ListOf::Accounts };
    (list, service.next(link).ok())
}

/// One list being read.
struct Reading<'a> {
    service: &'a Contract,
    token: &'a (dyn Fn() -> std::result::Result<SecretString, String> + Send + Sync),
    list: ListOf,
    /// Whether it is read on in the middle.
    is_resumed: bool,
}

impl Reading<'_> {
    /// Reads the list to its end; gives why it stopped before.
    async fn read(&self, import: &mut Import, mut url: Url) -> Result<Option<String>> {
        let (mut seen, mut pages, mut count) = (HashSet::new(), NumberPages::default(), 0_u32);
        let mut unreadable = 0;
        loop {
            let body = match self.fetch(&url).await {
                Ok(body) => body,
                // A service may have forgotten where it was.
                Err(Stop::Refused(_)) if self.is_resumed && count == 0 && url != self.service.first(self.list) => {
                    url = self.service.first(self.list);
                    continue;
                }
                Err(Stop::Refused(reason) | Stop::Other(reason)) => return Ok(Some(reason)),
            };
            let name = format!("{} page {}", self.list.path(), count + 1);
            let next = match self.hand_over(import, &mut pages, &name, &body).await? {
                Ok(next) => next,
                Err(_) if unreadable + 1 < UNREADABLE => {
                    unreadable += 1;
                    continue;
                }
                Err(reason) => {
                    return Ok(Some(format!("{name} cannot be read, {UNREADABLE} times in a row: {reason}")));
                }
            };
            (unreadable, count) = (0, count + 1);
            seen.insert(url.to_string());
            let Some(link) = next else { return Ok(None) };
            url = match self.service.next(&link) {
                Ok(url) => url,
                Err(reason) => return Ok(Some(format!("{name} of the other service cannot be followed: {reason}"))),
            };
            if seen.contains(url.as_str()) {
                let reason = format!(
                    "{name} names as the next page one that was read before, so the list has no end. What was read is \
                     kept. This is a fault of the other service."
                );
                return Ok(Some(reason));
            }
            import.reached(place(self.list, &url));
        }
    }

    /// Hands a page over; gives the link to the next one, or why it cannot be read.
    async fn hand_over(
        &self,
        import: &mut Import,
        pages: &mut NumberPages,
        name: &str,
        body: &[u8],
    ) -> Result<std::result::Result<Option<String>, String>> {
        Ok(match self.list {
            ListOf::Accounts => match read_account_page(body) {
                Ok(page) => {
                    import.accounts(name, page.items).await?;
                    Ok(page.next_link)
                }
                Err(problem) => Err(problem.reason),
            },
            ListOf::Numbers => match pages.read(body) {
                Ok(page) => {
                    import.numbers(name, page.items).await?;
                    Ok(page.next_link)
                }
                Err(problem) => Err(problem.reason),
            },
        })
    }

    /// Fetches a page, waiting as long as the service asks for.
    async fn fetch(&self, url: &Url) -> std::result::Result<Vec<u8>, Stop> {
        let (mut tries, mut told) = (0, 0);
        let mut pause = Duration::from_secs(1);
        loop {
            let token = (self.token)().map_err(Stop::Other)?;
            match self.service.page(url, &token).await {
                Ok(body) => return Ok(body),
                Err(PageError::Token(reason)) => {
                    let again = (self.token)().map_err(Stop::Other)?;
                    if again.expose_secret() == token.expose_secret() {
                        return Err(Stop::Other(format!("{reason}. Bring a new token and import again")));
                    }
                }
                Err(PageError::Refused(reason)) => return Err(Stop::Refused(reason)),
                Err(PageError::Wait { after: Some(after), reason }) => {
                    told += 1;
                    if told >= TOLD_TRIES {
                        return Err(Stop::Other(format!("{reason}, {told} times in a row")));
                    }
                    tokio::time::sleep(after).await;
                }
                Err(PageError::Wait { after: None, reason }) => {
                    tries += 1;
                    if tries >= TRIES {
                        return Err(Stop::Other(format!("{reason}, {tries} times in a row")));
                    }
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(LONGEST);
                }
            }
        }
    }
}

/// Why a page was not had.
enum Stop {
    /// The service refused it.
    Refused(String),
    /// Anything else.
    Other(String),
}
