//! The words of a filter.

/// One word and the character (from 1) at which it starts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) at: usize,
    pub(super) word: Word,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Word {
    /// A field, an operator, a function, `true`, `false`, `null`.
    Name(String),
    /// A text in quotes, without them.
    Text(String),
    /// Something that starts with a digit or a sign.
    Number(String),
    /// `(`
    Open,
    /// `)`
    Close,
    /// `,`
    Comma,
    /// Behind the last word.
    End,
}

impl Word {
    /// The word as an error names it.
    pub(super) fn shown(&self) -> String {
        match self {
            Self::Name(text) | Self::Number(text) => format!("\u{201c}{text}\u{201d}"),
            Self::Text(text) => format!("'{}'", text.replace('\'', "''")),
            Self::Open => "(".to_owned(),
            Self::Close => ")".to_owned(),
            Self::Comma => "a comma".to_owned(),
            Self::End => "the end of the filter".to_owned(),
        }
    }
}

/// Takes a filter apart. The last token is always [`Word::End`].
pub(super) fn tokens(text: &str) -> Result<Vec<Token>, (usize, String)> {
    let mut tokens = Vec::new();
    let mut rest = text.chars().zip(1..).peekable();
    while let Some((c, at)) = rest.next() {
        let word = match c {
            c if c.is_whitespace() => continue,
            '(' => Word::Open,
            ')' => Word::Close,
            ',' => Word::Comma,
            '\'' => {
                let mut content = String::new();
                loop {
                    match rest.next() {
                        None => return Err((at, "the text that starts here has no closing quote.".to_owned())),
                        Some(('\0', at)) => return Err((at, "a text cannot hold the character NUL.".to_owned())),
                        Some(('\'', _)) if rest.next_if(|(c, _)| *c == '\'').is_none() => break,
                        Some((c, _)) => content.push(c),
                    }
                }
                Word::Text(content)
            }
            c if c.is_alphanumeric() || matches!(c, '_' | '+' | '-') => {
                let mut content = c.to_string();
                while let Some((c, _)) =
                    rest.next_if(|(c, _)| c.is_alphanumeric() || matches!(c, '_' | '-' | '/' | '.'))
                {
                    content.push(c);
                }
                if c.is_alphabetic() || c == '_' { Word::Name(content) } else { Word::Number(content) }
            }
            '"' => return Err((at, "write texts in single quotes, and a quote within one twice ('').".to_owned())),
            c => return Err((at, format!("\u{201c}{}\u{201d} is not understood here.", c.escape_debug()))),
        };
        tokens.push(Token { at, word });
    }
    tokens.push(Token { at: text.chars().count() + 1, word: Word::End });
    Ok(tokens)
}
