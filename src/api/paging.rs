//! Pages of a list: what a client asks for, and the link to what comes next.
//!
//! A page ends with a key, and the next one starts behind it: what is added or removed meanwhile moves nothing. The link
//! holds the key, and how many items the client still wants, in a cursor; it is for the list and the filter it was made for.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use url::Url;

use super::query::Parameters;
use crate::domain::E164;
use crate::domain::filter::{self, Fields, Filter};
use crate::domain::number::content_id;
use crate::service::listing::{ListPart, Window};
use crate::wire::InputProblem;

/// Items on a page, unless the client says otherwise.
pub const PAGE_DEFAULT: u32 = 200;
/// The most items on a page.
pub const PAGE_MOST: u32 = 500;
/// The largest `top` and `skip`: both are 32-bit integers in the contract.
const LARGEST: u32 = i32::MAX as u32;
/// The parameters of a list besides `api-version`.
pub const LIST_PARAMETERS: [&str; 6] = ["top", "skip", "maxpagesize", "filter", "countRecords", "cursor"];

/// The key of a list, as text in a cursor.
pub trait Key: Sized + fmt::Display {
    /// Reads the key back.
    fn from_text(text: &str) -> Option<Self>;
}

impl Key for E164 {
    fn from_text(text: &str) -> Option<Self> {
        Self::parse_wire(text).ok()
    }
}

impl Key for String {
    fn from_text(text: &str) -> Option<Self> {
        Some(text.to_owned())
    }
}

/// What a client asks of a list with fields `F` and keys `K`.
#[derive(Clone, Debug)]
pub struct ListQuery<F, K> {
    /// Which items.
    pub filter: Filter<F>,
    /// Which of them now.
    pub window: Window<K>,
    /// Whether to say how many match in all.
    pub count_records: bool,
    /// How many items the client wants on this page and the following ones.
    left: Option<u32>,
    /// The list's path, as in the request.
    path: String,
    /// What the link to the next page keeps of the query.
    kept: Vec<(String, String)>,
}

/// Where the next page starts. It is opaque to clients.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Cursor {
    /// The last key of the page before.
    #[serde(rename = "k")]
    key: String,
    /// How many items are still wanted.
    #[serde(rename = "n")]
    left: Option<u32>,
    /// The content address of all this, the list and the filter.
    #[serde(rename = "c")]
    check: i64,
}

impl Cursor {
    fn new(key: String, left: Option<u32>, path: &str, filter: Option<&str>) -> Self {
        let check = content_id(&(path, filter, &key, left));
        Self { key, left, check }
    }

    fn encode(&self) -> String {
        URL_SAFE_NO_PAD.encode(serde_json::to_vec(self).unwrap_or_default())
    }

    /// Reads a cursor. `None` means that it is none of this list and filter.
    fn decode(text: &str, path: &str, filter: Option<&str>) -> Option<Self> {
        let cursor: Self = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).ok()?).ok()?;
        let expected = Self::new(cursor.key.clone(), cursor.left, path, filter);
        (cursor.check == expected.check).then_some(cursor)
    }
}

impl<F: Fields, K: Key> ListQuery<F, K> {
    /// Reads the query of the list at this path.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn read(path: &str, query: Option<&str>) -> Result<Self, Vec<InputProblem>> {
        let mut parameters = Parameters::read(query, &LIST_PARAMETERS);
        let top = parameters.number("top", &(1..=LARGEST));
        let skip = parameters.number("skip", &(0..=LARGEST));
        let size = parameters.number("maxpagesize", &(1..=PAGE_MOST)).unwrap_or(PAGE_DEFAULT);
        let count_records = parameters.truth("countRecords");
        let filter = match parameters.text("filter").map(filter::parse) {
            None => Filter::default(),
            Some(Ok(filter)) => filter,
            Some(Err(error)) => {
                parameters.refuse("invalid_filter", "filter", error.to_string());
                Filter::default()
            }
        };
        let (after, left) = match read_cursor::<K>(&mut parameters, path) {
            Some((key, left)) => (Some(key), left),
            None => (None, top),
        };
        let mut kept = parameters.finish()?;
        kept.retain(|(name, _)| !["top", "skip", "cursor"].contains(&name.as_str()));
        let window = Window { after, skip: skip.unwrap_or(0), limit: left.unwrap_or(LARGEST).min(size) };
        Ok(Self { filter, window, count_records, left, path: path.to_owned(), kept })
    }

    /// Makes the link to the page behind this one, when there is one and the client still wants it. `base` is the address at
    /// which clients know the API, `key` the key of an item.
    pub fn next_link<T>(&self, base: &Url, listed: &ListPart<T>, key: impl Fn(&T) -> K) -> Option<Url> {
        let shown = u32::try_from(listed.items.len()).unwrap_or(u32::MAX);
        let left = self.left.map(|left| left.saturating_sub(shown));
        let last = listed.items.last().filter(|_| listed.more && left != Some(0))?;
        let filter = self.kept.iter().find(|(name, _)| name == "filter").map(|(_, value)| value.as_str());
        let cursor = Cursor::new(key(last).to_string(), left, &self.path, filter).encode();
        let mut link = base.clone();
        link.set_path(&format!("{}{}", base.path().trim_end_matches('/'), self.path));
        link.set_query(None);
        link.query_pairs_mut().extend_pairs(&self.kept).append_pair("cursor", &cursor);
        Some(link)
    }
}

fn read_cursor<K: Key>(parameters: &mut Parameters, path: &str) -> Option<(K, Option<u32>)> {
    let text = parameters.text("cursor")?;
    let cursor = Cursor::decode(text, path, parameters.text("filter"));
    let read = cursor.and_then(|cursor| Some((K::from_text(&cursor.key)?, cursor.left)));
    if read.is_none() {
        parameters.refuse(
            "invalid_cursor",
            "cursor",
            "This cursor does not belong to this list and filter. Follow nextLink as it is, or start again without a cursor.",
        );
    }
    for name in ["top", "skip"] {
        if parameters.text(name).is_some() {
            let message = format!(
                "A cursor already says where to go on and how many are wanted; leave {name} out, and follow nextLink as it is."
            );
            parameters.refuse("invalid_query_parameter", name, message);
        }
    }
    read
}

#[cfg(test)]
mod tests;
