//! What a person decides on a review, and what is held against it.

use time::OffsetDateTime;

use std::collections::BTreeMap;

use crate::domain::field::counted;
use crate::domain::{FieldProblem, Outside, Verdict};
use crate::store::{OutsideCount, TouchedThere};

/// What a person chose on a review.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Decision {
    /// Go on although lines are refused, and leave them out.
    pub good_only: bool,
    /// Go on although numbers lose their emergency address.
    pub lose_address: bool,
    /// Go on although numbers change that somebody uses.
    pub change_assigned: bool,
    /// When the review that was seen was made; nothing where any will do.
    pub seen: Option<OffsetDateTime>,
}

/// Whether refused lines are left out; nothing else is agreed to.
impl From<bool> for Decision {
    fn from(good_only: bool) -> Self {
        Self { good_only, ..Self::default() }
    }
}

/// The tick for numbers that lose their emergency address.
pub const LOSE_ADDRESS: &str = "lose_address";
/// The tick for numbers that somebody uses.
pub const CHANGE_ASSIGNED: &str = "change_assigned";

impl Decision {
    /// What was not agreed to and has to be.
    pub(super) fn missing(self, touched: &TouchedThere) -> Vec<FieldProblem> {
        let problem = |field, (count, _): &(i64, _), one: &str, many: &str, agreed: bool| {
            let numbers = counted(*count, one, many);
            (*count > 0 && !agreed)
                .then(|| FieldProblem::new(field, format!("{numbers}. Tick this to go on, or discard the draft.")))
        };
        let lost = problem(
            LOSE_ADDRESS,
            &touched.lost,
            "number would lose its emergency address",
            "numbers would lose their emergency address",
            self.lose_address,
        );
        let assigned = problem(
            CHANGE_ASSIGNED,
            &touched.assigned,
            "number that would change is in use",
            "numbers that would change are in use",
            self.change_assigned,
        );
        lost.into_iter().chain(assigned).collect()
    }
}

/// How many numbers have each verdict, whatever the backends hold.
pub(super) fn verdicts(counts: &[OutsideCount]) -> Vec<(Verdict, i64)> {
    let mut verdicts: BTreeMap<Verdict, i64> = BTreeMap::new();
    for (verdict, _, count) in counts {
        *verdicts.entry(*verdict).or_default() += count;
    }
    verdicts.into_iter().collect()
}

/// How many numbers the backends hold so.
pub(super) fn held(counts: &[OutsideCount], wanted: Outside) -> i64 {
    counts.iter().filter(|(_, outside, _)| *outside == Some(wanted)).map(|(.., count)| count).sum()
}

/// Whether all that changed is that numbers are as they were taken to be, of which that was not known before.
pub(super) fn only_confirmed(before: &[OutsideCount], after: &[OutsideCount]) -> bool {
    let is_as_taken = |outside: Option<Outside>| !matches!(outside, Some(Outside::Equal | Outside::Different));
    let surprising = |counts: &[OutsideCount]| {
        let mut kept: Vec<OutsideCount> =
            counts.iter().filter(|(_, outside, _)| !is_as_taken(*outside)).copied().collect();
        kept.sort_unstable();
        kept
    };
    verdicts(before) == verdicts(after)
        && surprising(before) == surprising(after)
        && held(after, Outside::Unknown) <= held(before, Outside::Unknown)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn touched(assigned: i64, lost: i64) -> TouchedThere {
        TouchedThere { assigned: (assigned, Vec::new()), lost: (lost, Vec::new()) }
    }

    proptest! {
        #[test]
        fn each_tick_answers_for_its_own(
            assigned in 0_i64..3,
            lost in 0_i64..3,
            lose_address: bool,
            change_assigned: bool,
        ) {
            let decision = Decision { good_only: true, lose_address, change_assigned, seen: None };
            let missing = decision.missing(&touched(assigned, lost));
            let fields: Vec<&str> = missing.iter().map(|problem| problem.field).collect();
            prop_assert_eq!(fields.contains(&LOSE_ADDRESS), lost > 0 && !lose_address);
            prop_assert_eq!(fields.contains(&CHANGE_ASSIGNED), assigned > 0 && !change_assigned);
        }

        #[test]
        fn a_number_that_turns_out_to_be_held_is_no_confirmation(known in 0_i64..5, left in 0_i64..5) {
            let before = [(Verdict::New, Some(Outside::Unknown), known + left + 1)];
            let after = [(Verdict::New, None, known + 1), (Verdict::New, Some(Outside::Unknown), left)];
            prop_assert!(only_confirmed(&before, &after));
            for surprise in [Outside::Equal, Outside::Different] {
                let after = [(Verdict::New, None, known + left), (Verdict::New, Some(surprise), 1)];
                prop_assert!(!only_confirmed(&before, &after));
            }
            prop_assert!(!only_confirmed(&after, &before));
        }
    }
}
