//! What is taken and yet looks like a mistake: said in a header of the answer, for the contract has no place for it.

use axum::http::{HeaderName, HeaderValue};
use axum::response::Response;

use crate::domain::nearest::nearest;
use crate::domain::{KNOWN_CAPABILITIES, KNOWN_USAGES, RelationshipChoice, SentNumber, numbering_plan};
use crate::service::api::addresses::CheckedAddresses;

const WARNING: HeaderName = HeaderName::from_static("x-nmp-warning");
const UNCHECKED: &str =
    "The addresses of the account's tenant are not known: civicAddressId and locationId were not checked";
/// The most warnings of one answer.
const MOST: usize = 8;
/// The most characters of a word that a warning repeats.
const SHOWN: usize = 60;

/// Adds to an answer what looks like a mistake in the numbers that were sent.
pub(super) fn warned(mut answer: Response, sent: &[SentNumber], checked: &CheckedAddresses) -> Response {
    let mut all: Vec<String> = checked.are_unchecked.then(|| UNCHECKED.to_owned()).into_iter().collect();
    all.extend(checked.doubts.iter().cloned());
    for number in sent {
        if all.len() > MOST {
            break;
        }
        of_number(number, &mut all);
    }
    if all.len() > MOST {
        all.truncate(MOST);
        all.push("and more".to_owned());
    }
    if let Some(value) = Some(all.join("; ")).filter(|text| !text.is_empty())
        && let Ok(value) = HeaderValue::from_str(&value)
    {
        answer.headers_mut().insert(WARNING, value);
    }
    answer
}

/// Adds to an answer what the state of what it is about does not tell.
pub(super) fn noticed(mut answer: Response, notice: Option<&str>) -> Response {
    if let Some(value) = notice.and_then(|text| HeaderValue::from_str(text).ok()) {
        answer.headers_mut().insert(WARNING, value);
    }
    answer
}

fn of_number(sent: &SentNumber, all: &mut Vec<String>) {
    let mut add = |text: String| {
        if !all.contains(&text) {
            all.push(text);
        }
    };
    if let Some(number) = sent.number
        && let Some(doubt) = numbering_plan::doubt(number)
    {
        add(format!("{number} is {}", doubt.words()));
    }
    let teams = &sent.settings.teams;
    // An empty usage is for the backend to refuse; an empty further one is a slip.
    let first = std::iter::once(&teams.usage).filter(|usage| !usage.is_empty());
    let usages = first.chain(&teams.additional_usages);
    for usage in usages.filter(|usage| !KNOWN_USAGES.contains(&usage.as_str())) {
        add(unknown("usage", usage, &KNOWN_USAGES));
    }
    for capability in &teams.choosable_capabilities {
        if !KNOWN_CAPABILITIES.contains(&capability.as_str()) {
            add(unknown("capability", capability, &KNOWN_CAPABILITIES));
        }
    }
}

/// Says of a relationship status that is none of the choices which of them is nearest.
pub(super) fn doubtful_status(status: &str, choices: &[RelationshipChoice]) -> Option<String> {
    let known: Vec<&str> = choices.iter().map(|choice| choice.value.as_str()).collect();
    (!known.contains(&status)).then(|| unknown("status", status, &known))
}

/// Says that a word is not known, and which one is nearest. Headers hold visible ASCII alone.
fn unknown(what: &str, word: &str, known: &[&str]) -> String {
    let shown: String = word.chars().take(SHOWN).flat_map(char::escape_default).collect();
    match nearest(word, known.iter().copied()) {
        Some(meant) => format!("\"{shown}\" is no known {what}; the nearest is {meant}"),
        None => format!("\"{shown}\" is no known {what}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_word_is_named_with_the_nearest() {
        let of = |word| unknown("capability", word, &KNOWN_CAPABILITIES);
        assert_eq!(of("inboundCalling"), "\"inboundCalling\" is no known capability; the nearest is InboundCalling");
        assert_eq!(of("Telepathy"), "\"Telepathy\" is no known capability");
        assert!(HeaderValue::from_str(&of("\u{e9}\n\"")).is_ok());
    }
}
