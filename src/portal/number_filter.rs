//! The filters of the numbers list, as they stand in its address and in the forms that act on what it shows.

use serde::Deserialize;

use super::form::{Filters, page_of};
use crate::domain::block::free::Stretch;
use crate::domain::entry::{self, Entry, is_separator};
use crate::domain::{E164, FieldProblem, Service, SyncState, TenantId, country};
use crate::http::Problem;
use crate::service::Page;
use crate::service::numbers::{Assignment, NumberFilter};

/// Digits alone are the end of a number while there are fewer than this many, else its start.
const START_DIGITS: usize = 7;
/// From so many digits on, the text may be a whole number.
const WHOLE_DIGITS: usize = 8;
/// The most digits of a number.
const MOST_DIGITS: usize = crate::domain::e164::MAX_DIGITS as usize;

/// The list's address, and the selection made on it. Everything is text as it came.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct NumbersQuery {
    pub(super) account: String,
    pub(super) tenant: String,
    pub(super) q: String,
    pub(super) service: String,
    pub(super) usage: String,
    pub(super) status: String,
    pub(super) assignment: String,
    pub(super) country: String,
    pub(super) starts: String,
    pub(super) ends: String,
    pub(super) address: String,
    pub(super) order: String,
    /// A number; only those that fail for the same reason as it.
    pub(super) like: String,
    /// `ranges` folds numbers in a row into one line.
    pub(super) view: String,
    pub(super) page: String,
    /// `spreadsheets` writes an export that spreadsheets do not spoil.
    #[serde(rename = "for")]
    pub(super) made_for: String,
    /// Ticked numbers.
    pub(super) number: Vec<String>,
    /// When it is not empty, every number that the filters match is meant, ticked or not.
    pub(super) all_matching: String,
    pub(super) ticket: String,
}

impl NumbersQuery {
    /// Which numbers are meant.
    ///
    /// # Errors
    /// Every filter that cannot be understood.
    pub(super) fn filter(&self) -> Result<NumberFilter, Vec<FieldProblem>> {
        let mut problems = Vec::new();
        let text = |text: &str| crate::domain::field::filled(text).map(str::to_owned);
        let mut choice = |field, value: &str, known: bool| {
            if !value.is_empty() && !known {
                problems
                    .push(FieldProblem::new(field, format!("\u{201c}{value}\u{201d} is none of the choices here.")));
            }
        };
        let service = Service::from_key(&self.service);
        choice("service", &self.service, service.is_some());
        let state = SyncState::from_key(&self.status);
        choice("status", &self.status, state.is_some());
        let assignment = match self.assignment.as_str() {
            "assigned" => Some(Assignment::Assigned),
            "unassigned" => Some(Assignment::Unassigned),
            _ => None,
        };
        choice("assignment", &self.assignment, assignment.is_some());
        let order_id = self.order.trim().parse().ok();
        choice("order", self.order.trim(), order_id.is_some());
        let fails_like = entry::stored(&self.like).ok();
        choice("like", self.like.trim(), fails_like.is_some());
        let country = crate::domain::field::filled(&self.country).and_then(|typed| {
            let read = country::read_of_numbers(typed).map(str::to_owned);
            read.map_err(|reason| problems.push(FieldProblem::new("country", reason))).ok()
        });
        let tenant_id = text(&self.tenant).and_then(|tenant| {
            TenantId::parse(&tenant)
                .map_err(|_| {
                    problems.push(FieldProblem::new(
                        "tenant",
                        "A tenant ID has 32 hexadecimal digits, such as a7f4bd5c-cc01-40f4-8baa-2b6bdb272b8a.",
                    ));
                })
                .ok()
        });
        let mut filter = NumberFilter {
            account: text(&self.account),
            tenant_id,
            service,
            usage: text(&self.usage),
            state,
            assignment,
            country,
            civic_address_id: text(&self.address),
            order_id,
            fails_like,
            ..NumberFilter::default()
        };
        let mut part = |field: &'static str, found: Result<Part, String>| match found {
            Ok(part) => {
                if let Err(reason) = part.add_to(&mut filter) {
                    problems.push(FieldProblem::new(field, reason));
                }
            }
            Err(reason) => problems.push(FieldProblem::new(field, reason)),
        };
        part("q", Part::guessed(&self.q));
        part("starts", Part::starts(&self.starts));
        part("ends", Part::ends(&self.ends));
        if problems.is_empty() { Ok(filter) } else { Err(problems) }
    }

    /// The filters that are on, for pills and addresses.
    pub(super) fn filters(&self) -> Filters {
        let service = Service::from_key(&self.service).map_or(self.service.as_str(), |service| service.label());
        let state = SyncState::from_key(&self.status).map_or(self.status.as_str(), |state| state.label());
        let part = match Part::guessed(&self.q) {
            Ok(Part::Ends(_)) => "Ends with",
            _ => "Starts with",
        };
        let assignment = match self.assignment.as_str() {
            "assigned" => "Assigned",
            "unassigned" => "Unassigned",
            other => other,
        };
        Filters::new("/numbers")
            .kept("view", &self.view)
            .with("q", part, &self.q)
            .with("account", "Account", &self.account)
            .shown("status", "Sync state", &self.status, state)
            .shown("service", "Service", &self.service, service)
            .with("usage", "Usage", &self.usage)
            .shown("assignment", "Assignment", &self.assignment, assignment)
            .with("country", "Country", &self.country)
            .with("starts", "Starts with", &self.starts)
            .with("ends", "Ends with", &self.ends)
            .with("tenant", "Tenant", &self.tenant)
            .with("address", "Civic address", &self.address)
            .with("order", "Last order", &self.order)
            .with("like", "Fails like", &self.like)
    }

    /// Tells which page is asked for.
    pub(super) fn page(&self) -> Page<E164> {
        page_of(&self.page, |key| key.parse().ok().and_then(E164::from_i64))
    }

    /// The ticked numbers; a box of a range stands for all of it.
    ///
    /// # Errors
    /// When one of them is no number or range, which is named, or there are too many.
    pub(super) fn ticked(&self) -> Result<Vec<E164>, Problem> {
        let mut numbers = Vec::new();
        for text in &self.number {
            let Stretch { first, last } = ticked_range(text)?;
            if !(1..=TICKED_MOST - numbers.len() as i64).contains(&Stretch { first, last }.size()) {
                return Err(Problem::bad_request(format!(
                    "The ticked ranges have more than {TICKED_MOST} numbers. Use the filters and all that match."
                )));
            }
            numbers.extend((first.as_i64()..=last.as_i64()).filter_map(E164::from_i64));
        }
        Ok(numbers)
    }

    /// True when every number that the filters match is meant.
    pub(super) fn means_all(&self) -> bool {
        !self.all_matching.is_empty()
    }
}

