//! Reading the pages of lists that another service of the contract answered.
//!
//! What is wrong with one item does not spoil the others. The numbers of a page mostly differ in nothing but the number, so
//! what stands beside it is read once and known again by its text.

use std::collections::HashMap;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::InputProblem;
use super::account_reader::read_listed_account;
use super::number_reader::settings;
use super::reader::{self, Node, Object};
use super::shown::shown;
use crate::domain::moving::{AtSource, Incoming, IncomingAccount, IncomingNumber, KeyedSettings, MovingProblem};
use crate::domain::rules::check_number;
use crate::domain::{AccountName, E164, ProvisioningError, ServiceSet};

/// The largest item of a page.
const ITEM_MOST: usize = 256 * 1024;
/// Descriptions that are remembered; beyond it they are forgotten and read anew.
const REMEMBERED: usize = 10_000;
/// The most characters of an error's code and target, and of its message.
const NAME_MOST: usize = 200;
const MESSAGE_MOST: usize = 2_000;

/// A page of a list, as it was answered.
#[derive(Debug)]
pub struct ListedPage<T> {
    /// Its items, in their order.
    pub items: Vec<Incoming<T>>,
    /// Where the next page is.
    pub next_link: Option<String>,
}

#[derive(Deserialize)]
struct Page<'a> {
    #[serde(borrow)]
    value: Vec<&'a RawValue>,
    #[serde(rename = "nextLink", default)]
    next_link: Option<String>,
}

/// Reads a page of accounts.
///
/// # Errors
/// When it is no page.
pub fn read_account_page(body: &[u8]) -> Result<ListedPage<IncomingAccount>, MovingProblem> {
    let Page { value, next_link } = page(body)?;
    let mut items = Vec::with_capacity(value.len());
    for (line, item) in (1..).zip(value) {
        items.push(
            match fitting(item, line).and_then(|text| read_listed_account(text).map_err(|all| told(line, all))) {
                Ok(draft) => Incoming::Item(IncomingAccount { draft, created_at: None, line }),
                Err(problems) => Incoming::Problems(problems),
            },
        );
    }
    Ok(ListedPage { items, next_link })
}

fn page(body: &[u8]) -> Result<Page<'_>, MovingProblem> {
    let text = std::str::from_utf8(body).map_err(|error| {
        let line = body.iter().take(error.valid_up_to()).filter(|byte| **byte == b'\n').count() + 1;
        MovingProblem::new(
            0,
            "",
            "",
            format!("The page is not UTF-8 text, at line {line}. Save it as it was answered."),
        )
    })?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    serde_json::from_str(text).map_err(|error| {
        let reason = if text.trim().is_empty() {
            "The page is empty. Fetch it again.".to_owned()
        } else if error.is_eof() {
            format!(
                "The page ends before it is complete, at line {}, column {}: it was cut. Nothing of it was taken; fetch \
                 it again.",
                error.line(),
                error.column()
            )
        } else if error.is_data() {
            "This is no page of a list: a page is an object with the list \u{201c}value\u{201d}. Nothing of it was taken."
                .to_owned()
        } else {
            format!("The page is not JSON: {error}. Nothing of it was taken; fetch it again.")
        };
        MovingProblem::new(0, "", "", reason)
    })
}

fn fitting(item: &RawValue, line: u32) -> Result<&[u8], Vec<MovingProblem>> {
    let text = item.get();
    if text.len() <= ITEM_MOST {
        return Ok(text.as_bytes());
    }
    let reason = format!("The item has {} bytes, and {ITEM_MOST} are the most.", text.len());
    Err(vec![MovingProblem::new(line, "", text, reason)])
}

fn told(line: u32, problems: Vec<InputProblem>) -> Vec<MovingProblem> {
    problems.into_iter().map(|found| MovingProblem::new(line, found.target, "", found.message)).collect()
}

/// A number of a list, as far as it is told from others.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Item<'a> {
    telephone_number: &'a str,
    account_name: &'a str,
    #[serde(borrow)]
    service_details: &'a RawValue,
    #[serde(default, borrow)]
    configuration: Option<&'a RawValue>,
    #[serde(default)]
    service_provisioning_status: Option<&'a str>,
    #[serde(default, borrow)]
    service_provisioning_errors: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct SaidError {
    #[serde(default)]
    code: String,
    #[serde(default)]
    message: String,
    #[serde(default)]
    target: Option<String>,
}

/// What stands beside a number.
#[derive(Clone)]
struct Described {
    settings: Arc<KeyedSettings>,
    assigned: bool,
}

/// Reads pages of numbers, one after the other.
#[derive(Default)]
pub struct NumberPages {
    known: HashMap<String, Described>,
    errors: HashMap<String, Arc<ProvisioningError>>,
    account: Option<Arc<str>>,
    key: String,
}

impl NumberPages {
    /// Reads a page of numbers.
    ///
    /// # Errors
    /// When it is no page.
    pub fn read(&mut self, body: &[u8]) -> Result<ListedPage<IncomingNumber>, MovingProblem> {
        let Page { value, next_link } = page(body)?;
        let mut items = Vec::with_capacity(value.len());
        for (line, item) in (1..).zip(value) {
            items.push(match fitting(item, line).and_then(|_| self.item(item.get(), line)) {
                Ok(number) => Incoming::Item(number),
                Err(problems) => Incoming::Problems(problems),
            });
        }
        Ok(ListedPage { items, next_link })
    }

