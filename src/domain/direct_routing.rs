//! What Direct Routing needs in DNS: an account's label and the tokens that prove who owns its names.

/// The most characters of a label.
pub const LABEL_MAX: usize = 10;
/// The most characters of a token.
pub const TOKEN_MAX: usize = 100;

/// Reads a label: 1 to 10 letters, digits, `_` and `-`. DNS knows no case, so it is kept in lower case.
///
/// # Errors
/// Says what is wrong with the text.
pub fn parse_label(text: &str) -> Result<String, String> {
    check(text, LABEL_MAX, "letters, digits, _ and -", |c| matches!(c, '_' | '-'))?;
    Ok(text.to_ascii_lowercase())
}

/// Reads a token: 1 to 100 letters, digits, `=`, `_` and `-`.
///
/// # Errors
/// Says what is wrong with the text.
pub fn parse_token(text: &str) -> Result<String, String> {
    check(text, TOKEN_MAX, "letters, digits, =, _ and -", |c| matches!(c, '=' | '_' | '-'))?;
    Ok(text.to_owned())
}

fn check(text: &str, most: usize, allowed: &str, extra: impl Fn(char) -> bool) -> Result<(), String> {
    let count = text.chars().count();
    if count == 0 || count > most {
        return Err(format!("This has {count} characters; 1 to {most} are allowed."));
    }
    match text.chars().find(|c| !(c.is_ascii_alphanumeric() || extra(*c))) {
        None => Ok(()),
        Some(c) if c.is_whitespace() || c.is_control() => Err(format!("A blank cannot be part of it; use {allowed}.")),
        Some(c) => Err(format!("\u{201c}{c}\u{201d} cannot be part of it; use {allowed}.")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_is_folded_to_lower_case_and_a_token_is_not() {
        assert_eq!(parse_label("Contoso_1-"), Ok("contoso_1-".to_owned()));
        assert_eq!(parse_token("MS=Ms12345_-"), Ok("MS=Ms12345_-".to_owned()));
        for bad in ["", "contoso.com", "contoso-ltd", "a b", "é", "a="] {
            assert!(parse_label(bad).is_err(), "{bad}");
        }
        for bad in ["", "a.b", "a b", &"x".repeat(101)] {
            assert!(parse_token(bad).is_err(), "{bad}");
        }
    }
}
