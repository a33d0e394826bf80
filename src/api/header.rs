//! Reads request headers.

use axum::http::HeaderMap;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::wire::InputProblem;

/// A header that cannot be read.
pub(super) fn invalid(name: &str, message: impl Into<String>) -> InputProblem {
    InputProblem { code: "invalid_header", target: name.to_owned(), message: message.into() }
}

/// The lines of a header.
pub(super) fn lines<'a>(headers: &'a HeaderMap, name: &str) -> Result<Vec<&'a str>, InputProblem> {
    let readable = |_| invalid(name, format!("The header {name} holds characters that are not visible ASCII."));
    headers.get_all(name).iter().map(|line| line.to_str().map_err(readable)).collect()
}

/// A header that stands once at most.
pub(super) fn single<'a>(headers: &'a HeaderMap, name: &str) -> Result<Option<&'a str>, InputProblem> {
    match lines(headers, name)?.as_slice() {
        [] => Ok(None),
        [line] => Ok(Some(line.trim())),
        _ => Err(invalid(name, format!("The header {name} stands more than once; send it once."))),
    }
}

/// A date as HTTP writes it, in any of its three forms, or as RFC 3339 does.
pub(super) fn date(headers: &HeaderMap, name: &str) -> Result<Option<OffsetDateTime>, InputProblem> {
    let Some(text) = single(headers, name)? else { return Ok(None) };
    match parse_date(text) {
        Some(date) => Ok(Some(date)),
        None => Err(invalid(
            name,
            format!(
                "The header {name} is no date. Write it as Sun, 01 Feb 2026 00:00:00 GMT or as 2026-02-01T00:00:00Z."
            ),
        )),
    }
}

fn parse_date(text: &str) -> Option<OffsetDateTime> {
    match httpdate::parse_http_date(text) {
        Ok(date) => Some(date.into()),
        Err(_) => OffsetDateTime::parse(text, &Rfc3339).ok(),
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[test]
    fn a_date_is_read_in_every_form_that_http_knows_and_in_rfc_3339() {
        let date = datetime!(1994-11-06 08:49:37 UTC);
        for text in [
            "Sun, 06 Nov 1994 08:49:37 GMT",
            "Sunday, 06-Nov-94 08:49:37 GMT",
            "Sun Nov  6 08:49:37 1994",
            "1994-11-06T08:49:37Z",
            "1994-11-06t08:49:37z",
            "1994-11-06T10:49:37.000+02:00",
        ] {
            assert_eq!(parse_date(text), Some(date), "{text}");
        }
        for text in
            ["", "yesterday", "Mon, 06 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:49:37", "1994-11-06", "784111777"]
        {
            assert_eq!(parse_date(text), None, "{text}");
        }
    }
}
