//! Reads a filter by recursive descent: `or` binds least, then `and`, then `not`.

use super::lexer::{Token, Word, tokens};
use super::{FieldKind, Fields, Filter, MAX_DEPTH, MAX_LENGTH, MAX_TERMS, Test, TextTerm};

/// Where a problem stands and what it is.
type ProblemAt = (usize, String);

/// A problem behind which nothing can be read.
struct Stop(ProblemAt);

pub(super) fn parse<F: Fields>(text: &str) -> Result<Filter<F>, Vec<ProblemAt>> {
    let count = text.chars().count();
    if count > MAX_LENGTH {
        return Err(vec![(MAX_LENGTH + 1, format!("the filter has {count} characters; up to {MAX_LENGTH} are read."))]);
    }
    let tokens = tokens(text).map_err(|problem| vec![problem])?;
    let mut parser = Parser { tokens: tokens.into_iter(), terms: 0, depth: 0, problems: Vec::new() };
    match parser.whole() {
        Ok(filter) if parser.problems.is_empty() => Ok(filter),
        Ok(_) => Err(parser.problems),
        Err(Stop(problem)) => {
            parser.problems.push(problem);
            Err(parser.problems)
        }
    }
}

/// How a field is compared, before it is known whether the field can be compared so.
enum Asked {
    Equal(Value),
    StartsWith(Value),
    Contains(Value),
}

struct Value {
    at: usize,
    word: Word,
}

struct Parser {
    tokens: std::vec::IntoIter<Token>,
    terms: usize,
    depth: usize,
    /// What is wrong but does not keep the rest from being read.
    problems: Vec<ProblemAt>,
}

impl Parser {
    fn whole<F: Fields>(&mut self) -> Result<Filter<F>, Stop> {
        if *self.peek() == Word::End {
            return Err(self.stop("the filter is empty; leave the parameter out to ask for everything."));
        }
        let filter = self.either(true)?;
        match self.peek() {
            Word::End => Ok(filter),
            Word::Close => Err(self.stop("this bracket was never opened.")),
            _ => Err(self.unexpected("and, or, or the end")),
        }
    }

    fn peek(&self) -> &Word {
        self.tokens.as_slice().first().map_or(&Word::End, |token| &token.word)
    }

    fn at(&self) -> usize {
        self.tokens.as_slice().first().map_or(0, |token| token.at)
    }

    fn next(&mut self) -> Token {
        let at = self.at();
        self.tokens.next().unwrap_or(Token { at, word: Word::End })
    }

    fn next_is(&mut self, name: &str) -> bool {
        let is = matches!(self.peek(), Word::Name(word) if word == name);
        if is {
            self.next();
        }
        is
    }

    fn stop(&self, problem: impl Into<String>) -> Stop {
        Stop((self.at(), problem.into()))
    }

    fn unexpected(&self, wanted: &str) -> Stop {
        self.stop(format!("{wanted} was expected, not {}.", self.peek().shown()))
    }

    fn expect(&mut self, word: &Word) -> Result<(), Stop> {
        if self.peek() != word {
            return Err(self.unexpected(&word.shown()));
        }
        self.next();
        Ok(())
    }

    /// `positive` is false behind an odd number of `not`: then the opposite is read.
    fn either<F: Fields>(&mut self, positive: bool) -> Result<Filter<F>, Stop> {
        let mut parts = vec![self.both(positive)?];
        while self.next_is("or") {
            parts.push(self.both(positive)?);
        }
        Ok(join(parts, !positive))
    }

    fn both<F: Fields>(&mut self, positive: bool) -> Result<Filter<F>, Stop> {
        let mut parts = vec![self.one(positive)?];
        while self.next_is("and") {
            parts.push(self.one(positive)?);
        }
        Ok(join(parts, positive))
    }

