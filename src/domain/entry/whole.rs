//! A text of digits and separators: one number, or why it is none.

use super::groups::{self, Group, Groups};
use super::plans::{Plan, Standing, is_abroad, written};
use super::refused::{Kind, Refused};
use super::{Entry, EntryReader, proposal_of};
use crate::domain::e164::{E164, MAX_DIGITS};

/// The fewest digits of a number with its country code, where two numbers may have been written into one.
const FEWEST: usize = 7;

impl EntryReader {
    /// Reads a text that has nothing but digits, `+`, blanks, dots, dashes and round brackets.
    pub(super) fn digits(&mut self, text: &str) -> Entry {
        let Some(parts) = Groups::of(text) else { return Refused::nothing().into() };
        if parts.pieces.iter().any(|group| group.behind.contains('+')) {
            return self.several_pluses(text, &parts);
        }
        if let Some(refused) = self.around(text, &parts) {
            return refused.into();
        }
        if let Some(refused) = self.trunk_in_brackets(text, &parts) {
            return refused.into();
        }
        if parts.marks().is_empty() { self.one(&parts).into() } else { self.ranged(&parts) }
    }

    /// What stands before the first digit or behind the last and belongs to no number.
    fn around(&mut self, text: &str, parts: &Groups<'_>) -> Option<Refused> {
        let lead: String = parts.lead.chars().filter(|c| *c != ' ').collect();
        if lead == "(" && !parts.all.starts_with("00") {
            let reason = "The country code is missing: digits in brackets at the start are an area code. Write the country \
                          code first, such as +44 1632 960000.";
            let number = groups::number(&parts.all).filter(|number| self.plans.takes(*number));
            let first = parts.pieces.first().map(|group| group.digits.len());
            let is_code = |number: &E164| Plan::of(*number).map(|plan| plan.code_digits as usize) == first;
            let proposal = number.filter(is_code).map(|number| number.to_string());
            return Some(Refused::new(Kind::CountryCode, reason).proposing(proposal));
        }
        if !matches!(lead.as_str(), "" | "+" | "(+" | "+(" | "(") {
            let odd = lead.chars().find(|c| *c != '(').unwrap_or('(');
            return self.inner_proposed(marked(odd, "before"), text);
        }
        let trail: String = parts.trail.chars().filter(|c| *c != ' ').collect();
        if trail.starts_with(')')
            && let Some(refused) = self.brackets_at_end(text)
        {
            return Some(refused);
        }
        match trail.chars().next()? {
            '-' => self.inner_proposed(
                Refused::new(
                    Kind::Around,
                    "A dash without an end behind it. Write the number alone, or both ends of the range.",
                ),
                text,
            ),
            odd => self.inner_proposed(marked(odd, "behind"), text),
        }
    }

    fn inner_proposed(&mut self, refused: Refused, text: &str) -> Option<Refused> {
        match self.with_proposal(refused, text) {
            Entry::Refused(refused) => Some(refused),
            Entry::Number(_) | Entry::Range(_) => None,
        }
    }

    /// The 0 in brackets that is dialled within the country only. Where the 0 belongs to the number, as in Italy, there is
    /// nothing to refuse.
    fn trunk_in_brackets(&mut self, text: &str, parts: &Groups<'_>) -> Option<Refused> {
        let is_bracketed = |pair: &[Group<'_>]| match pair {
            [before, zero] => before.behind.ends_with('(') && zero.digits == "0" && zero.behind.starts_with(')'),
            _ => false,
        };
        let place = parts.pieces.windows(2).position(is_bracketed)?;
        let code = parts.pieces.first().map(|group| group.digits.len()).filter(|_| place == 0);
        let all = groups::number(&parts.all).filter(|number| self.plans.takes(*number));
        let is_behind_code = all.and_then(Plan::of).is_none_or(|plan| Some(plan.code_digits as usize) == code);
        if is_behind_code && all.is_some() {
            return None;
        }
        let without = text.replacen("(0)", " ", 1).replace("  ", " ");
        let proposal = proposal_of(&self.digits(&without)).filter(|_| is_behind_code);
        let reason = "The (0) is dialled within the country only and is no part of the number. Leave it out.";
        Some(Refused::new(Kind::TrunkZero, reason).proposing(proposal))
    }

