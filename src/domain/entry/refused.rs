//! Why an entry is refused, and what would be right.

use super::Entry;

/// The one table of kinds: a row is a kind, the word that is stored, and the words people read.
macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident = $key:literal, $label:literal;)+) => {
        /// What kind of flaw an entry has. Entries of one kind can be mended in the same way.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Kind {
            $($(#[$doc])* $kind),+
        }

        impl Kind {
            /// Every kind.
            pub const ALL: [Self; [$(Self::$kind),+].len()] = [$(Self::$kind),+];

            /// The word that is stored and stands in addresses.
            #[must_use]
            pub const fn key(self) -> &'static str {
                match self { $(Self::$kind => $key),+ }
            }

            /// The words people read.
            #[must_use]
            pub const fn label(self) -> &'static str {
                match self { $(Self::$kind => $label),+ }
            }
        }
    };
}

kinds! {
    /// There is no digit.
    Nothing = "nothing", "No number";
    /// A character that no number has.
    Character = "character", "A character that no number has";
    /// A quote that is opened and never closed.
    Quote = "quote", "A quote that is not closed";
    /// More text than a number or a range has.
    TooLong = "tooLong", "Too long";
    /// It begins as numbers within a country do.
    CountryCode = "countryCode", "No country code";
    /// It begins with 00 or 011 in place of `+`.
    InternationalPrefix = "internationalPrefix", "00 or 011 in place of +";
    /// No country has this code.
    UnknownCode = "unknownCode", "Unknown country code";
    /// No number of the country is so long.
    Length = "length", "Too short or too long for the country";
    /// A prefix that is dialled within the country only, such as the 0 of `+44 (0)1632`.
    TrunkZero = "trunkZero", "A 0 that is dialled within the country only";
    /// Digits of another script.
    OtherDigits = "otherDigits", "Digits of another script";
    /// Marks around a number.
    Around = "around", "Marks around the number";
    /// Digits that are dialled behind the number.
    Extension = "extension", "An extension";
    /// A decimal number of a spreadsheet.
    Decimal = "decimal", "A decimal number";
    /// A number of which a spreadsheet has kept the beginning only.
    Scientific = "scientific", "Digits lost in a spreadsheet";
    /// A date.
    Date = "date", "A date";
    /// Thousands that are set apart.
    Thousands = "thousands", "Thousands set apart";
    /// A formula of a spreadsheet.
    Formula = "formula", "A formula";
    /// Digits behind a slash.
    Slash = "slash", "A slash";
    /// Digits within brackets that stand for several numbers.
    Brackets = "brackets", "Digits in brackets";
    /// Letters or marks in place of the last digits.
    Placeholder = "placeholder", "Letters in place of digits";
    /// A number, and how many there are from it on.
    Count = "count", "A number and a count";
    /// Numbers of which the last digits alone are written.
    ShortList = "shortList", "Last digits alone";
    /// Several numbers where one is wanted.
    Several = "several", "Several numbers in one";
    /// It can be read in two ways.
    Ambiguous = "ambiguous", "Two ways to read it";
    /// A range whose end is before its start.
    RangeOrder = "rangeOrder", "The end of a range before its start";
    /// A range whose ends are of different lengths.
    RangeLengths = "rangeLengths", "Ends of a range of different lengths";
    /// A word between the two ends of a range.
    RangeWord = "rangeWord", "A word between the ends of a range";
}

impl Kind {
    /// Finds the kind with this key.
    #[must_use]
    pub fn from_key(key: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.key() == key)
    }
}

/// An entry that is neither a number nor a range.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// What kind of flaw it has.
    pub kind: Kind,
    /// What is wrong and what would be right, as sentences.
    pub reason: String,
    /// What to write instead, where that can be told: a number, a range, or several with commas between them.
    pub proposal: Option<String>,
}

impl Refused {
    /// An entry without a proposal.
    pub(super) fn new(kind: Kind, reason: impl Into<String>) -> Self {
        Self { kind, reason: reason.into(), proposal: None }
    }

    /// The same with this proposal.
    pub(super) fn proposing(self, proposal: Option<String>) -> Self {
        Self { proposal: proposal.or(self.proposal), ..self }
    }

    /// There is no digit in it.
    pub(super) fn nothing() -> Self {
        Self::new(Kind::Nothing, "No number here; write the country code and the number, such as +441632960000.")
    }

    /// This character is in no number.
    pub(super) fn character(odd: char) -> Self {
        Self::new(
            Kind::Character,
            format!("\u{201c}{odd}\u{201d} cannot be part of a telephone number; use digits with a leading +."),
        )
    }
}

impl From<Refused> for Entry {
    fn from(refused: Refused) -> Self {
        Self::Refused(refused)
    }
}
