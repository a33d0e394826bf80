//! Reads the parameters of a query string: each known, none twice, every problem at once.

use std::ops::RangeInclusive;

use url::form_urlencoded;

use crate::wire::InputProblem;

/// The parameter that every operation has; its value is looked at before anything else of a request.
pub const API_VERSION: &str = "api-version";

/// The parameters of one request and what is wrong with them.
#[derive(Clone, Debug, Default)]
pub struct Parameters {
    pairs: Vec<(String, String)>,
    problems: Vec<InputProblem>,
}

impl Parameters {
    /// Reads a query string of an operation that knows these parameters besides `api-version`.
    pub fn read(query: Option<&str>, supported: &[&str]) -> Self {
        let mut read = Self::default();
        for (name, value) in form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
            let shown = name.escape_debug();
            if name != API_VERSION && !supported.contains(&name.as_ref()) {
                let known: Vec<&str> = std::iter::once(&API_VERSION).chain(supported).copied().collect();
                let message =
                    format!("There is no parameter \u{201c}{shown}\u{201d} here. There are: {}.", known.join(", "));
                read.refuse("unsupported_query_parameter", &name, message);
            } else if read.text(&name).is_some() {
                let message = format!("The parameter {shown} stands more than once; send it once.");
                read.refuse("repeated_query_parameter", &name, message);
            } else {
                // What is not UTF-8 was replaced while it was decoded.
                if value.contains(char::REPLACEMENT_CHARACTER) {
                    read.refuse("invalid_query_parameter", &name, format!("The value of {shown} is not UTF-8."));
                }
                read.pairs.push((name.into_owned(), value.into_owned()));
            }
        }
        read
    }

    /// The value of a parameter.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.pairs.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Reads a parameter that is true or false. It is false where it is left out.
    pub fn truth(&mut self, name: &'static str) -> bool {
        match self.text(name) {
            None => false,
            Some(text) if text.eq_ignore_ascii_case("true") => true,
            Some(text) if text.eq_ignore_ascii_case("false") => false,
            Some(text) => {
                let message = format!("{name} is true or false, not \u{201c}{}\u{201d}.", text.escape_debug());
                self.refuse("invalid_query_parameter", name, message);
                false
            }
        }
    }

    /// The value of a parameter that is a whole number.
    pub fn number(&mut self, name: &'static str, range: &RangeInclusive<u32>) -> Option<u32> {
        let text = self.text(name)?;
        let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        let number = text.parse().ok().filter(|number| digits && range.contains(number));
        if number.is_none() {
            let (text, start, end) = (text.escape_debug(), range.start(), range.end());
            let message = format!("{name} is a whole number from {start} to {end}, not \u{201c}{text}\u{201d}.");
            self.refuse("invalid_query_parameter", name, message);
        }
        number
    }

    /// Notes a problem.
    pub(super) fn refuse(&mut self, code: &'static str, name: &str, message: impl Into<String>) {
        self.problems.push(InputProblem { code, target: name.to_owned(), message: message.into() });
    }

    /// What is wrong so far.
    pub fn problems(&self) -> &[InputProblem] {
        &self.problems
    }

    /// The parameters as they were sent, each name once.
    ///
    /// # Errors
    /// Every problem that was noted.
    pub fn finish(self) -> Result<Vec<(String, String)>, Vec<InputProblem>> {
        if self.problems.is_empty() { Ok(self.pairs) } else { Err(self.problems) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_problem_of_a_query_is_told_at_once() {
        let query = "api-version=x&$top=3&count=maybe&size=11&size=12&api-version=y&text=%FF&odd%0A=1";
        let mut read = Parameters::read(Some(query), &["count", "size", "text", "top"]);
        assert!(!read.truth("count"));
        assert_eq!(read.number("size", &(1..=10)), None);
        let problems = read.finish().unwrap_err();
        let told: Vec<(&str, &str, &str)> =
            problems.iter().map(|p| (p.code, p.target.as_str(), p.message.as_str())).collect();
        assert_eq!(
            told,
            [
                (
                    "unsupported_query_parameter",
                    "$top",
                    "There is no parameter “$top” here. There are: api-version, count, size, text, top."
                ),
                ("repeated_query_parameter", "size", "The parameter size stands more than once; send it once."),
                (
                    "repeated_query_parameter",
                    "api-version",
                    "The parameter api-version stands more than once; send it once."
                ),
                ("invalid_query_parameter", "text", "The value of text is not UTF-8."),
                (
                    "unsupported_query_parameter",
                    "odd\n",
                    "There is no parameter “odd\\n” here. There are: api-version, count, size, text, top."
                ),
                ("invalid_query_parameter", "count", "count is true or false, not “maybe”."),
                ("invalid_query_parameter", "size", "size is a whole number from 1 to 10, not “11”."),
            ]
        );
    }

    #[test]
    fn values_are_read_as_programs_write_them() {
        let mut read =
            Parameters::read(Some("flag=True&number=007&text=a+b%2Bc&none="), &["flag", "number", "text", "none"]);
        assert!(read.truth("flag"));
        assert_eq!(read.number("number", &(0..=10)), Some(7));
        assert_eq!((read.text("text"), read.text("none"), read.text("api-version")), (Some("a b+c"), Some(""), None));
        assert!(read.finish().is_ok());
        for (text, range) in
            [("", 0..=9), ("-1", 0..=9), ("+1", 0..=9), ("1.0", 0..=9), ("0", 1..=9), ("99999999999", 1..=u32::MAX)]
        {
            let mut read = Parameters::read(Some(&format!("n={}", text.replace('+', "%2B"))), &["n"]);
            assert_eq!(read.number("n", &range), None, "{text}");
            assert_eq!(read.finish().unwrap_err().len(), 1, "{text}");
        }
        assert!(Parameters::read(None, &[]).finish().unwrap().is_empty());
    }
}