/// The most numbers that ticked ranges have.
const TICKED_MOST: i64 = 1_000_000;

/// What the box of a range sends: a number, or both ends.
pub(super) fn range_value(first: E164, last: E164) -> String {
    if first == last { first.to_string() } else { format!("{first}-{last}") }
}

/// Reads what a box sends.
pub(super) fn ticked_range(text: &str) -> Result<Stretch, Problem> {
    let ends = text.strip_prefix('+').and_then(|rest| rest.split_once("-+"));
    let read = match ends {
        Some((first, last)) => entry::stored(first).and_then(|first| Ok(Stretch { first, last: entry::stored(last)? })),
        None => entry::stored(text).map(|number| Stretch { first: number, last: number }),
    };
    read.map_err(|refused| Problem::bad_request(format!("\u{201c}{text}\u{201d} is not a number. {}", refused.reason)))
}

/// A part of a number that is looked for.
#[derive(Debug, PartialEq, Eq)]
enum Part {
    None,
    Starts(i64),
    Ends(String),
}

impl Part {
    /// What the one box means: with + or many digits the start, few digits the end. A 0 in front of many digits is the
    /// national way to write, so what follows is the end.
    fn guessed(text: &str) -> Result<Self, String> {
        if let Some(number) = whole(text)? {
            return Ok(Self::Starts(number.as_i64()));
        }
        let digits = digits(text)?;
        if entry::visible(text).trim().starts_with('+') {
            return Self::starts(text);
        }
        if digits.len() < START_DIGITS {
            return Self::ends(&digits);
        }
        let is_national = digits.starts_with('0') && !digits.starts_with("00");
        if is_national { Self::ends(digits.trim_start_matches('0')) } else { Self::starts(&digits) }
    }

    fn starts(text: &str) -> Result<Self, String> {
        if let Some(number) = whole(text)?.filter(|_| entry::visible(text).trim().starts_with('+')) {
            return Ok(Self::Starts(number.as_i64()));
        }
        let digits = entry::beginning(&digits(text)?);
        if digits.starts_with('0') {
            return Err("No number starts with 0: begin with the country code.".into());
        }
        Ok(digits.parse().map_or(Self::None, Self::Starts))
    }

    fn ends(text: &str) -> Result<Self, String> {
        let digits = digits(text)?;
        Ok(if digits.is_empty() { Self::None } else { Self::Ends(digits) })
    }

    /// Narrows the filter; two parts of the same kind must agree.
    fn add_to(self, filter: &mut NumberFilter) -> Result<(), String> {
        match self {
            Self::None => {}
            Self::Starts(prefix) => {
                let longer = match filter.starts {
                    None => prefix,
                    Some(other) if prefix.to_string().starts_with(&other.to_string()) => prefix,
                    Some(other) if other.to_string().starts_with(&prefix.to_string()) => other,
                    Some(other) => return Err(format!("No number starts with both {other} and {prefix}.")),
                };
                filter.starts = Some(longer);
            }
            Self::Ends(digits) => {
                let longer = match filter.ends.take() {
                    None => digits,
                    Some(other) if digits.ends_with(&other) => digits,
                    Some(other) if other.ends_with(&digits) => other,
                    Some(other) => return Err(format!("No number ends with both {other} and {digits}.")),
                };
                filter.ends = Some(longer);
            }
        }
        Ok(())
    }
}