    /// Reads groups without a dash between them.
    pub(super) fn one(&mut self, parts: &Groups<'_>) -> Result<E164, Refused> {
        let number = self.number_of(&parts.all)?;
        if !parts.has_plus() && !is_abroad(number) {
            let reason = "Without a + this can be a number within a country. Write the + and the country code first, such as \
                          +44 1632 960000.";
            return Err(Refused::new(Kind::CountryCode, reason));
        }
        let halves: Vec<usize> = parts.blanks().collect();
        for at in halves.into_iter().filter(|at| *at >= FEWEST && parts.all.len() - *at >= FEWEST) {
            let (left, right) = parts.all.split_at(at);
            let both = groups::number(left).zip(groups::number(right));
            if let Some((left, right)) = both.filter(|(l, r)| self.plans.takes(*l) && self.plans.takes(*r))
                && !is_written_so(number, parts)
            {
                let reason = format!(
                    "This can be one number, {number}, or two, {left} and {right}. Write one number without blanks, or a \
                     comma between two."
                );
                return Err(Refused::new(Kind::Ambiguous, reason));
            }
        }
        Ok(number)
    }

    /// The number with these digits.
    pub(super) fn number_of(&mut self, digits: &str) -> Result<E164, Refused> {
        let Some(number) = groups::number(digits) else { return Err(self.no_number(digits)) };
        Err(match self.plans.standing(number) {
            Standing::Possible => return Ok(number),
            Standing::Otherwise(other) => {
                let reason = format!(
                    "Digits behind the country code are dialled within the country only and are no part of the number. \
                     Write {other}."
                );
                Refused::new(Kind::TrunkZero, reason).proposing(Some(other.to_string()))
            }
            Standing::NoCode => {
                let first: String = digits.chars().take(3).collect();
                let reason =
                    format!("No country code begins with +{first}. Write the country code first, such as +44.");
                Refused::new(Kind::UnknownCode, reason)
            }
            Standing::Length(plan) => {
                let reason = format!(
                    "Numbers of +{} have {} digits behind the country code; this one has {}.",
                    plan.code,
                    plan.lengths(),
                    plan.national
                );
                Refused::new(Kind::Length, reason)
            }
        })
    }

    /// Why these digits are no number of any country.
    fn no_number(&mut self, digits: &str) -> Refused {
        for prefix in ["00", "011"] {
            if let Some(rest) = digits.strip_prefix(prefix)
                && let Some(proposal) = proposal_of(&self.number_of(rest).into())
            {
                let reason = format!("{prefix} is dialled before the country code. Write + in its place.");
                return Refused::new(Kind::InternationalPrefix, reason).proposing(Some(proposal));
            }
        }
        if digits.starts_with('0') {
            let reason = "The country code is missing: a number cannot start with 0; write +44\u{2026} rather than \
                          0\u{2026} or 00\u{2026}.";
            return Refused::new(Kind::CountryCode, reason);
        }
        match digits.len() {
            0 | 1 => Refused::new(Kind::Length, "Too short: a number has at least 2 digits."),
            long => {
                Refused::new(Kind::Length, format!("Too long: {long} digits, and E.164 allows {MAX_DIGITS} at most."))
            }
        }
    }
}

impl From<Result<E164, Refused>> for Entry {
    fn from(read: Result<E164, Refused>) -> Self {
        match read {
            Ok(number) => Self::Number(number),
            Err(refused) => Self::Refused(refused),
        }
    }
}

/// Whether the plan of its country writes the number in these groups.
pub(super) fn is_written_so(number: E164, parts: &Groups<'_>) -> bool {
    written(number).is_some_and(|text| parts.are_those_of(&text))
}

fn marked(odd: char, place: &str) -> Refused {
    Refused::new(
        Kind::Around,
        format!("\u{201c}{odd}\u{201d} {place} the number is no part of it. Write the number alone."),
    )
}
