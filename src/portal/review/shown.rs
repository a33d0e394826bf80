//! What a review showed, as one text, so that a decision can be held against it.

use crate::domain::{Outside, Verdict};
use crate::portal::show::count;
use crate::service::orders::Shown;

/// What the backends hold, as far as people see it counted.
const HELD: [(Outside, &str, &str); 3] = [
    (Outside::Equal, "held-equal", "at the backend already"),
    (Outside::Different, "held-different", "different at the backend"),
    (Outside::Unknown, "held-unknown", "not known at the backend"),
];
const IN_USE: &str = "in-use";
const LOST: &str = "lost";
/// Not a count: stands for what the backends hold otherwise.
const THEIRS: &str = "theirs";
/// Not a count: stands for what the numbers were.
const REVS: &str = "revs";
/// Not a count: stands for the accounts and their consents.
const PARTIES: &str = "parties";

fn of_verdict(shown: &Shown, wanted: Verdict) -> i64 {
    shown.outside.iter().filter(|(verdict, ..)| *verdict == wanted).map(|(.., count)| count).sum()
}

fn of_held(shown: &Shown, wanted: Outside) -> i64 {
    shown.outside.iter().filter(|(_, outside, _)| *outside == Some(wanted)).map(|(.., count)| count).sum()
}

/// Every count by its name.
fn counts(shown: &Shown) -> Vec<(&'static str, i64)> {
    Verdict::ALL
        .into_iter()
        .map(|verdict| (verdict.key(), of_verdict(shown, verdict)))
        .chain(HELD.into_iter().map(|(outside, key, _)| (key, of_held(shown, outside))))
        .chain([(IN_USE, shown.assigned), (LOST, shown.lost), (THEIRS, shown.theirs), (REVS, shown.revs)])
        .chain([(PARTIES, shown.parties)])
        .collect()
}

/// The counts of a review as one text.
pub(super) fn fingerprint(shown: &Shown) -> String {
    let counts = counts(shown).into_iter().filter(|(_, count)| *count > 0);
    counts.map(|(key, count)| format!("{key}.{count}")).collect::<Vec<_>>().join(" ")
}

/// What moved between what was shown and what is, in words.
pub(super) fn moved(before: &str, after: &Shown) -> String {
    if before.is_empty() {
        return String::new();
    }
    let after = counts(after);
    let before = |key: &str| {
        before.split(' ').find_map(|part| part.strip_prefix(key)?.strip_prefix('.')?.parse::<i64>().ok()).unwrap_or(0)
    };
    let after = |key: &str| after.iter().find(|(other, _)| *other == key).map_or(0, |(_, count)| *count);
    let refused = |of: &dyn Fn(&str) -> i64| {
        Verdict::ALL.into_iter().filter(|v| matches!(v, Verdict::Refused(_))).map(|v| of(v.key())).sum::<i64>()
    };
    let verdicts = [
        (Verdict::New, "new"),
        (Verdict::Changed, "changed"),
        (Verdict::Unchanged, "unchanged"),
        (Verdict::Release, "to release"),
    ];
    let said = verdicts
        .into_iter()
        .map(|(verdict, words)| (words, before(verdict.key()), after(verdict.key())))
        .chain([("refused", refused(&before), refused(&after))])
        .chain(HELD.into_iter().map(|(_, key, words)| (words, before(key), after(key))))
        .chain([
            ("in use", before(IN_USE), after(IN_USE)),
            ("losing their emergency address", before(LOST), after(LOST)),
        ])
        .filter(|(_, before, after)| before != after)
        .map(|(words, before, after)| format!("{words}: {} instead of {}", count(after), count(before)));
    let other = (before(THEIRS) != after(THEIRS)).then(|| "the backend holds other settings than before".to_owned());
    let changed = (before(REVS) != after(REVS)).then(|| "somebody has changed numbers of it since".to_owned());
    let parties = (before(PARTIES) != after(PARTIES))
        .then(|| "an account of it, or the consent of its enterprise, was changed".to_owned());
    said.chain(other).chain(changed).chain(parties).collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Refusal;

    fn shown(outside: &[(Verdict, Option<Outside>, i64)]) -> Shown {
        Shown { outside: outside.to_vec(), ..Shown::default() }
    }

    #[test]
    fn what_moved_is_said_in_counts() {
        let before = fingerprint(&shown(&[(Verdict::Changed, None, 2), (Verdict::New, None, 10)]));
        assert_eq!(before, "new.10 changed.2");
        let now = shown(&[
            (Verdict::New, None, 7),
            (Verdict::New, Some(Outside::Different), 1),
            (Verdict::Changed, None, 2),
            (Verdict::Refused(Refusal::OtherAccount), None, 2),
        ]);
        assert_eq!(
            moved(&before, &now),
            "new: 8 instead of 10; refused: 2 instead of 0; different at the backend: 1 instead of 0"
        );
        assert_eq!(moved(&before, &shown(&[(Verdict::New, None, 10), (Verdict::Changed, None, 2)])), "");
        let in_use = Shown { assigned: 3, lost: 1, ..shown(&[(Verdict::Release, None, 3)]) };
        assert_eq!(fingerprint(&in_use), "release.3 in-use.3 lost.1");
        assert_eq!(moved("release.3 in-use.2 lost.1", &in_use), "in use: 3 instead of 2");
        let changed = Shown { revs: 12, ..shown(&[(Verdict::Changed, None, 3)]) };
        assert_eq!(moved("changed.3 revs.9", &changed), "somebody has changed numbers of it since");
        let parties = Shown { parties: 7, ..shown(&[(Verdict::New, None, 1)]) };
        assert!(moved("new.1 parties.5", &parties).starts_with("an account of it"));
        let theirs = Shown { theirs: 5, ..shown(&[(Verdict::New, Some(Outside::Different), 1)]) };
        assert_eq!(moved("new.1 held-different.1 theirs.4", &theirs), "the backend holds other settings than before");
    }
}
