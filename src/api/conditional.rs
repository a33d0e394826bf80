//! Conditional requests (RFC 9110, section 13): read the headers, and tell whether a request is to be carried out.
//!
//! A resource's ETag is `"<desired>.<whole>"`. `If-Match` looks at the desired part alone, so that what a backend says
//! meanwhile never makes a client's change fail; `If-None-Match` looks at the whole, so that a client never misses it.
//! `If-Modified-Since` is checked for its form and else ignored: there is no date of the last change of the whole.

use axum::http::HeaderMap;
use time::OffsetDateTime;

use super::header::{date, invalid, lines};
use crate::wire::InputProblem;

/// The conditions of a request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Preconditions {
    matching: Option<Tags>,
    none_matching: Option<Tags>,
    unmodified_since: Option<OffsetDateTime>,
}

/// The tags of a condition.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Tags {
    /// `*`: whatever there is.
    Any,
    /// One of these.
    List(Vec<Tag>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Tag {
    weak: bool,
    text: String,
}

impl Tag {
    fn desired(&self) -> &str {
        self.text.split('.').next().unwrap_or_default()
    }
}

/// A resource that is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Current<'a> {
    /// Stands for the desired state: what a client can set.
    pub desired: &'a str,
    /// Stands for the whole, status included.
    pub whole: &'a str,
    /// When the desired state was last changed.
    pub changed_at: OffsetDateTime,
}

impl<'a> Current<'a> {
    /// The resource with this ETag, quoted or not.
    pub fn new(etag: &'a str, changed_at: OffsetDateTime) -> Self {
        let etag = etag.trim_matches('"');
        let (desired, whole) = etag.split_once('.').unwrap_or((etag, ""));
        Self { desired, whole, changed_at }
    }
}

/// What a request wants of its resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// The client wants to see it.
    Read,
    /// The client wants to create or change it.
    Write,
    /// The client wants it gone.
    Delete,
}

/// What the conditions say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Weighed {
    /// The request is carried out.
    Proceed,
    /// The client has it already (304).
    NotModified,
    /// The conditions do not hold (412), for this reason.
    Failed(String),
}

impl Preconditions {
    /// Reads the conditions of a request.
    ///
    /// # Errors
    /// Every header that cannot be read.
    pub fn read(headers: &HeaderMap) -> Result<Self, Vec<InputProblem>> {
        let mut problems = Vec::new();
        let mut tags = |name| read_tags(headers, name).map_err(|problem| problems.push(problem)).ok().flatten();
        let (matching, none_matching) = (tags("If-Match"), tags("If-None-Match"));
        let mut date = |name| date(headers, name).map_err(|problem| problems.push(problem)).ok().flatten();
        let (unmodified_since, _) = (date("If-Unmodified-Since"), date("If-Modified-Since"));
        if problems.is_empty() { Ok(Self { matching, none_matching, unmodified_since }) } else { Err(problems) }
    }

    /// Whether there are none, so that nobody need look at the resource.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Weighs the conditions against the resource as it is, in the order of RFC 9110, section 13.2.2. What is not there
    /// cannot be read and is gone already, whatever the conditions say.
    pub fn evaluate(&self, purpose: Purpose, current: Option<&Current<'_>>) -> Weighed {
        if current.is_none() && purpose != Purpose::Write {
            return Weighed::Proceed;
        }
        match (&self.matching, self.unmodified_since) {
            (Some(tags), _) => {
                if let Some(reason) = fails_match(tags, current) {
                    return Weighed::Failed(reason);
                }
            }
            (None, Some(date)) => {
                if let Some(reason) = changed_since(date, current) {
                    return Weighed::Failed(reason);
                }
            }
            (None, None) => {}
        }
        match (&self.none_matching, current) {
            (Some(tags), Some(current)) if has_whole(tags, current) => {
                if purpose == Purpose::Read {
                    return Weighed::NotModified;
                }
                Weighed::Failed(match tags {
                    Tags::Any => "The resource exists already, and If-None-Match: * asks that it does not. Leave \
                                  the header out to replace it."
                        .to_owned(),
                    Tags::List(_) => "The resource is one of those that If-None-Match names.".to_owned(),
                })
            }
            _ => Weighed::Proceed,
        }
    }
}

