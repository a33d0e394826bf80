//! Ranges: two numbers with a dash or dots between them, or a number and the last digits of another.

use super::abroad::local;
use super::groups::{self, Groups, Mark};
use super::plans::{Plan, Standing};
use super::refused::{Kind, Refused};
use super::whole::is_written_so;
use super::{Entry, EntryReader, Range, proposal_of};
use crate::domain::e164::E164;

/// So many digits are the short end of a range where there can be a longer number too: one digit may just as well be the last
/// of it, and more are the last group of it.
const SHORT_END: std::ops::RangeInclusive<usize> = 2..=3;

impl EntryReader {
    /// Reads groups with a dash or dots between some of them.
    pub(super) fn ranged(&mut self, parts: &Groups<'_>) -> Entry {
        let marks = parts.marks();
        let all = groups::number(&parts.all);
        if all.is_some_and(|all| matches!(self.plans.standing(all), Standing::Otherwise(_))) {
            return self.one(parts).into();
        }
        let is_meant = |number: &E164| parts.has_plus() || local(*number).is_none();
        let number = all.filter(|number| self.plans.takes(*number) && is_meant(number));
        let range =
            self.range(parts, &marks).filter(|range| range.as_ref().map_or(true, |range| is_meant(&range.first)));
        match (number, range) {
            (Some(number), None | Some(Err(_))) => self.sole(parts, number).into(),
            (None, Some(Ok(range))) if self.can_begin(&range) => Entry::Range(range),
            (None, Some(Ok(_))) => self.one(parts).into(),
            (None, Some(Err(refused))) => refused.into(),
            (None, None) => self.no_range(parts, &marks),
            (Some(number), Some(Ok(range))) => self.number_or_range(parts, &marks, number, range),
        }
    }

    /// Whether a range with a short end can begin where it does: at a number that somebody may have, or one than which none of its
    /// country is longer. Else the dash may stand within a number.
    fn can_begin(&mut self, range: &Range) -> bool {
        !range.short_end || Plan::of(range.first).is_some_and(Plan::is_longest) || self.plans.is_valid(range.first)
    }

    /// Which of two readings holds, where both are possible: a valid one, and of two valid ones neither without being asked.
    fn number_or_range(&mut self, parts: &Groups<'_>, marks: &[Mark], number: E164, range: Range) -> Entry {
        let end = parting(marks).map_or(0, |mark| parts.all.len() - mark.at);
        let is_short = range.short_end && SHORT_END.contains(&end);
        if parts.is_one_piece() && is_short && [range.first, range.last].iter().all(|end| self.plans.is_valid(*end)) {
            return Entry::Range(range);
        }
        if is_written_so(number, parts) {
            return Entry::Number(number);
        }
        let (is_number, is_range) = (self.plans.is_valid(number), self.plans.is_valid(range.first));
        if is_number && !is_range {
            return Entry::Number(number);
        }
        let reason = format!(
            "This can be the number {number}, or the range from {} to {}. Write the one that is meant without blanks, a range \
             with both ends whole.",
            range.first, range.last
        );
        let is_parted = parting(marks).is_some_and(|mark| mark.is_wide) && range.first != range.last;
        let is_likely = !is_range || (is_number && !is_parted);
        let is_known_range = !is_number && is_short && is_range && self.plans.is_valid(range.last);
        let proposal = match (is_likely, is_known_range) {
            (true, _) => Some(number.to_string()),
            (false, true) => Some(range.to_string()),
            (false, false) => None,
        };
        Refused::new(Kind::Ambiguous, reason).proposing(proposal).into()
    }

    /// The number of the digits between two places, where there can be one.
    fn taken(&mut self, parts: &Groups<'_>, from: usize, to: usize) -> Option<E164> {
        groups::number(parts.all.get(from..to)?).filter(|number| self.plans.takes(*number))
    }

    /// The range that the groups are, or why they are none although they begin like one.
    fn range(&mut self, parts: &Groups<'_>, marks: &[Mark]) -> Option<Result<Range, Refused>> {
        let all = parts.all.len();
        for mark in marks.iter().filter(|mark| mark.at * 2 == all) {
            let both = self.taken(parts, 0, mark.at).zip(self.taken(parts, mark.at, all));
            if let Some((first, last)) = both {
                return Some(ordered(first, last, false));
            }
        }
        let mark = parting(marks)?;
        let first = self.taken(parts, 0, mark.at)?;
        let tail = parts.all.get(mark.at..)?;
        let Some(last) = with_tail(first, tail) else {
            let reason = format!("{first} and {tail} have different lengths, so they are no range.");
            let last = sibling(first, tail).filter(|last| *last >= first && self.plans.takes(*last));
            let proposal = last.map(|last| Range { first, last, short_end: false }.to_string());
            return Some(Err(Refused::new(Kind::RangeLengths, reason).proposing(proposal)));
        };
        if !self.plans.takes(last) {
            return None;
        }
        Some(ordered(first, last, true))
    }

