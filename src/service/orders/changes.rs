//! What a draft changes, by what differs: numbers for which the same becomes of the same setting are told together.

use std::collections::BTreeMap;

use crate::domain::rules::{Difference, differences};
use crate::domain::{E164, Places};
use crate::store::{Between, ChangedRange, SettingsChange};

/// Ranges that are told of numbers that change alike.
const RANGES_TOLD: usize = 5;

/// Numbers in a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// The first.
    pub first: E164,
    /// The last.
    pub last: E164,
}

/// Numbers of a draft for which the same becomes of the same settings.
#[derive(Clone, Debug)]
pub struct ChangeGroup {
    /// What differs.
    pub differences: Vec<Difference>,
    /// How many numbers.
    pub count: i64,
    /// The first of them.
    pub example: E164,
    /// The first ranges.
    pub runs: Vec<Run>,
    /// How many more ranges are known.
    pub more_runs: usize,
}

/// What differs for numbers that change so.
fn differing(change: &SettingsChange, places: &Places) -> Vec<Difference> {
    let moved = change.moved.as_ref().map(|between| Difference {
        label: "Account",
        before: between.from.clone(),
        after: between.to.clone(),
    });
    moved.into_iter().chain(differences(&change.before, &change.after, places)).collect()
}

/// What changes for numbers of which all ranges are known, the most frequent first.
pub(super) fn of_ranges(ranges: &[ChangedRange]) -> Vec<SettingsChange> {
    let mut changes: BTreeMap<(i64, i64, Option<&Between>), SettingsChange> = BTreeMap::new();
    for range in ranges {
        let Some((before_id, before)) = &range.before else { continue };
        let (after_id, after) = &range.after;
        let change = changes.entry((*before_id, *after_id, range.moved.as_ref())).or_insert_with(|| SettingsChange {
            before: before.clone(),
            after: after.clone(),
            count: 0,
            example: range.first,
            moved: range.moved.clone(),
        });
        change.count += range.last.as_i64() - range.first.as_i64() + 1;
        change.example = change.example.min(range.first);
    }
    let mut changes: Vec<SettingsChange> = changes.into_values().collect();
    changes.sort_by_key(|change| (-change.count, change.example));
    changes
}

/// Puts changes together that differ in the same, those of the most numbers first.
pub(super) fn grouped(changes: &[SettingsChange], ranges: &[ChangedRange], places: &Places) -> Vec<ChangeGroup> {
    let mut groups: Vec<ChangeGroup> = Vec::new();
    let mut by_difference: BTreeMap<Vec<(&str, String, String)>, usize> = BTreeMap::new();
    let mut by_change: BTreeMap<(i64, i64, Option<&Between>), usize> = BTreeMap::new();
    for change in changes {
        let differences = differing(change, places);
        let key = differences.iter().map(|one| (one.label, one.before.clone(), one.after.clone())).collect();
        let place = *by_difference.entry(key).or_insert_with(|| {
            let group = ChangeGroup { differences, count: 0, example: change.example, runs: Vec::new(), more_runs: 0 };
            groups.push(group);
            groups.len() - 1
        });
        by_change.insert((change.before.id(), change.after.id(), change.moved.as_ref()), place);
        if let Some(group) = groups.get_mut(place) {
            group.count += change.count;
            group.example = group.example.min(change.example);
        }
    }
    for range in ranges {
        let Some((before_id, _)) = &range.before else { continue };
        let key = (*before_id, range.after.0, range.moved.as_ref());
        let Some(group) = by_change.get(&key).and_then(|place| groups.get_mut(*place)) else { continue };
        let follows = |run: &&mut Run| run.last.next() == Some(range.first);
        if let Some(run) = group.runs.last_mut().filter(follows).filter(|_| group.more_runs == 0) {
            run.last = range.last;
        } else if group.runs.len() < RANGES_TOLD {
            group.runs.push(Run { first: range.first, last: range.last });
        } else {
            group.more_runs += 1;
        }
    }
    groups.sort_by_key(|group| -group.count);
    groups
}
