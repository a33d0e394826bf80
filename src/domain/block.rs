//! Blocks: the operator's own ranges of numbers, from which enterprises get theirs.

pub mod file;
pub mod free;

use rlibphonenumber::{PHONE_NUMBER_UTIL, PhoneNumber, Region};

use super::e164::E164;
use super::field::{FieldProblem, filled};
use super::{country, entry, number};

/// The most blocks that are kept.
pub const MOST_BLOCKS: usize = 10_000;
/// The longest note, in characters.
pub const NOTE_MAX: usize = 200;

macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident = $key:literal, $label:literal;)+) => {
        /// What the numbers of a block are, in the plan of their country.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
        pub enum BlockKind {
            $($(#[$doc])* $kind),+
        }

        impl BlockKind {
            /// Every kind, in the order in which forms offer them.
            pub const ALL: [Self; [$(Self::$kind),+].len()] = [$(Self::$kind),+];

            /// The stable word, as in forms, files and storage.
            #[must_use]
            pub const fn key(self) -> &'static str {
                match self {
                    $(Self::$kind => $key),+
                }
            }

            /// The word for people.
            #[must_use]
            pub const fn label(self) -> &'static str {
                match self {
                    $(Self::$kind => $label),+
                }
            }
        }
    };
}

kinds! {
    /// Numbers of a place.
    #[default]
    Geographic = "geographic", "Geographic";
    /// Numbers of no place within the country.
    NonGeographic = "non-geographic", "Non-geographic";
    /// Mobile numbers.
    Mobile = "mobile", "Mobile";
    /// Numbers that are free to call.
    TollFree = "toll-free", "Toll-free";
    /// Numbers whose cost is shared between both sides.
    SharedCost = "shared-cost", "Shared-cost";
    /// Numbers that cost the caller more.
    PremiumRate = "premium-rate", "Premium-rate";
    /// Numbers of services, such as conference bridges.
    Service = "service", "Service";
    /// Anything else.
    Other = "other", "Other";
}

impl BlockKind {
    /// Reads the word, in either case; blanks and underscores count as dashes.
    #[must_use]
    pub fn from_key(text: &str) -> Option<Self> {
        let folded = text.trim().to_ascii_lowercase().replace([' ', '_'], "-");
        Self::ALL.into_iter().find(|kind| kind.key() == folded)
    }
}

/// A range of the operator's own numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// The first number.
    pub first: E164,
    /// The last number, of the same length.
    pub last: E164,
    /// Country, two letters; none where the code belongs to no one country.
    pub country: Option<String>,
    /// What the numbers are.
    pub kind: BlockKind,
    /// What the operator says of it.
    pub note: String,
}

impl Block {
    /// How many numbers it has.
    #[must_use]
    pub fn size(&self) -> i64 {
        self.last.as_i64() - self.first.as_i64() + 1
    }

    /// Whether the two share a number.
    #[must_use]
    pub fn overlaps(&self, other: &Self) -> bool {
        self.first <= other.last && other.first <= self.last
    }

    /// Both ends for reading.
    #[must_use]
    pub fn in_words(&self) -> String {
        format!("{} to {}", self.first, self.last)
    }
}

/// A block as it is typed, or as it stands in a line of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BlockForm {
    /// The first number.
    pub first: String,
    /// The last number.
    pub last: String,
    /// The country; without one it is that of the numbers.
    pub country: String,
    /// The kind.
    pub kind: String,
    /// The note.
    pub note: String,
}

impl From<&Block> for BlockForm {
    fn from(block: &Block) -> Self {
        Self {
            first: block.first.to_string(),
            last: block.last.to_string(),
            country: block.country.clone().unwrap_or_default(),
            kind: block.kind.key().to_owned(),
            note: block.note.clone(),
        }
    }
}

impl BlockForm {
    /// The block that is meant.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn read(&self) -> Result<Block, Vec<FieldProblem>> {
        let mut problems = Vec::new();
        let first = end(&self.first, "first", &mut problems);
        let last = end(&self.last, "last", &mut problems);
        if let (Some(first), Some(last)) = (first, last) {
            check_ends(first, last, &mut problems);
        }
        let typed = filled(&self.country).and_then(|text| {
            country::read(text).map_err(|reason| problems.push(FieldProblem::new("country", reason))).ok()
        });
        if let (Some(first), Some(country)) = (first, typed) {
            check_country(first, country, &mut problems);
        }
        let kind = self.kind(&mut problems);
        check_note(&self.note, &mut problems);
        match (first, last) {
            (Some(first), Some(last)) if problems.is_empty() => Ok(Block {
                first,
                last,
                country: typed.map(str::to_owned).or_else(|| number::country(first)),
                kind,
                note: self.note.trim().to_owned(),
            }),
            _ => Err(problems),
        }
    }

    fn kind(&self, problems: &mut Vec<FieldProblem>) -> BlockKind {
        if filled(&self.kind).is_none() {
            return BlockKind::default();
        }
        BlockKind::from_key(&self.kind).unwrap_or_else(|| {
            let known = BlockKind::ALL.map(BlockKind::key).join(", ");
            problems.push(FieldProblem::new("kind", format!("There is no such kind. The kinds are {known}.")));
            BlockKind::default()
        })
    }
}