fn fails_match(tags: &Tags, current: Option<&Current<'_>>) -> Option<String> {
    let Some(current) = current else {
        return Some(
            "There is no such resource, and If-Match asks for one that exists. Leave the header out to create it."
                .to_owned(),
        );
    };
    match tags {
        Tags::Any => None,
        Tags::List(tags) if tags.iter().any(|tag| !tag.weak && tag.desired() == current.desired) => None,
        Tags::List(_) => Some(format!(
            "The resource was changed since you read it: its ETag is \"{}.{}\" now, which If-Match does not name. \
             Read it again and send your change with its new ETag.",
            current.desired, current.whole
        )),
    }
}

/// Dates of HTTP have whole seconds.
fn changed_since(date: OffsetDateTime, current: Option<&Current<'_>>) -> Option<String> {
    let Some(current) = current else {
        return Some(
            "There is no such resource, and If-Unmodified-Since asks for one that exists. Leave the header \
             out to create it."
                .to_owned(),
        );
    };
    let later = if date.nanosecond() == 0 {
        current.changed_at.unix_timestamp() > date.unix_timestamp()
    } else {
        current.changed_at > date
    };
    later.then(|| {
        "The resource was changed after the time of If-Unmodified-Since. Read it again before you change it.".to_owned()
    })
}

fn has_whole(tags: &Tags, current: &Current<'_>) -> bool {
    match tags {
        Tags::Any => true,
        Tags::List(tags) => tags
            .iter()
            .any(|tag| tag.text.split_once('.').unwrap_or((&tag.text, "")) == (current.desired, current.whole)),
    }
}

fn read_tags(headers: &HeaderMap, name: &str) -> Result<Option<Tags>, InputProblem> {
    let lines = lines(headers, name)?;
    if lines.is_empty() {
        return Ok(None);
    }
    let unreadable = |problem: &str| {
        invalid(
            name,
            format!(
                "The header {name} {problem}. Write * or ETags as they were sent, such as \"0123.4567\", with commas between them."
            ),
        )
    };
    let (mut any, mut tags) = (false, Vec::new());
    for line in lines {
        let mut rest = line.trim();
        if rest.is_empty() {
            return Err(unreadable("is empty"));
        }
        while !rest.is_empty() {
            let (element, behind) = element(rest).map_err(unreadable)?;
            match element {
                Element::Nothing => {}
                Element::Star => any = true,
                Element::Tag(tag) => tags.push(tag),
            }
            rest = behind;
        }
    }
    match (any, tags.is_empty()) {
        (true, true) => Ok(Some(Tags::Any)),
        (false, false) => Ok(Some(Tags::List(tags))),
        (true, false) => Err(unreadable("has both * and ETags")),
        (false, true) => Err(unreadable("has no ETag")),
    }
}

enum Element {
    /// Nothing between two commas, which is allowed.
    Nothing,
    Star,
    Tag(Tag),
}

/// Takes one element and its comma off a list. A tag without quotes is taken as if it had them.
fn element(list: &str) -> Result<(Element, &str), &'static str> {
    let (weak, opaque) = list.strip_prefix("W/").map_or((false, list), |rest| (true, rest));
    if let Some(quoted) = opaque.strip_prefix('"') {
        let (text, behind) = quoted.split_once('"').ok_or("has an ETag without its closing quote")?;
        if text.contains(|c: char| !c.is_ascii_graphic()) {
            return Err("has an ETag with a blank in it");
        }
        let behind = behind.trim_start();
        let next = behind.strip_prefix(',').or(behind.is_empty().then_some("")).ok_or("has no comma behind an ETag")?;
        return Ok((Element::Tag(Tag { weak, text: text.to_owned() }), next.trim_start()));
    }
    let (text, next) = opaque.split_once(',').unwrap_or((opaque, ""));
    let (text, next) = (text.trim(), next.trim_start());
    match text {
        "" if weak => Err("has a W/ without an ETag"),
        "" => Ok((Element::Nothing, next)),
        "*" if !weak => Ok((Element::Star, next)),
        _ if text.contains(|c: char| !c.is_ascii_graphic() || c == '"') => Err("cannot be read"),
        _ => Ok((Element::Tag(Tag { weak, text: text.to_owned() }), next)),
    }
}

#[cfg(test)]
mod tests;