    fn one<F: Fields>(&mut self, positive: bool) -> Result<Filter<F>, Stop> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(self.stop(format!("brackets and not stand in each other more than {MAX_DEPTH} deep.")));
        }
        let filter = if self.next_is("not") {
            self.one(!positive)?
        } else if *self.peek() == Word::Open {
            self.next();
            let filter = self.either(positive)?;
            if *self.peek() != Word::Close {
                return Err(self.unexpected("and, or, or a closing bracket"));
            }
            self.next();
            filter
        } else {
            self.term(positive)?
        };
        self.depth -= 1;
        Ok(filter)
    }

    fn term<F: Fields>(&mut self, positive: bool) -> Result<Filter<F>, Stop> {
        self.terms += 1;
        if self.terms > MAX_TERMS {
            return Err(self.stop(format!("a filter has {MAX_TERMS} comparisons at most.")));
        }
        let token = self.next();
        let Word::Name(name) = token.word else {
            let wanted = "a field, startswith, contains, not or ( was expected";
            return Err(Stop((token.at, format!("{wanted}, not {}.", token.word.shown()))));
        };
        if *self.peek() == Word::Open {
            return self.function(token.at, &name, positive);
        }
        let equal = match self.peek() {
            Word::Name(word) if word == "eq" => true,
            Word::Name(word) if word == "ne" => false,
            _ => return Err(self.unexpected("eq or ne")),
        };
        self.next();
        let asked = Asked::Equal(self.value()?);
        Ok(self.compare(token.at, &name, &asked, positive == equal))
    }

    fn function<F: Fields>(&mut self, at: usize, name: &str, positive: bool) -> Result<Filter<F>, Stop> {
        if !matches!(name, "startswith" | "contains") {
            return Err(Stop((at, format!("there is no function \u{201c}{name}\u{201d} in a filter."))));
        }
        self.next();
        let token = self.next();
        let Word::Name(field) = token.word else {
            return Err(Stop((
                token.at,
                format!("the first argument of {name} is a field, not {}.", token.word.shown()),
            )));
        };
        self.expect(&Word::Comma)?;
        let value = self.value()?;
        self.expect(&Word::Close)?;
        let asked = if name == "contains" { Asked::Contains(value) } else { Asked::StartsWith(value) };
        Ok(self.compare(token.at, &field, &asked, positive))
    }

    fn value(&mut self) -> Result<Value, Stop> {
        if matches!(self.peek(), Word::Name(_) | Word::Text(_) | Word::Number(_)) {
            let token = self.next();
            return Ok(Value { at: token.at, word: token.word });
        }
        Err(self.unexpected("a value (true, false or a text in single quotes)"))
    }

    /// Puts a comparison together. What cannot be compared is noted, and the rest of the filter is still read.
    fn compare<F: Fields>(&mut self, at: usize, name: &str, asked: &Asked, holds: bool) -> Filter<F> {
        let name = name.replace('.', "/");
        match comparison(at, &name, asked, holds) {
            Ok(filter) => filter,
            Err(problem) => {
                self.problems.push(problem);
                Filter::default()
            }
        }
    }
}

/// Brackets around more of the same are left out, so that what must hold together stands side by side.
fn join<F>(parts: Vec<Filter<F>>, all: bool) -> Filter<F> {
    let mut flat = Vec::new();
    for part in parts {
        match part {
            Filter::All(inner) if all => flat.extend(inner),
            Filter::Any(inner) if !all => flat.extend(inner),
            one => flat.push(one),
        }
    }
    match (flat.len(), all) {
        (1, _) => flat.pop().unwrap_or_default(),
        (_, true) => Filter::All(flat),
        (_, false) => Filter::Any(flat),
    }
}

fn comparison<F: Fields>(at: usize, name: &str, asked: &Asked, holds: bool) -> Result<Filter<F>, ProblemAt> {
    let Some((_, kind)) = F::FIELDS.iter().find(|(known, _)| *known == name) else {
        return Err((at, format!("there is no field \u{201c}{name}\u{201d} to filter by.")));
    };
    let term = |field, test| Ok(Filter::Text(TextTerm { field, test, holds }));
    match (*kind, asked) {
        (FieldKind::Enabled(service), Asked::Equal(value)) => {
            Ok(Filter::Enabled(service, truth(name, value)? == holds))
        }
        (FieldKind::Enabled(_), _) => Err((at, format!("{name} is true or false; compare it with eq or ne."))),
        (FieldKind::Members(_), Asked::StartsWith(_)) => {
            Err((at, format!("{name} is a list; ask for a member with contains or eq.")))
        }
        (FieldKind::Text(field) | FieldKind::Members(field), Asked::Equal(value)) => {
            term(field, Test::Is(text(name, value)?))
        }
        (FieldKind::Text(field) | FieldKind::Members(field), Asked::Contains(value)) => {
            term(field, Test::Contains(text(name, value)?))
        }
        (FieldKind::Text(field), Asked::StartsWith(value)) => term(field, Test::StartsWith(text(name, value)?)),
    }
}

fn truth(name: &str, value: &Value) -> Result<bool, ProblemAt> {
    match &value.word {
        Word::Name(word) if word == "true" => Ok(true),
        Word::Name(word) if word == "false" => Ok(false),
        word => Err((value.at, refused(word, name, "true or false, without quotes"))),
    }
}

fn text(name: &str, value: &Value) -> Result<String, ProblemAt> {
    match &value.word {
        Word::Text(text) => Ok(text.clone()),
        word => Err((value.at, refused(word, name, "a text in single quotes"))),
    }
}

fn refused(word: &Word, name: &str, wanted: &str) -> String {
    match word {
        Word::Name(null) if null == "null" => {
            "nothing can be compared with null; an item that has no value for a field is in no list that is filtered by it.".to_owned()
        }
        word => format!("{name} is compared with {wanted}, not with {}.", word.shown()),
    }
}
