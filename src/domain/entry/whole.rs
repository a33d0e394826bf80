//! A text of digits and separators: one number, or why it is none.

use super::abroad::{Local, NATIONAL, local};
use super::groups::{self, Group, Groups};
use super::plans::{Plan, Standing, is_valid, written};
use super::refused::{Kind, Refused};
use super::trunk;
use super::{Entry, EntryReader, proposal_of};
use crate::domain::e164::{E164, MAX_DIGITS};

/// What is dialled before the country code: everywhere, or where so many digits follow that they are a number with its code.
const INTERNATIONAL: [(&str, usize); 7] =
    [("00", 0), ("011", 0), ("0011", 11), ("001", 11), ("010", 11), ("009", 11), ("810", 11)];
/// The most digits behind a number that may have been written there by mistake.
const BEHIND: usize = 7;
/// A last group of no more digits behind a number that is written as its plan writes it may be the end of another.
const TAIL: usize = 2;
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
        if !groups::are_brackets_paired(text) {
            let reason = "A bracket without its other, or without digits in it. Write the number without brackets.";
            let number = self.one(&parts).ok().map(|number| number.to_string());
            return Refused::new(Kind::Brackets, reason).proposing(number).into();
        }
        if let Some(refused) = self.dialled_abroad(text, &parts) {
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
            let is_code = |number: &E164| {
                parts.all.len() > NATIONAL && Plan::of(*number).map(|plan| plan.code_digits as usize) == first
            };
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
        let plan = all.and_then(Plan::of);
        let is_behind_code = plan.is_none_or(|plan| Some(plan.code_digits as usize) == code);
        let without = text.replacen("(0)", " ", 1).replace("  ", " ");
        // One more of them is no way to write a number.
        let is_only = is_behind_code && !without.contains("(0)");
        let proposal = if is_only { proposal_of(&self.digits(&without)) } else { None };
        let is_valid_without = || {
            let other = proposal.as_deref().and_then(|other| E164::parse_wire(other).ok());
            other.is_some_and(is_valid)
        };
        let keeps_zero = plan.is_some_and(|plan| trunk::keeps_zero(plan.code));
        if let Some(all) = all.filter(|all| is_behind_code && (keeps_zero || is_valid(*all))) {
            if !is_valid_without() {
                return None;
            }
            if keeps_zero {
                let other = proposal.unwrap_or_default();
                let reason = format!("This can be {all} or {other}. Write the one that is meant, without brackets.");
                return Some(Refused::new(Kind::TrunkZero, reason));
            }
        }
        let reason = "The (0) is dialled within the country only and is no part of the number. Leave it out.";
        Some(Refused::new(Kind::TrunkZero, reason).proposing(proposal))
    }

    /// What is dialled in place of the `+`.
    fn dialled_abroad(&mut self, text: &str, parts: &Groups<'_>) -> Option<Refused> {
        INTERNATIONAL.iter().find_map(|(prefix, fewest)| {
            let behind = parts.all.strip_prefix(prefix).filter(|behind| behind.len() >= *fewest)?;
            if behind.starts_with('0') || (parts.has_plus() && *fewest > 0) {
                return None;
            }
            let at = text.char_indices().filter(|(_, c)| c.is_ascii_digit()).nth(prefix.len())?.0;
            let proposal = proposal_of(&self.digits(&format!("+{}", text.get(at..)?)))?;
            let reason = format!("{prefix} is dialled before the country code. Write + in its place.");
            Some(Refused::new(Kind::InternationalPrefix, reason).proposing(Some(proposal)))
        })
    }

    /// Reads groups without a dash between them.
    pub(super) fn one(&mut self, parts: &Groups<'_>) -> Result<E164, Refused> {
        let number = self.number_of(&parts.all).map_err(|refused| match refused.kind {
            Kind::TrunkZero if !parts.has_plus() => no_code(Local::Anywhere),
            _ => refused,
        })?;
        if !parts.has_plus()
            && let Some(local) = local(number)
        {
            let is_likely = parts.all.len() > NATIONAL && self.plans.is_valid(number);
            return Err(no_code(local).proposing(is_likely.then(|| number.to_string())));
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
        self.sole(parts, number)
    }

    /// The number of all digits, unless those before one of its last groups are a valid number by themselves: then a valid number
    /// of all holds only where the groups cannot be a number and the last digits of another.
    pub(super) fn sole(&mut self, parts: &Groups<'_>, number: E164) -> Result<E164, Refused> {
        for (at, mark) in parts.places().filter(|(at, _)| parts.all.len() - at <= BEHIND) {
            let (left, behind) = parts.all.split_at(at);
            let left = groups::number(left).filter(|left| self.plans.takes(*left) && self.plans.is_valid(*left));
            let Some(left) = left else { continue };
            if !self.plans.is_valid(number) {
                let reason = format!(
                    "No plan knows {number}, but {left} is a number with {behind} behind it. Write each number whole, or \
                     this one without anything between its digits."
                );
                return Err(Refused::new(Kind::Ambiguous, reason));
            }
            let is_last = parts.places().last() == Some((at, mark)) && mark != "-";
            let ends_before = || {
                parts.is_one_piece()
                    || (behind.len() <= TAIL && written(left).is_some_and(|l| parts.begin_with_those_of(&l)))
            };
            if is_last && ends_before() && !is_written_so(number, parts) {
                let reason = format!(
                    "This can be one number, {number}, or {left} and the last digits of another. Write each number whole, \
                     without blanks."
                );
                return Err(Refused::new(Kind::Ambiguous, reason));
            }
        }
        Ok(number)
    }

    /// The number with these digits.
    pub(super) fn number_of(&mut self, digits: &str) -> Result<E164, Refused> {
        let Some(number) = groups::number(digits) else { return Err(no_number(digits)) };
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

/// Why these digits are no number of any country.
fn no_number(digits: &str) -> Refused {
    if digits.starts_with('0') {
        let reason = "The country code is missing: a number cannot start with 0; write +44\u{2026} rather than \
                      0\u{2026} or 00\u{2026}.";
        return Refused::new(Kind::CountryCode, reason);
    }
    match digits.len() {
        0 | 1 => Refused::new(Kind::Length, "Too short: a number has at least 2 digits."),
        long => Refused::new(Kind::Length, format!("Too long: {long} digits, and E.164 allows {MAX_DIGITS} at most.")),
    }
}

/// Digits without a `+` that may be a number within a country.
fn no_code(local: Local) -> Refused {
    let within = match local {
        Local::Anywhere => "a number within a country".to_owned(),
        Local::In(country) => format!("a number within a country, such as {country}"),
    };
    let reason =
        format!("Without a + this can be {within}. Write the + and the country code first, such as +44 1632 960000.");
    Refused::new(Kind::CountryCode, reason)
}

fn marked(odd: char, place: &str) -> Refused {
    Refused::new(
        Kind::Around,
        format!("\u{201c}{odd}\u{201d} {place} the number is no part of it. Write the number alone."),
    )
}
