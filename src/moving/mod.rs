//! Reading what another system has, page by page and file by file, and handing it to an import.
//!
//! What is imported is decided in `service/moving`; here is how each kind of source is read: files ([`files`]) and another
//! service of the same contract ([`live`]). Memory is bounded by a page, a block of a file and a batch, however long a
//! source is.

pub mod files;
pub mod live;
mod reading;