/// The number that was typed whole, also in a spelling of which it is proposed.
fn whole(text: &str) -> Result<Option<E164>, String> {
    if text.chars().filter(char::is_ascii_digit).count() < WHOLE_DIGITS {
        return Ok(None);
    }
    match entry::read(text) {
        Entry::Number(number) => Ok(Some(number)),
        Entry::Range(range) if range.first == range.last => Ok(Some(range.first)),
        Entry::Range(range) => Err(format!(
            "This is a range, from {} to {}. Look for one number, or for the beginning of all of them: {}.",
            range.first,
            range.last,
            common(&range.first.to_string(), &range.last.to_string())
        )),
        Entry::Refused(refused) => Ok(refused.proposal.and_then(|proposal| E164::parse_wire(&proposal).ok())),
    }
}

/// What two texts begin with.
fn common<'a>(one: &'a str, other: &str) -> &'a str {
    let end = one.char_indices().zip(other.chars()).find(|((_, a), b)| a != b).map_or(one.len(), |((at, _), _)| at);
    one.get(..end).unwrap_or(one)
}

/// The digits of what was typed.
fn digits(text: &str) -> Result<String, String> {
    let text = entry::visible(text);
    let text = text.trim();
    let text = text.strip_prefix('+').unwrap_or(text);
    if let Some(odd) = text.chars().find(|c| !(c.is_ascii_digit() || is_separator(*c))) {
        return Err(format!(
            "\u{201c}{odd}\u{201d} cannot be part of a number; look for digits, such as +44 1632 or 4567."
        ));
    }
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    if digits.len() > MOST_DIGITS {
        return Err(format!("A number has at most {MOST_DIGITS} digits; this has {}.", digits.len()));
    }
    Ok(digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_box_finds_starts_and_ends() {
        for (text, part) in [
            ("+44 1632", Part::Starts(441_632)),
            ("+", Part::None),
            ("", Part::None),
            ("4567", Part::Ends("4567".into())),
            ("0999", Part::Ends("0999".into())),
            ("4416329", Part::Starts(4_416_329)),
            ("01632 960000", Part::Ends("1632960000".into())),
            ("+44 (0)1632 960000", Part::Starts(441_632_960_000)),
            ("\u{202a}+44 1632\u{202c}", Part::Starts(441_632)),
            ("+44 (0)1632 97", Part::Starts(44_163_297)),
            ("+44 01632 97", Part::Starts(44_163_297)),
            ("+48 (0)12 3", Part::Starts(48_123)),
            ("+39 (0)6 698", Part::Starts(3_906_698)),
            ("+44 (0", Part::Starts(44)),
            ("0044163297", Part::Starts(44_163_297)),
            ("00 44 (0)1632", Part::Starts(441_632)),
            ("+441632970001-01", Part::Starts(441_632_970_001)),
        ] {
            assert_eq!(Part::guessed(text), Ok(part), "{text}");
        }
        for text in ["abc", "+0", "1234567890123456", "+44x", "+441632970001-09", "+441632970001 - +441632970009"] {
            assert!(Part::guessed(text).is_err(), "{text}");
        }
        let range = Part::starts("+441632970001-09").unwrap_err();
        assert!(
            range.ends_with(
                "+441632970001 to +441632970009. Look for one number, or for the beginning of all of \
            them: +44163297000."
            ),
            "{range}"
        );
        for (starts, part) in [("0044163297", 44_163_297), ("+44 (0)1632 97", 44_163_297), ("44 01632", 441_632)] {
            assert_eq!(Part::starts(starts), Ok(Part::Starts(part)), "{starts}");
        }
    }

    #[test]
    fn a_box_of_a_range_stands_for_all_of_it() {
        let ticked = |values: &[&str]| {
            let number = values.iter().map(|value| (*value).to_owned()).collect();
            NumbersQuery { number, ..NumbersQuery::default() }.ticked().map(|numbers| numbers.len())
        };
        assert_eq!(ticked(&["+441632960000", "+441632960010-+441632960019"]).ok(), Some(11));
        for wrong in [
            &["+441632960019-+441632960010"][..],
            &["+441632960000-+441633960000", "+441632960000"],
            &["+441632960000-x"],
            &["+10-+999999999999999"],
        ] {
            assert!(ticked(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn parts_narrow_and_never_widen() {
        let query =
            NumbersQuery { q: "+44".into(), starts: "441632".into(), ends: "99".into(), ..NumbersQuery::default() };
        let filter = query.filter().unwrap();
        assert_eq!((filter.starts, filter.ends.as_deref()), (Some(441_632), Some("99")));
        let query = NumbersQuery {
            q: "+44".into(),
            starts: "1".into(),
            country: "GBR".into(),
            status: "odd".into(),
            ..NumbersQuery::default()
        };
        let fields: Vec<_> = query.filter().unwrap_err().iter().map(|problem| problem.field).collect();
        assert_eq!(fields, ["status", "country", "starts"]);
    }
}
