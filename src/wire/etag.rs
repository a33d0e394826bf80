//! Entity tags: which desired state, and which whole, a client has seen.
//!
//! A tag is `"<desired>.<whole>"`, two content hashes. A condition on a write compares the desired part only, so that what
//! a backend says meanwhile never makes a client's change fail; a condition on a read compares the whole.

use serde::Serialize;

use crate::domain::number::content_id_of;

/// A resource that has an entity tag.
pub trait Resource: Serialize {
    /// The hash of what can be set on the resource.
    fn desired(&self) -> i64;

    /// The resource as it is answered.
    fn written(&self) -> Written
    where
        Self: Sized,
    {
        let body = serde_json::to_string(self).unwrap_or_default();
        let etag = format!("\"{:016x}.{:016x}\"", self.desired(), content_id_of(body.as_bytes()));
        Written { etag, body }
    }

    /// The resource's entity tag, with its quotes.
    fn etag(&self) -> String
    where
        Self: Sized,
    {
        self.written().etag
    }
}

/// A resource that is written down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// Its entity tag, with its quotes.
    pub etag: String,
    /// Its JSON.
    pub body: String,
}
