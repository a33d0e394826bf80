//! Countries, as ISO 3166 names them: the one table of codes, and the one reader of what is typed for a country.

mod table;

use table::COUNTRIES;

/// A country of ISO 3166-1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Country {
    /// The two letters that are kept and shown.
    pub code: &'static str,
    /// The three letters of the same standard, which are read and never written.
    three: &'static str,
    /// The short name in English.
    pub name: &'static str,
}

/// The code behind the one that some backends and many people write for the United Kingdom.
const UNITED_KINGDOM: (&str, &str) = ("UK", "GB");

/// What numbering plans call places to which the standard gives no code: Ascension, Tristan da Cunha, Kosovo.
const ONLY_IN_PLANS: [&str; 3] = ["AC", "TA", "XK"];

/// The code of the standard behind a backend's: `UK` is said for `GB`.
#[must_use]
pub fn iso(code: &str) -> &str {
    if code.eq_ignore_ascii_case(UNITED_KINGDOM.0) { UNITED_KINGDOM.1 } else { code }
}

/// Reads what was typed for a country: its two letters in either case, or `UK` for `GB`.
///
/// # Errors
/// Says what is wrong with the text and what would be right.
pub fn read(text: &str) -> Result<&'static str, String> {
    let text = text.trim();
    if let Some(country) = of_code(iso(text)) {
        return Ok(country.code);
    }
    if let Some(meant) = meant(text) {
        return Err(format!(
            "A country is two letters of ISO 3166: write {} for {} rather than \u{201c}{text}\u{201d}.",
            meant.code, meant.name
        ));
    }
    let shown: String = text.chars().take(SHOWN).collect();
    Err(if is_user_assigned(text) {
        format!(
            "\u{201c}{shown}\u{201d} stands for no country in ISO 3166. Write two letters that do, such as US or GB."
        )
    } else if text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_alphabetic()) {
        format!("ISO 3166 has no country \u{201c}{shown}\u{201d}. Write two letters that it has, such as US or GB.")
    } else {
        format!("\u{201c}{shown}\u{201d} is no country. A country is two letters of ISO 3166, such as US or GB.")
    })
}

/// Reads the country of numbers, which may be one that only numbering plans have.
///
/// # Errors
/// Says what is wrong with the text and what would be right.
pub fn read_of_numbers(text: &str) -> Result<&'static str, String> {
    let of_plans = ONLY_IN_PLANS.into_iter().find(|code| code.eq_ignore_ascii_case(text.trim()));
    of_plans.map_or_else(|| read(text), Ok)
}

/// The code that was typed; what is no country stays as it was typed, for the rules to refuse.
#[must_use]
pub fn as_typed(text: &str) -> String {
    read(text).map_or_else(|_| text.trim().to_owned(), str::to_owned)
}

/// The most characters of a wrong text that a message repeats.
const SHOWN: usize = 40;
/// No name has more bytes.
const NAME_MOST: usize = 60;

/// The country with these two letters, in either case.
#[must_use]
pub fn of_code(code: &str) -> Option<&'static Country> {
    let [first, second] = *code.as_bytes() else { return None };
    let wanted = [first.to_ascii_uppercase(), second.to_ascii_uppercase()];
    let found = COUNTRIES.binary_search_by(|country| country.code.as_bytes().cmp(&wanted[..])).ok()?;
    COUNTRIES.get(found)
}

/// The name of the country with these two letters; the letters themselves where there is none.
#[must_use]
pub fn name(code: &str) -> &str {
    of_code(code).map_or(code, |country| country.name)
}

/// The country that three letters or a name stand for.
fn meant(text: &str) -> Option<&'static Country> {
    let short = text.len() <= NAME_MOST;
    COUNTRIES
        .iter()
        .filter(|_| short)
        .find(|country| country.three.eq_ignore_ascii_case(text) || country.name.eq_ignore_ascii_case(text))
}

/// The codes that the standard gives to nobody: AA, QM to QZ, XA to XZ, ZZ.
fn is_user_assigned(text: &str) -> bool {
    let [first, second] = text.as_bytes() else { return false };
    matches!(
        (first.to_ascii_uppercase(), second.to_ascii_uppercase()),
        (b'A', b'A') | (b'Q', b'M'..=b'Z') | (b'X', b'A'..=b'Z') | (b'Z', b'Z')
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_country_is_two_letters_of_the_standard_in_either_case() {
        for (typed, code) in [("GB", "GB"), (" gb ", "GB"), ("UK", "GB"), ("uk", "GB"), ("US", "US"), ("cw", "CW")] {
            assert_eq!(read(typed), Ok(code), "{typed}");
        }
        for wrong in ["ZZ", "XX", "xk", "QM", "AA", "AN", "CS", "EU", "G", "GB1", "1A", "", "\u{1f600}", "Mordor"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_refusal_says_what_would_be_right() {
        for (typed, part) in [
            ("GBR", "write GB for United Kingdom"),
            ("germany", "write DE for Germany"),
            ("ZZ", "stands for no country"),
            ("EU", "has no country"),
            ("Mordor", "is no country"),
        ] {
            let refusal = read(typed).unwrap_err();
            assert!(refusal.contains(part), "{typed}: {refusal}");
        }
    }

    #[test]
    fn the_table_is_whole_and_in_order() {
        assert_eq!(COUNTRIES.len(), 249);
        assert!(COUNTRIES.is_sorted_by(|one, next| one.code < next.code));
        assert!(COUNTRIES.iter().all(|country| !is_user_assigned(country.code)
            && country.three.len() == 3
            && country.name.len() <= NAME_MOST));
        assert_eq!(name("GB"), "United Kingdom");
    }
}
