//! Entity tags: which desired state, and which whole, a client has seen.
//!
//! A tag is `"<desired>.<whole>"`, two content hashes. A condition on a write compares the desired part only, so that what
//! a backend says meanwhile never makes a client's change fail; a condition on a read compares the whole.

use serde::Serialize;

use crate::domain::number::content_id;

/// A resource that has an entity tag.
pub trait Resource: Serialize {
    /// The hash of what a client can set on the resource.
    fn desired(&self) -> i64;

    /// The resource's entity tag, with its quotes.
    fn etag(&self) -> String
    where
        Self: Sized,
    {
        etag(self, self.desired())
    }
}

/// The entity tag of a whole and of the hash of its desired part, with its quotes.
pub fn etag(whole: &impl Serialize, desired: i64) -> String {
    format!("\"{desired:016x}.{:016x}\"", content_id(whole))
}
