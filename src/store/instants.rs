//! How values are stored: instants as microseconds, because text instants compare wrongly on SQLite.

use time::OffsetDateTime;

/// An instant as microseconds since 1970, UTC.
pub fn micros(at: OffsetDateTime) -> i64 {
    i64::try_from(at.unix_timestamp_nanos() / 1_000).unwrap_or(i64::MAX)
}

/// The instant at these microseconds since 1970, UTC.
pub fn at(micros: i64) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(micros) * 1_000).unwrap_or(OffsetDateTime::UNIX_EPOCH)
}
