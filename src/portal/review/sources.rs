//! How old what a review knows of the backends is.

use time::OffsetDateTime;

use crate::portal::show::{Moment, age, count};
use crate::service::orders::{PULLED_UP_TO, Source};

/// The lists of the backends that a review rests on.
#[derive(Default)]
pub(super) struct Sources {
    pub(super) rows: Vec<SourceRow>,
    /// Whether one of them is being pulled, so that the page goes on by itself.
    pub(super) waits: bool,
}

/// One list.
pub(super) struct SourceRow {
    /// The backend.
    pub(super) label: String,
    /// Whose numbers.
    pub(super) whose: String,
    pub(super) tenant: String,
    pub(super) is_holder: bool,
    pub(super) as_of: Option<Moment>,
    /// Such as "4 min ago".
    pub(super) age: String,
    pub(super) is_busy: bool,
    /// Whether a decision should wait for it.
    pub(super) is_old: bool,
    /// Why it could not be asked.
    pub(super) error: String,
    /// Why it is not pulled by itself.
    pub(super) large: String,
}

impl Sources {
    pub(super) fn new(sources: &[Source], now: OffsetDateTime) -> Self {
        let rows: Vec<SourceRow> = sources.iter().map(|source| SourceRow::new(source, now)).collect();
        Self { waits: rows.iter().any(|row| row.is_busy), rows }
    }

    /// Why numbers are not known at a backend, a sentence for each list that could not be read.
    pub(super) fn reasons(sources: &[Source], now: OffsetDateTime) -> Vec<String> {
        sources.iter().filter(|source| source.is_unknown(now)).map(|source| reason(source, now)).collect()
    }
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
    fn new(source: &Source, now: OffsetDateTime) -> Self {
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
