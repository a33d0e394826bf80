//! A text of digits and what may stand between them, in its groups.

use crate::domain::e164::E164;

/// True for the characters of a number and of a range, once marks are simplified.
pub(super) const fn belongs(c: char) -> bool {
    c.is_ascii_digit() || matches!(c, ' ' | '.' | '-' | '(' | ')' | '+')
}

/// Digits in a row, and what stands behind them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Group<'a> {
    pub(super) digits: &'a str,
    pub(super) behind: &'a str,
}

/// The groups of a text.
#[derive(Clone, Debug)]
pub(super) struct Groups<'a> {
    /// What stands before the first digit.
    pub(super) lead: &'a str,
    /// Each group; what stands behind the last is left out.
    pub(super) pieces: Vec<Group<'a>>,
    /// What stands behind the last digit.
    pub(super) trail: &'a str,
    /// All digits.
    pub(super) all: String,
}

/// A place between two groups where a range may have its dash.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mark {
    /// How many digits stand before it.
    pub(super) at: usize,
    /// Whether it parts two numbers to the eye: dots, or a dash with a blank on either side.
    pub(super) is_wide: bool,
}

impl<'a> Groups<'a> {
    /// The groups of this text; `None` when it has no digit.
    pub(super) fn of(text: &'a str) -> Option<Self> {
        let (lead, mut rest) = text.split_at(text.find(|c: char| c.is_ascii_digit())?);
        let mut pieces = Vec::new();
        loop {
            let (digits, behind) = rest.split_at(rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len()));
            let end = behind.find(|c: char| c.is_ascii_digit()).unwrap_or(behind.len());
            let (behind, next) = behind.split_at(end);
            if next.is_empty() {
                pieces.push(Group { digits, behind: "" });
                let all = pieces.iter().map(|group| group.digits).collect();
                return Some(Self { lead, pieces, trail: behind, all });
            }
            pieces.push(Group { digits, behind });
            rest = next;
        }
    }

    /// Whether a `+` stands before the first digit.
    pub(super) fn has_plus(&self) -> bool {
        self.lead.contains('+')
    }

    /// The places with a dash or dots between two groups.
    pub(super) fn marks(&self) -> Vec<Mark> {
        let mut at = 0;
        let places = self.pieces.iter().map(|group| {
            at += group.digits.len();
            (at, group.behind)
        });
        let marks = places.filter(|(_, behind)| behind.contains('-') || behind.contains(".."));
        marks
            .map(|(at, behind)| {
                let is_wide = behind.contains("..") || (behind.starts_with(' ') && behind.ends_with(' '));
                Mark { at, is_wide }
            })
            .collect()
    }

    /// The places with a blank between two groups, as the count of digits before them.
    pub(super) fn blanks(&self) -> impl Iterator<Item = usize> {
        let mut at = 0;
        self.pieces.iter().filter_map(move |group| {
            at += group.digits.len();
            group.behind.contains(' ').then_some(at)
        })
    }

    /// The places between two groups: how many digits stand before each, and what stands there.
    pub(super) fn places(&self) -> impl Iterator<Item = (usize, &'a str)> {
        let behind = self.pieces.iter().scan(0, |at, group| {
            *at += group.digits.len();
            Some((*at, group.behind))
        });
        behind.take(self.pieces.len().saturating_sub(1))
    }

    /// Whether the groups before the last are those of this text.
    pub(super) fn begin_with_those_of(&self, text: &str) -> bool {
        let begin = self.pieces.split_last().map(|(_, begin)| begin).unwrap_or_default();
        digits_of(text).eq(begin.iter().map(|group| group.digits))
    }

    /// Whether the digits before and behind one dash stand in one piece.
    pub(super) const fn is_one_piece(&self) -> bool {
        self.pieces.len() == 2
    }

    /// Whether the groups are those of this text, whatever stands between them.
    pub(super) fn are_those_of(&self, text: &str) -> bool {
        digits_of(text).eq(self.pieces.iter().map(|group| group.digits))
    }
}

/// The groups of digits of a text.
fn digits_of(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_ascii_digit()).filter(|group| !group.is_empty())
}

/// Whether each round bracket of a text has its other, with digits between them and no further bracket.
pub(super) fn are_brackets_paired(text: &str) -> bool {
    let mut inner = None;
    for c in text.chars() {
        inner = match (c, inner) {
            ('(', None) => Some(false),
            (')', Some(true)) => None,
            ('(' | ')', _) => return false,
            (c, Some(has_digit)) => Some(has_digit || c.is_ascii_digit()),
            (_, None) => None,
        };
    }
    inner.is_none()
}

/// The number with these digits; `None` where there are too few, too many, or a 0 in front.
pub(super) fn number(digits: &str) -> Option<E164> {
    if digits.len() > 15 || digits.starts_with('0') {
        return None;
    }
    E164::from_i64(digits.parse().ok()?)
}
