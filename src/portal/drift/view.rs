//! Drift as it is shown: rows, ranges, counts, and how old a piece of the backend's state is.

use time::OffsetDateTime;

use crate::domain::drift;
use crate::domain::rules::{Difference, described};
use crate::domain::{Backends, DriftKind, NumberSettings, Places};
use crate::portal::form::query_value;
use crate::portal::number_filter::range_value;
use crate::portal::show::{Chip, Moment, age, count, counted};
use crate::service::drift::{DRIFT_COUNTED, DriftCount, DriftRange, DriftRow};

/// One number, or several in a row of which the same is said.
pub(super) struct Line {
    pub(super) e164: String,
    pub(super) shown: String,
    /// The last number; empty where it is one.
    pub(super) last: String,
    /// What its box sends.
    pub(super) value: String,
    pub(super) numbers: i64,
    pub(super) count: String,
    pub(super) ticked: bool,
    pub(super) kind: Chip,
    pub(super) meaning: &'static str,
    pub(super) account: String,
    pub(super) tenant: String,
    pub(super) enterprise: String,
    /// Whether the enterprise has a page.
    pub(super) known: bool,
    pub(super) backend: String,
    /// The tenant that has it at the backend, where that is another.
    pub(super) held_by: String,
    pub(super) differences: Vec<Difference>,
    /// Whether only one side says anything.
    pub(super) one_sided: bool,
    pub(super) assigned: bool,
    pub(super) country: String,
    pub(super) seen: Option<Moment>,
    /// How old what the backend said is, such as "4 min ago".
    pub(super) age: String,
    pub(super) ignored: String,
}

impl Line {
    pub(super) fn new(row: &DriftRow, places: &Places, backends: &Backends, now: OffsetDateTime) -> Self {
        Self {
            e164: row.number.to_string(),
            shown: row.number.grouped(),
            last: String::new(),
            value: row.number.to_string(),
            numbers: 1,
            count: "1".to_owned(),
            ticked: false,
            kind: kind_chip(row.kind),
            meaning: row.kind.meaning(),
            account: row.account.clone().unwrap_or_default(),
            enterprise: row.company.clone().unwrap_or_else(|| row.tenant.clone()),
            known: row.company.is_some(),
            tenant: row.tenant.clone(),
            backend: backend_label(backends, &row.backend),
            held_by: row.held_by.clone().filter(|holder| *holder != row.tenant).unwrap_or_default(),
            differences: differences(row, places),
            one_sided: row.theirs.is_none() || row.ours.is_none(),
            assigned: row.assigned,
            country: row.country.clone().unwrap_or_default(),
            seen: row.seen_at.map(Moment::from),
            age: row.listed_at.map(|at| age(now, at)).unwrap_or_default(),
            ignored: row.ignoring.as_ref().map(ignored_words).unwrap_or_default(),
        }
    }

    pub(super) fn range(range: &DriftRange, places: &Places, backends: &Backends, now: OffsetDateTime) -> Self {
        Self {
            last: if range.count > 1 { range.last.grouped() } else { String::new() },
            count: count(range.count),
            value: range_value(range.first.number, range.last),
            numbers: range.count,
            ..Self::new(&range.first, places, backends, now)
        }
    }
}

fn ignored_words(ignoring: &crate::service::drift::Ignoring) -> String {
    let until = Moment::from(ignoring.until);
    format!("Ignored until {} by {}: {}", until.text, ignoring.by, ignoring.because)
}

/// What people call a backend.
pub(super) fn backend_label(backends: &Backends, name: &str) -> String {
    backends.iter().find(|info| info.name == name).map_or_else(|| name.to_owned(), |info| info.label.clone())
}

/// How a kind looks.
pub(super) fn kind_chip(kind: DriftKind) -> Chip {
    let symbol = match kind {
        DriftKind::Different | DriftKind::OnlyThere => "warn",
        DriftKind::OnlyHere | DriftKind::OtherTenant => "bad",
        DriftKind::ConsentWithdrawn => "off",
    };
    Chip::new(symbol, kind.label())
}

/// What differs, theirs before and ours after; of a number that only one side has, what that side says.
pub(super) fn differences(row: &DriftRow, places: &Places) -> Vec<Difference> {
    let mut found = match (&row.theirs, &row.ours) {
        (Some(theirs), Some(ours)) => drift::fields(theirs, ours, places),
        (Some(theirs), None) => one_sided(theirs, places, true),
        (None, Some(ours)) => one_sided(ours, places, false),
        (None, None) => Vec::new(),
    };
    if let Some(leaving) = row.leaving {
        let after = if row.ours.is_some() { "active".to_owned() } else { String::new() };
        found.push(Difference { label: "Status", before: leaving.label().to_owned(), after });
    }
    found
}

fn one_sided(settings: &NumberSettings, places: &Places, theirs: bool) -> Vec<Difference> {
    let said = described(settings, places).into_iter().filter(|(_, value)| value != "none");
    said.map(|(label, value)| {
        let (before, after) = if theirs { (value, String::new()) } else { (String::new(), value) };
        Difference { label, before, after }
    })
    .collect()
}

/// How many numbers of a kind drift, with the way to them.
pub(in crate::portal) struct DriftTile {
    pub(in crate::portal) href: String,
    pub(in crate::portal) icon: &'static str,
    pub(in crate::portal) kind: &'static str,
    pub(in crate::portal) count: String,
    pub(in crate::portal) word: &'static str,
}

/// The counts of drift as tiles that lead to it; `of` is a filter of the page, such as `("account", "contoso")`.
pub(in crate::portal) fn tiles(counts: &[DriftCount], of: Option<(&str, &str)>) -> Vec<DriftTile> {
    let of = of.map(|(key, value)| format!("&{key}={}", query_value(value))).unwrap_or_default();
    counts
        .iter()
        .map(|one| {
            let chip = kind_chip(one.kind);
            DriftTile {
                href: format!("/drift?kind={}{of}", one.kind.key()),
                icon: match chip.kind {
                    "bad" => "fail",
                    kind => kind,
                },
                kind: chip.kind,
                count: counted_up(one.count),
                word: one.kind.label(),
            }
        })
        .collect()
}

/// A count that may have stopped.
pub(in crate::portal) fn counted_up(value: i64) -> String {
    if value > DRIFT_COUNTED { format!("over {}", count(DRIFT_COUNTED)) } else { count(value) }
}

/// How many numbers drift in all, and whether that is all.
pub(super) fn total(counts: &[DriftCount]) -> (i64, bool) {
    let total = counts.iter().map(|one| one.count.min(DRIFT_COUNTED)).sum();
    (total, counts.iter().all(|one| one.count <= DRIFT_COUNTED))
}

/// The total in words.
pub(super) fn total_words(counts: &[DriftCount]) -> String {
    let (total, is_all) = total(counts);
    if is_all { counted(total, "number", "numbers") } else { format!("more than {} numbers", count(total)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_read_roughly() {
        let now = OffsetDateTime::UNIX_EPOCH + time::Duration::days(400);
        let before = |seconds: i64| age(now, now - time::Duration::seconds(seconds));
        assert_eq!([0, 59, 60, 3_599].map(before), ["just now", "just now", "1 min ago", "59 min ago"]);
        assert_eq!([3_600, 172_799, 172_800].map(before), ["1 h ago", "47 h ago", "2 days ago"]);
        assert_eq!(age(now, now + time::Duration::hours(1)), "just now", "a clock was set back");
    }
}