    /// Why groups with a dash are neither a number nor a range.
    fn no_range(&mut self, parts: &Groups<'_>, marks: &[Mark]) -> Entry {
        if let Some(mark) = parting(marks)
            && let (left, right) = parts.all.split_at(mark.at)
            && let Err(refused) = self.number_of(left)
            && parts.has_plus()
            && let Some(first) = &refused.proposal
        {
            let last = self.number_of(right).map_or_else(|refused| refused.proposal, |last| Some(last.to_string()));
            let end = last.unwrap_or_else(|| right.to_owned());
            let proposal = proposal_of(&self.digits(&format!("{first}-{end}")));
            return Refused { proposal, ..refused }.into();
        }
        self.one(parts).into()
    }

    /// Reads a text in which a further `+` stands behind digits: the end of a range, or another number.
    pub(super) fn several_pluses(&mut self, text: &str, parts: &Groups<'_>) -> Entry {
        let behind = |at: usize| text.get(at..).unwrap_or_default();
        let mut at = parts.lead.len();
        for group in &parts.pieces {
            at += group.digits.len();
            let Some(plus) = group.behind.find('+') else {
                at += group.behind.len();
                continue;
            };
            let (left, right) = (text.get(..at).unwrap_or_default(), behind(at + plus));
            let between = group.behind.get(..plus).unwrap_or_default();
            if between.contains('-') || between.contains("..") {
                return self.range_between(left, right);
            }
            let (left, right) = (self.digits(left), self.digits(right));
            let both = proposal_of(&left).zip(proposal_of(&right)).map(|(left, right)| format!("{left}, {right}"));
            let reason = "Several numbers without a comma or a line break between them. Put one between each two.";
            return Refused::new(Kind::Several, reason).proposing(both).into();
        }
        Refused::character('+').into()
    }

    /// Reads the two ends of a range.
    pub(super) fn range_between(&mut self, left: &str, right: &str) -> Entry {
        match (self.digits(left), self.digits(right)) {
            (Entry::Number(first), Entry::Number(last)) => match ordered(first, last, false) {
                Ok(range) => Entry::Range(range),
                Err(refused) => refused.into(),
            },
            (Entry::Refused(refused), other) | (other, Entry::Refused(refused)) => {
                let ends = refused.proposal.clone().zip(proposal_of(&other));
                let ends = ends.map(|(one, other)| if one <= other { (one, other) } else { (other, one) });
                let proposal = ends.and_then(|(first, last)| proposal_of(&self.digits(&format!("{first}-{last}"))));
                Refused { proposal, ..refused }.into()
            }
            _ => Refused::new(Kind::RangeLengths, "A range has two ends. Write each range by itself.").into(),
        }
    }
}

/// The mark that parts the two ends: the only one that does so to the eye, or the last.
fn parting(marks: &[Mark]) -> Option<&Mark> {
    let mut wide = marks.iter().filter(|mark| mark.is_wide);
    match (wide.next(), wide.next()) {
        (Some(only), None) => Some(only),
        _ => marks.last(),
    }
}

/// The number that ends with these digits in place of as many of its own; `None` where that would touch the country code.
pub(super) fn with_tail(number: E164, tail: &str) -> Option<E164> {
    let national = Plan::of(number)?.national as usize;
    if tail.len() >= national || tail.is_empty() {
        return None;
    }
    let scale = 10_i64.checked_pow(u32::try_from(tail.len()).ok()?)?;
    E164::from_i64(number.as_i64() / scale * scale + tail.parse::<i64>().ok()?)
}

/// The number of the same country that these digits stand for: the last of it, or all behind the country code, as it is dialled
/// there or without the 0.
pub(super) fn sibling(number: E164, digits: &str) -> Option<E164> {
    let national = Plan::of(number)?.national as usize;
    let behind = digits.strip_prefix('0').filter(|behind| behind.len() == national).unwrap_or(digits);
    if behind.len() != national {
        return with_tail(number, digits);
    }
    let all = number.as_i64().to_string();
    groups::number(&format!("{}{behind}", all.get(..all.len() - national)?))
}

/// The range between two numbers of one length, the first of which is not behind the last.
pub(super) fn ordered(first: E164, last: E164, short_end: bool) -> Result<Range, Refused> {
    if first.digits() != last.digits() {
        let reason = format!("{first} and {last} have different lengths, so they are no range.");
        return Err(Refused::new(Kind::RangeLengths, reason));
    }
    if last < first {
        let reason = format!("The range ends at {last}, before it starts at {first}. Write the smaller number first.");
        return Err(Refused::new(Kind::RangeOrder, reason));
    }
    Ok(Range { first, last, short_end })
}
