//! The audit chain: each row holds the hash of the one before it, so that a change in the middle shows.

use sha2::{Digest, Sha256};

/// The hash before the first row.
pub const GENESIS: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// What is hashed of one row, in this order.
#[derive(Clone, Copy, Debug)]
pub struct ChainLink<'a> {
    /// Position in the chain, from 1.
    pub seq: i64,
    /// Microseconds since 1970, UTC.
    pub at: i64,
    /// Every other column in the order of the table; an absent one is `None`.
    pub columns: &'a [Option<&'a str>],
    /// Hash of the row before.
    pub previous_hash: &'a str,
}

impl ChainLink<'_> {
    /// The row's hash: SHA-256 over every value with its length before it, so that no two rows read the same.
    pub fn hash(&self) -> String {
        let mut hasher = Sha256::new();
        hasher.update(self.previous_hash.as_bytes());
        hasher.update(self.seq.to_be_bytes());
        hasher.update(self.at.to_be_bytes());
        for column in self.columns {
            match column {
                None => hasher.update([0]),
                Some(text) => {
                    hasher.update([1]);
                    hasher.update((text.len() as u64).to_be_bytes());
                    hasher.update(text.as_bytes());
                }
            }
        }
        hasher.finalize().iter().fold(String::with_capacity(64), |mut hex, byte| {
            use std::fmt::Write as _;
            let _ = write!(hex, "{byte:02x}");
            hex
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moving_text_between_columns_changes_the_hash() {
        let link = |columns: &[Option<&str>]| ChainLink { seq: 1, at: 2, columns, previous_hash: GENESIS }.hash();
        let hashes = [
            link(&[Some("ab"), Some("c")]),
            link(&[Some("a"), Some("bc")]),
            link(&[Some("abc"), None]),
            link(&[None, Some("abc")]),
        ];
        for (i, a) in hashes.iter().enumerate() {
            assert_eq!(a.len(), 64);
            for b in hashes.iter().skip(i + 1) {
                assert_ne!(a, b);
            }
        }
    }
}
