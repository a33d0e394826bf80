//! Entries with commas or semicolons in them: never one number, so each is refused, with what was meant where that shows.

use super::foreign::{Joined, counted, digits_of, extension, is_extension};
use super::refused::{Kind, Refused};
use super::{Entry, EntryReader, proposal_of};
use crate::domain::e164::E164;

/// The most digits of a count of numbers.
const COUNT_DIGITS: usize = 5;

impl EntryReader {
    /// Why a text with commas or semicolons is no entry.
    pub(super) fn several(&mut self, text: &str) -> Refused {
        let pieces: Vec<&str> = text.split([',', ';']).map(str::trim).collect();
        if let Some(refused) = self.extended(&pieces) {
            return refused;
        }
        let pieces: Vec<&str> = pieces.into_iter().filter(|piece| !piece.is_empty()).collect();
        let head = pieces.first().map(|first| self.cleaned(first));
        let joined = head.map_or(Joined::Apart, |head| self.in_one(text, &head));
        if joined == Joined::Apart
            && let Some(refused) = self.with_count(&pieces, text.contains(';'))
        {
            return refused;
        }
        let (Some((first, rest)), read) = (pieces.split_first(), self.all(&pieces)) else {
            return Refused::nothing();
        };
        if let Some(whole) = read {
            let reason = "Several numbers or ranges where one is read at a time. Put each on a line of its own, each with its +.";
            return Refused::new(Kind::Several, reason).proposing(Some(whole.join(", ")));
        }
        let proposal = match self.cleaned(first) {
            _ if joined == Joined::Unclear => None,
            _ if let Joined::Number(number) = joined => Some(number.to_string()),
            Entry::Number(number) => {
                let last = pieces.iter().rev().find_map(|piece| self.cleaned(piece).number().ok());
                match last.filter(|last| *last != number) {
                    // The short ones belong to the whole number in front of them.
                    Some(_) => self.grouped(&pieces),
                    None => self.rising(number, rest),
                }
            }
            Entry::Range(_) | Entry::Refused(_) => None,
        };
        let reason = "Behind a comma stands no whole number. Write each number whole, with its + and country code.";
        Refused::new(Kind::ShortList, reason).proposing(proposal)
    }

    /// An extension among the pieces: one that says so, or digits behind two commas.
    fn extended(&mut self, pieces: &[&str]) -> Option<Refused> {
        let (first, rest) = pieces.split_first()?;
        let named = rest.iter().find(|piece| is_extension(piece));
        let dialled = || {
            let blank = rest.iter().position(|piece| piece.is_empty())?;
            let next = rest.iter().skip(blank).find(|piece| !piece.is_empty())?;
            digits_of(next).filter(|digits| digits.len() <= 6)
        };
        let digits = match named {
            Some(piece) if piece.to_ascii_lowercase().starts_with("phone-context") => String::new(),
            Some(piece) => piece.trim_start_matches(|c: char| !c.is_ascii_digit()).to_owned(),
            None => dialled()?,
        };
        let number = self.cleaned(first).number().ok()?;
        let rest_is_one = rest.iter().filter(|piece| !piece.is_empty()).count() == 1;
        Some(extension(&digits, rest_is_one.then(|| number.to_string())))
    }

    /// A number and how many there are, or both ends of a range and their count.
    fn with_count(&mut self, pieces: &[&str], is_semicolon: bool) -> Option<Refused> {
        let count_of = |text: &str| digits_of(text).filter(|digits| digits.len() <= COUNT_DIGITS)?.parse::<i64>().ok();
        let (proposal, count) = match pieces {
            [first, last, count] => {
                let (first, last) = self.cleaned(first).number().ok().zip(self.cleaned(last).number().ok())?;
                let count = count_of(count)?;
                let range = counted(first, count).filter(|range| range.ends_with(&last.to_string()));
                if range.is_none() && last.as_i64() - first.as_i64() <= 1 {
                    return None;
                }
                (range, count)
            }
            [first, count] => {
                let number = self.cleaned(first).number().ok()?;
                let digits = count_of(count)?;
                match tail_or_count(number, count, is_semicolon) {
                    Meant::Tail => return None,
                    Meant::Count => (counted(number, digits), digits),
                    Meant::Unclear => (None, digits),
                }
            }
            _ => return None,
        };
        let reason = format!(
            "{count} may be how many numbers there are. Write both ends of the range that is meant, without a count."
        );
        Some(Refused::new(Kind::Count, reason).proposing(proposal))
    }

    /// All pieces as they are written plainly, when each is a number or a range.
    fn all(&mut self, pieces: &[&str]) -> Option<Vec<String>> {
        let mut read = Vec::with_capacity(pieces.len());
        for piece in pieces {
            let entry = self.cleaned(piece);
            read.push(proposal_of(&entry).filter(|_| entry.is_taken())?);
        }
        Some(read)
    }

    /// The numbers that begin like the first and end with the digits of the others, each behind the one before.
    fn rising(&mut self, first: E164, rest: &[&str]) -> Option<String> {
        let listed = self.listed(first, rest)?;
        let numbers: Vec<&str> = listed.split(", ").collect();
        numbers.is_sorted().then_some(listed)
    }

    /// The same where further whole numbers stand among them.
    fn grouped(&mut self, pieces: &[&str]) -> Option<String> {
        let mut groups: Vec<String> = Vec::new();
        let mut rest = pieces;
        while let Some((first, behind)) = rest.split_first() {
            let number = self.cleaned(first).number().ok()?;
            let short = behind.iter().take_while(|piece| !self.cleaned(piece).is_taken()).count();
            let (tails, next) = behind.split_at_checked(short)?;
            groups.push(self.rising(number, tails)?);
            rest = next;
        }
        Some(groups.join(", "))
    }
}

/// What digits behind a number are.
enum Meant {
    Tail,
    Count,
    Unclear,
}

/// Whether digits behind a number are the last of the next one, as in `960, 961`, or how many numbers there are from it on.
fn tail_or_count(number: E164, digits: &str, is_semicolon: bool) -> Meant {
    if digits.starts_with('0') {
        return Meant::Tail;
    }
    let digits = digits_of(digits).unwrap_or_default();
    let next = super::ranges::with_tail(number, &digits).filter(|other| *other > number);
    let Some(next) = next else { return Meant::Count };
    let is_next = next.as_i64() - number.as_i64() < 10 && digits.len() > 1;
    let is_round = digits.ends_with('0') && number.as_i64() % 10_i64.pow(u32::try_from(digits.len()).unwrap_or(0)) == 0;
    match (is_next, is_round, is_semicolon) {
        (_, true, _) => Meant::Count,
        (true, false, false) => Meant::Tail,
        _ => Meant::Unclear,
    }
}
