//! The nearest of known words to one that is not known: what somebody most likely meant.

/// A word of more characters has no nearest one: no known word is so long.
const LONGEST: usize = 64;
/// The most known words that are looked at.
const LOOKED_AT: usize = 200;

/// Finds the known word that somebody meant: the same in other letters, or one with up to two slips in it.
#[must_use]
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wanted: Vec<char> = folded(word);
    if !(3..=LONGEST).contains(&wanted.len()) {
        return None;
    }
    let slips = if wanted.len() < 6 { 1 } else { 2 };
    known
        .into_iter()
        .take(LOOKED_AT)
        .filter(|known| known.chars().filter(|c| c.is_alphanumeric()).count().abs_diff(wanted.len()) <= slips)
        .filter_map(|known| Some((distance(&wanted, &folded(known), slips)?, known)))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, known)| known)
}

/// The letters and digits of a word in lower case.
fn folded(word: &str) -> Vec<char> {
    if word.is_ascii() {
        let letters = word.bytes().filter(u8::is_ascii_alphanumeric).take(LONGEST + 1);
        return letters.map(|letter| char::from(letter.to_ascii_lowercase())).collect();
    }
    let letters = word.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase);
    letters.take(LONGEST + 1).collect()
}

/// How many letters have to be put in, left out or changed to make one of the other (Levenshtein); nothing where it is more
/// than `most`.
fn distance(one: &[char], other: &[char], most: usize) -> Option<usize> {
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (at, letter) in one.iter().enumerate() {
        let mut diagonal = at;
        let mut left = at + 1;
        let mut least = left;
        for (cell, theirs) in row.iter_mut().skip(1).zip(other) {
            let changed = diagonal + usize::from(letter != theirs);
            diagonal = *cell;
            left = changed.min(left + 1).min(*cell + 1);
            *cell = left;
            least = least.min(left);
        }
        if least > most {
            return None;
        }
        if let Some(first) = row.first_mut() {
            *first = at + 1;
        }
    }
    row.last().copied().filter(|distance| *distance <= most)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_known_again() {
        let known = ["InboundCalling", "OutboundCalling", "Mobile"];
        for (word, meant) in [
            ("inboundCalling", Some("InboundCalling")),
            ("INBOUND_CALLING", Some("InboundCalling")),
            ("OutbuondCalling", Some("OutboundCalling")),
            ("Mobil", Some("Mobile")),
            ("Calling", None),
            ("", None),
            ("x", None),
        ] {
            assert_eq!(nearest(word, known), meant, "{word}");
        }
        assert_eq!(nearest(&"InboundCalling".repeat(100_000), known), None);
    }

    #[test]
    fn distances_are_those_of_levenshtein() {
        let of = |one: &str, other: &str, most| distance(&folded(one), &folded(other), most);
        for (one, other, slips) in
            [("kitten", "sitting", 3), ("abc", "abc", 0), ("", "abc", 3), ("abc", "", 3), ("ab", "ba", 2)]
        {
            assert_eq!(of(one, other, slips), Some(slips), "{one} {other}");
            assert_eq!(of(one, other, 9), Some(slips), "{one} {other}");
            assert!(slips == 0 || of(one, other, slips - 1).is_none(), "{one} {other}");
        }
    }
}
