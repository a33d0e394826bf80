//! Why an entry is refused, and what would be right.

use super::Entry;

/// What kind of flaw an entry has. Entries of one kind can be mended in the same way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// There is no digit.
    Nothing,
    /// A character that no number has.
    Character,
    /// A quote that is opened and never closed.
    Quote,
    /// More text than a number or a range has.
    TooLong,
    /// It begins as numbers within a country do.
    CountryCode,
    /// It begins with 00 or 011 in place of `+`.
    InternationalPrefix,
    /// No country has this code.
    UnknownCode,
    /// No number of the country is so long.
    Length,
    /// A prefix that is dialled within the country only, such as the 0 of `+44 (0)1632`.
    TrunkZero,
    /// Digits of another script.
    OtherDigits,
    /// Marks around a number.
    Around,
    /// Digits that are dialled behind the number.
    Extension,
    /// A decimal number of a spreadsheet.
    Decimal,
    /// A number of which a spreadsheet has kept the beginning only.
    Scientific,
    /// A date.
    Date,
    /// Thousands that are set apart.
    Thousands,
    /// A formula of a spreadsheet.
    Formula,
    /// Digits behind a slash.
    Slash,
    /// Digits within brackets that stand for several numbers.
    Brackets,
    /// Letters or marks in place of the last digits.
    Placeholder,
    /// A number, and how many there are from it on.
    Count,
    /// Numbers of which the last digits alone are written.
    ShortList,
    /// Several numbers where one is wanted.
    Several,
    /// It can be read in two ways.
    Ambiguous,
    /// A range whose end is before its start.
    RangeOrder,
    /// A range whose ends are of different lengths.
    RangeLengths,
    /// A word between the two ends of a range.
    RangeWord,
}

use Kind::{
    Ambiguous, Around, Brackets, Character, Count, CountryCode, Date, Decimal, Extension, Formula, InternationalPrefix,
    Length, Nothing, OtherDigits, Placeholder, Quote, RangeLengths, RangeOrder, RangeWord, Scientific, Several,
    ShortList, Slash, Thousands, TooLong, TrunkZero, UnknownCode,
};

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 27] = [
        Nothing,
        Character,
        Quote,
        TooLong,
        CountryCode,
        InternationalPrefix,
        UnknownCode,
        Length,
        TrunkZero,
        OtherDigits,
        Around,
        Extension,
        Decimal,
        Scientific,
        Date,
        Thousands,
        Formula,
        Slash,
        Brackets,
        Placeholder,
        Count,
        ShortList,
        Several,
        Ambiguous,
        RangeOrder,
        RangeLengths,
        RangeWord,
    ];

    /// The word that is stored and stands in addresses.
    #[must_use]
    pub const fn key(self) -> &'static str {
        self.names().0
    }

    /// The words people read.
    #[must_use]
    pub const fn label(self) -> &'static str {
        self.names().1
    }

    /// Finds the kind with this key.
    #[must_use]
    pub fn from_key(key: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.key() == key)
    }

    const fn names(self) -> (&'static str, &'static str) {
        match self {
            Nothing => ("nothing", "No number"),
            Character => ("character", "A character that no number has"),
            Quote => ("quote", "A quote that is not closed"),
            TooLong => ("tooLong", "Too long"),
            CountryCode => ("countryCode", "No country code"),
            InternationalPrefix => ("internationalPrefix", "00 or 011 in place of +"),
            UnknownCode => ("unknownCode", "Unknown country code"),
            Length => ("length", "Too short or too long for the country"),
            TrunkZero => ("trunkZero", "A 0 that is dialled within the country only"),
            OtherDigits => ("otherDigits", "Digits of another script"),
            Around => ("around", "Marks around the number"),
            Extension => ("extension", "An extension"),
            Decimal => ("decimal", "A decimal number"),
            Scientific => ("scientific", "Digits lost in a spreadsheet"),
            Date => ("date", "A date"),
            Thousands => ("thousands", "Thousands set apart"),
            Formula => ("formula", "A formula"),
            Slash => ("slash", "A slash"),
            Brackets => ("brackets", "Digits in brackets"),
            Placeholder => ("placeholder", "Letters in place of digits"),
            Count => ("count", "A number and a count"),
            ShortList => ("shortList", "Last digits alone"),
            Several => ("several", "Several numbers in one"),
            Ambiguous => ("ambiguous", "Two ways to read it"),
            RangeOrder => ("rangeOrder", "The end of a range before its start"),
            RangeLengths => ("rangeLengths", "Ends of a range of different lengths"),
            RangeWord => ("rangeWord", "A word between the ends of a range"),
        }
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
        Self::new(Nothing, "No number here; write the country code and the number, such as +441632960000.")
    }

    /// This character is in no number.
    pub(super) fn character(odd: char) -> Self {
        Self::new(
            Character,
            format!("\u{201c}{odd}\u{201d} cannot be part of a telephone number; use digits with a leading +."),
        )
    }
}

impl From<Refused> for Entry {
    fn from(refused: Refused) -> Self {
        Self::Refused(refused)
    }
}
