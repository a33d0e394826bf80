//! What the backends hold of the numbers of a draft, as a review shows it.

use super::rows::of_all;
use super::{RangeRow, Said, are_of_all};
use crate::domain::rules::{Difference, differences};
use crate::domain::{Backends, E164, NumberSettings, Outside, Places};
use crate::portal::show::{count, counted};
use crate::service::orders::{CHANGE_ASSIGNED, ItemRange, LOSE_ADDRESS, Review, TheirSettings};

/// What the backends hold of the numbers of an upload.
pub(super) struct Held {
    pub(super) adopted: String,
    pub(super) adopted_ranges: Vec<RangeRow>,
    pub(super) adopted_said: String,
    pub(super) different: String,
    pub(super) theirs: Vec<TheirRow>,
    /// How many of the ways in which they differ are told, and how many numbers are left; empty where that is all.
    pub(super) theirs_said: String,
    pub(super) unknown: String,
    pub(super) unknown_ranges: Vec<RangeRow>,
    pub(super) unknown_said: String,
    /// Why the backends could not be asked.
    pub(super) reasons: Vec<String>,
    pub(super) has_adopted: bool,
    pub(super) has_different: bool,
    pub(super) has_unknown: bool,
    /// What has to be agreed to before all else.
    pub(super) ticks: Vec<Tick>,
}

/// Numbers that a backend holds alike and otherwise than the draft wants them.
pub(in crate::portal) struct TheirRow {
    pub(in crate::portal) count: String,
    pub(in crate::portal) is_one: bool,
    pub(in crate::portal) example: String,
    pub(in crate::portal) label: String,
    pub(in crate::portal) assigned: String,
    pub(in crate::portal) differences: Vec<Difference>,
}

/// Numbers whose change somebody at the enterprise notices, and what has to be agreed to.
pub(super) struct Tick {
    pub(super) name: &'static str,
    pub(super) title: String,
    pub(super) text: &'static str,
    pub(super) label: String,
    pub(super) shown: Vec<String>,
    pub(super) more: i64,
    pub(super) ticked: bool,
    pub(super) error: String,
}

/// How many of the numbers the ranges have; empty where that is all.
fn said(ranges: &[ItemRange], all: i64) -> String {
    are_of_all(ranges.iter().map(|range| range.count).sum(), all, "numbers")
}

/// How many of the ways in which numbers differ are told, and how many numbers differ otherwise; empty where that is all.
pub(in crate::portal) fn theirs_said(shown: i64, (kinds, left): (i64, i64)) -> String {
    let ways = of_all(shown, kinds, "ways in which they differ");
    if ways.is_empty() {
        return ways;
    }
    format!("{ways} are here; {} in others.", counted(left, "number differs", "numbers differ"))
}

impl Held {
    pub(super) fn new(review: &Review, backends: &Backends, reasons: Vec<String>) -> Self {
        let ranges = |ranges: &[_]| ranges.iter().map(RangeRow::from).collect();
        let [adopted, different, unknown] =
            [Outside::Equal, Outside::Different, Outside::Unknown].map(|outside| review.held(outside));
        Self {
            adopted: count(adopted),
            adopted_ranges: ranges(&review.adopted),
            adopted_said: said(&review.adopted, adopted),
            different: count(different),
            theirs: review.theirs.iter().map(|there| TheirRow::new(there, backends, &review.places)).collect(),
            theirs_said: theirs_said(review.theirs.len() as i64, review.theirs_of),
            unknown: count(unknown),
            unknown_ranges: ranges(&review.unknown),
            unknown_said: said(&review.unknown, unknown),
            reasons,
            has_adopted: adopted > 0,
            has_different: different > 0,
            has_unknown: unknown > 0,
            ticks: ticks(review),
        }
    }
}

impl Held {
    /// With what was decided and could not be carried out.
    pub(super) fn decided(mut self, said: &Said) -> Self {
        for tick in &mut self.ticks {
            tick.ticked = match tick.name {
                LOSE_ADDRESS => said.decided.lose_address,
                _ => said.decided.change_assigned,
            };
            said.errors.of(tick.name).clone_into(&mut tick.error);
        }
        self
    }
}

impl TheirRow {
    pub(in crate::portal) fn new(there: &TheirSettings, backends: &Backends, places: &Places) -> Self {
        let backend = backends.iter().find(|backend| backend.name == there.backend);
        let service = backend.and_then(|backend| there.ours.services.and(backend.services).iter().next());
        let mut after = service.map_or_else(|| there.ours.clone(), |service| there.ours.part(service));
        if after.calling_profile.is_none() {
            after.calling_profile.clone_from(&there.theirs.calling_profile);
        }
        Self {
            count: counted(there.count, "number", "numbers"),
            is_one: there.count == 1,
            example: there.example.grouped(),
            label: backend.map_or_else(|| there.backend.clone(), |backend| backend.label.clone()),
            assigned: if there.assigned > 0 { format!("{} in use", count(there.assigned)) } else { String::new() },
            differences: told(&there.theirs, &after, places),
        }
    }
}

/// What differs, the emergency address first.
fn told(theirs: &NumberSettings, after: &NumberSettings, places: &Places) -> Vec<Difference> {
    let mut told = differences(theirs, after, places);
    told.sort_by_key(|difference| !matches!(difference.label, "Civic address" | "Location"));
    told
}

fn ticks(review: &Review) -> Vec<Tick> {
    let lost = tick(
        LOSE_ADDRESS,
        &review.touched.lost,
        ["number would lose its emergency address", "numbers would lose their emergency address"],
        "The backend has an address for emergency calls from these numbers, and this order gives them none. Whoever calls \
         the emergency services from one of them is not found by it any more.",
        ["It may lose its emergency address", "They may lose their emergency address"],
    );
    let assigned = tick(
        CHANGE_ASSIGNED,
        &review.touched.assigned,
        ["number that would change is in use", "numbers that would change are in use"],
        "Somebody at the enterprise has these numbers now and calls with them. What changes, changes for them at once.",
        ["Change it although it is in use", "Change them although they are in use"],
    );
    lost.into_iter().chain(assigned).collect()
}

fn tick(
    name: &'static str,
    (number, shown): &(i64, Vec<E164>),
    title: [&str; 2],
    text: &'static str,
    label: [&str; 2],
) -> Option<Tick> {
    let ([one, many], [one_title, many_title]) = (label, title);
    (*number > 0).then(|| Tick {
        name,
        title: counted(*number, one_title, many_title),
        text,
        label: format!("{} ({})", if *number == 1 { one } else { many }, counted(*number, "number", "numbers")),
        shown: shown.iter().map(|number| number.grouped()).collect(),
        more: number - shown.len() as i64,
        ticked: false,
        error: String::new(),
    })
}

#[cfg(test)]
mod tests {
    use super::theirs_said;

    #[test]
    fn ways_that_are_not_told_are_counted_with_their_numbers() {
        assert_eq!(theirs_said(3, (3, 0)), "");
        let said = "50 of 2,000 ways in which they differ are here; 12,345 numbers differ in others.";
        assert_eq!(theirs_said(50, (2_000, 12_345)), said);
    }
}