fn end(text: &str, field: &'static str, problems: &mut Vec<FieldProblem>) -> Option<E164> {
    if filled(text).is_none() {
        problems
            .push(FieldProblem::new(field, format!("Enter the {field} number of the block, such as +441632960000.")));
        return None;
    }
    let read = entry::read(text).number().map_err(|refused| refused.reason);
    read.map_err(|reason| problems.push(FieldProblem::new(field, reason))).ok()
}

fn parsed(number: E164) -> Option<PhoneNumber> {
    PHONE_NUMBER_UTIL.parse(number.to_string(), None).ok()
}

fn check_ends(first: E164, last: E164, problems: &mut Vec<FieldProblem>) {
    let mut refuse = |text: String| problems.push(FieldProblem::new("last", text));
    if first.digits() != last.digits() {
        refuse(format!(
            "{first} has {} digits and {last} has {}. The ends of a block have the same length.",
            first.digits(),
            last.digits()
        ));
    } else if last < first {
        refuse(format!("{last} comes before {first}. Write the smaller number first."));
    } else if parsed(first).map(|number| number.country_code) != parsed(last).map(|number| number.country_code) {
        refuse(format!("{first} and {last} have different country codes. A block is of one."));
    }
}

fn check_country(first: E164, country: &str, problems: &mut Vec<FieldProblem>) {
    let code = country.parse::<Region>().ok().and_then(|region| PHONE_NUMBER_UTIL.get_country_code_for_region(region));
    if let (Some(code), Some(number)) = (code, parsed(first))
        && number.country_code != code
    {
        let name = country::name(country);
        problems.push(FieldProblem::new("country", format!("Numbers of {name} begin with +{code}; {first} does not.")));
    }
}

fn check_note(note: &str, problems: &mut Vec<FieldProblem>) {
    let length = note.trim().chars().count();
    if length > NOTE_MAX {
        let text = format!("The note has {length} characters; up to {NOTE_MAX} are kept.");
        problems.push(FieldProblem::new("note", text));
    } else if note.trim().chars().any(char::is_control) {
        problems.push(FieldProblem::new("note", "The note holds a control character; use printable characters."));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(first: &str, last: &str, country: &str, kind: &str) -> BlockForm {
        BlockForm {
            first: first.to_owned(),
            last: last.to_owned(),
            country: country.to_owned(),
            kind: kind.to_owned(),
            note: String::new(),
        }
    }

    #[test]
    fn a_block_is_read_as_it_is_typed() {
        let block = form("+44 1632 960000", "+44 1632 960999", "uk", "Toll free").read().unwrap();
        assert_eq!((block.size(), block.country.as_deref(), block.kind), (1_000, Some("GB"), BlockKind::TollFree));
        let block = form("+12065550100", "+12065550100", "", "").read().unwrap();
        assert_eq!((block.size(), block.country.as_deref(), block.kind), (1, Some("US"), BlockKind::Geographic));
        assert_eq!(BlockForm::from(&block).read(), Ok(block));
    }

    #[test]
    fn everything_wrong_is_told_at_once() {
        let long = "n".repeat(NOTE_MAX + 1);
        let wrong = BlockForm { note: long, ..form("01632 960000", "+44163296", "ZZ", "fax") };
        let fields: Vec<_> = wrong.read().unwrap_err().into_iter().map(|problem| problem.field).collect();
        assert_eq!(fields, ["first", "last", "country", "kind", "note"]);
    }

    #[test]
    fn the_impossible_is_refused() {
        for (first, last, country, part) in [
            ("+441632960000", "+44163296", "", "behind the country code"),
            ("+441632960000", "+44163296099", "", "same length"),
            ("+441632960999", "+441632960000", "", "smaller number first"),
            ("+999123456789", "+999123456799", "", "No country code begins"),
            ("+441632960000", "+441632960999", "US", "begin with +1"),
            ("+493012345678", "+4930123456789", "", "same length"),
            ("+353201234567", "+354201234567", "", ""),
        ] {
            let problems = form(first, last, country, "").read().unwrap_err();
            assert!(problems.iter().any(|problem| problem.message.contains(part)), "{first}: {problems:?}");
        }
    }
}
