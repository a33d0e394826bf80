//! How old what a review knows of the backends is.

use time::OffsetDateTime;

use crate::portal::show::{Moment, age, count, counted};
use crate::service::orders::{self, Further, PULLED_UP_TO, Source};

/// The lists of the backends that a review rests on.
#[derive(Default)]
pub(super) struct Sources {
    pub(super) rows: Vec<SourceRow>,
    /// What there is to say of those that are not shown; empty where there are none.
    pub(super) further: String,
    /// Whether one of them is being pulled, so that the page goes on by itself.
    pub(super) waits: bool,
}

/// One list.
pub(in crate::portal) struct SourceRow {
    /// The backend.
    pub(in crate::portal) label: String,
    /// Whose numbers.
    pub(in crate::portal) whose: String,
    pub(in crate::portal) tenant: String,
    pub(in crate::portal) is_holder: bool,
    pub(in crate::portal) as_of: Option<Moment>,
    /// Such as "4 min ago".
    pub(in crate::portal) age: String,
    pub(in crate::portal) is_busy: bool,
    /// Whether a decision should wait for it.
    pub(in crate::portal) is_old: bool,
    /// Why it could not be asked.
    pub(in crate::portal) error: String,
    /// Why it is not pulled by itself.
    pub(in crate::portal) large: String,
}

impl Sources {
    pub(super) fn new(sources: &orders::Sources, now: OffsetDateTime) -> Self {
        Self {
            further: further(&sources.further, now),
            waits: sources.busy(now) > 0,
            rows: sources.shown.iter().map(|source| SourceRow::new(source, now)).collect(),
        }
    }

    /// Why numbers are not known at a backend, a sentence for each list that could not be read.
    pub(super) fn reasons(sources: &orders::Sources, now: OffsetDateTime) -> Vec<String> {
        let unknown = sources.shown.iter().filter(|source| source.is_unknown(now));
        let mut reasons: Vec<String> = unknown.map(|source| reason(source, now)).collect();
        if sources.further.unknown > 0 {
            let what = more(sources.further.unknown, &sources.further);
            reasons.push(format!("The numbers of {what} are not known either."));
        }
        reasons
    }
}

/// So many of the lists that are not shown, in words.
fn more(many: i64, further: &Further) -> String {
    if further.backends.len() > 1 {
        return counted(many, "more list of an enterprise", "more lists of enterprises");
    }
    counted(many, "more enterprise", "more enterprises")
}

/// What there is to say of the lists that are not shown.
fn further(further: &Further, now: OffsetDateTime) -> String {
    if further.lists == 0 {
        return String::new();
    }
    let what = more(further.lists, further);
    let age = match further.oldest {
        Some(oldest) => format!("the oldest as of {} ({})", age(now, oldest), Moment::from(oldest).text),
        None => format!("{} never read to the end", count(further.never)),
    };
    let also = [(further.busy, "being pulled"), (further.unknown, "not known")];
    let also = also.iter().filter(|(many, _)| *many > 0).map(|(many, what)| format!("; {} {what}", count(*many)));
    format!("And {what}, {age}{}.", also.collect::<String>())
}

fn whose(source: &Source) -> String {
    source.company.clone().unwrap_or_else(|| format!("tenant {}", source.tenant))
}

fn reason(source: &Source, now: OffsetDateTime) -> String {
    let (label, whose) = (&source.label, whose(source));
    match (source.as_of, source.error()) {
        _ if source.is_busy(now) => format!("{label} is being asked for the numbers of {whose} now."),
        (None, None) => format!("{label} was not asked for the numbers of {whose} yet."),
        (None, Some(error)) => format!("{label} could not be asked for the numbers of {whose}: {error}"),
        (Some(at), error) => format!(
            "{label} was last asked for the numbers of {whose} {}, and then not again: {}",
            age(now, at),
            error.unwrap_or_default()
        ),
    }
}

impl SourceRow {
    pub(in crate::portal) fn new(source: &Source, now: OffsetDateTime) -> Self {
        let is_old = source.is_old(now);
        let large = if is_old && source.size > PULLED_UP_TO {
            format!("It has more than {} numbers and is not pulled by itself.", count(PULLED_UP_TO))
        } else {
            String::new()
        };
        Self {
            label: source.label.clone(),
            whose: whose(source),
            tenant: source.tenant.to_string(),
            is_holder: source.is_holder,
            as_of: source.as_of.map(Moment::from),
            age: source.as_of.map(|at| age(now, at)).unwrap_or_default(),
            is_busy: source.is_busy(now),
            is_old,
            error: source.error().unwrap_or_default().to_owned(),
            large,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use time::Duration;

    use super::*;

    #[test]
    fn what_is_not_shown_is_told_in_a_sentence() {
        let now = OffsetDateTime::UNIX_EPOCH + Duration::days(1);
        let of = |names: &[&str]| names.iter().map(ToString::to_string).collect::<BTreeSet<String>>();
        assert_eq!(further(&Further::default(), now), "");
        let some = Further {
            lists: 31,
            backends: of(&["one"]),
            oldest: Some(now - Duration::minutes(12)),
            ..Further::default()
        };
        let said = "And 31 more enterprises, the oldest as of 12 min ago (1 Jan 1970, 23:48 UTC).";
        assert_eq!(further(&some, now), said);
        let never = Further { lists: 1, never: 1, busy: 1, unknown: 1, oldest: None, ..some };
        assert_eq!(
            further(&never, now),
            "And 1 more enterprise, 1 never read to the end; 1 being pulled; 1 not known."
        );
        let two =
            Further { lists: 2, never: 0, backends: of(&["one", "two"]), oldest: Some(now), ..Further::default() };
        let said = "And 2 more lists of enterprises, the oldest as of just now (2 Jan 1970, 00:00 UTC).";
        assert_eq!(further(&two, now), said);
    }
}