    fn item(&mut self, text: &str, line: u32) -> Result<IncomingNumber, Vec<MovingProblem>> {
        if let Ok(item) = serde_json::from_str::<Item<'_>>(text)
            && let Some(number) = self.known_again(&item, line)
        {
            return Ok(number);
        }
        let number = self.whole(text, line)?;
        if let Ok(item) = serde_json::from_str::<Item<'_>>(text) {
            self.remember(&item, &number);
        }
        Ok(number)
    }

    fn key(&mut self, item: &Item<'_>) {
        self.key.clear();
        self.key.push_str(item.service_details.get());
        self.key.push('\0');
        self.key.push_str(item.configuration.map(RawValue::get).unwrap_or_default());
    }

    /// The number, where what stands beside it was read before and nothing is wrong with it.
    fn known_again(&mut self, item: &Item<'_>, line: u32) -> Option<IncomingNumber> {
        let number = E164::parse_wire(item.telephone_number).ok()?;
        self.key(item);
        let described = self.known.get(&self.key)?.clone();
        if !check_number(number, &described.settings.settings).is_empty() {
            return None;
        }
        let account = match &self.account {
            Some(last) if **last == *item.account_name => Arc::clone(last),
            _ => {
                AccountName::parse(item.account_name).ok()?;
                Arc::clone(self.account.insert(item.account_name.into()))
            }
        };
        let at_source = match item.service_provisioning_status {
            Some("synced") | None => AtSource::Synced,
            Some("pending") => AtSource::Waiting,
            Some("failed") => AtSource::Failed(self.error(item.service_provisioning_errors.map(RawValue::get))),
            Some(_) => return None,
        };
        let Described { settings, assigned } = described;
        Some(IncomingNumber { number, account, settings, assigned, at_source, line })
    }

    fn remember(&mut self, item: &Item<'_>, number: &IncomingNumber) {
        if self.known.len() >= REMEMBERED {
            self.known.clear();
        }
        self.key(item);
        let described = Described { settings: Arc::clone(&number.settings), assigned: number.assigned };
        self.known.insert(self.key.clone(), described);
    }

    /// Reads all of an item, for everything that is wrong with it.
    fn whole(&mut self, text: &str, line: u32) -> Result<IncomingNumber, Vec<MovingProblem>> {
        let read = reader::body(text.as_bytes(), |found| {
            let number = found.required("telephoneNumber").as_ref().and_then(Node::number);
            let account = found.required("accountName").and_then(|node| node.parsed(AccountName::parse));
            let name = found.optional("accountName").and_then(|node| node.text().map(str::to_owned));
            let settings = settings(found, &name.unwrap_or_default(), number);
            let status = found.optional("serviceProvisioningStatus").and_then(|node| status(&node));
            let assigned = is_assigned(found, settings.services);
            Some((number?, account?, settings, status, assigned))
        });
        let read = read.map_err(|problems| told(line, problems))?;
        let Some((number, account, settings, status, assigned)) = read else { return Err(Vec::new()) };
        let at_source = match status {
            None | Some(Status::Synced) => AtSource::Synced,
            Some(Status::Pending) => AtSource::Waiting,
            Some(Status::Failed) => {
                let errors = serde_json::from_str::<Errors<'_>>(text).ok().and_then(|errors| errors.said);
                AtSource::Failed(self.error(errors.map(RawValue::get)))
            }
        };
        let (account, settings) = (account.as_str().into(), Arc::new(KeyedSettings::from(settings)));
        Ok(IncomingNumber { number, account, settings, assigned, at_source, line })
    }

    /// What backends said against a number, at the length that is kept.
    fn error(&mut self, text: Option<&str>) -> Arc<ProvisioningError> {
        let text = text.unwrap_or("[]");
        if let Some(known) = self.errors.get(text) {
            return Arc::clone(known);
        }
        let said: Vec<SaidError> = serde_json::from_str(text).unwrap_or_default();
        let cut = |text: &str, most: usize| text.chars().take(most).collect::<String>();
        let errors = said.into_iter().map(|error| {
            let target = error.target.map(|target| cut(&target, NAME_MOST));
            ProvisioningError::new(cut(&error.code, NAME_MOST), cut(&error.message, MESSAGE_MOST), target)
        });
        let error = ProvisioningError::together(errors).unwrap_or_else(|| {
            ProvisioningError::new(
                "Unknown",
                "The system it was taken over from called it failed and gave no reason.",
                None,
            )
        });
        if self.errors.len() >= REMEMBERED {
            self.errors.clear();
        }
        Arc::clone(self.errors.entry(text.to_owned()).or_insert_with(|| Arc::new(error)))
    }
}

#[derive(Deserialize)]
struct Errors<'a> {
    #[serde(rename = "serviceProvisioningErrors", default, borrow)]
    said: Option<&'a RawValue>,
}

/// How far a number had come.
enum Status {
    Synced,
    Pending,
    Failed,
}

fn status(node: &Node<'_>) -> Option<Status> {
    match node.text()? {
        "synced" => Some(Status::Synced),
        "pending" => Some(Status::Pending),
        "failed" => Some(Status::Failed),
        other => {
            let message = format!("\u{201c}{}\u{201d} is none of synced, pending and failed.", shown(other));
            node.refuse("invalid_value", message);
            None
        }
    }
}

fn is_assigned(found: &Object<'_>, services: ServiceSet) -> bool {
    let Some(details) = found.optional("serviceDetails").and_then(Node::object) else { return false };
    services.and(ServiceSet::WITH_TEAMS_SETTINGS).iter().any(|service| {
        let service = details.optional(service.contract_name()).and_then(Node::object);
        let status = service.and_then(|service| service.optional("assignmentStatus"));
        status.and_then(|status| status.text().map(|text| text == "assigned")) == Some(true)
    })
}
