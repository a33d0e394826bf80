//! Time and chance of the sandbox: it plays the outside world, so it has its own.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use time::OffsetDateTime;
use uuid::Uuid;

/// Returns the time now, without fractions of a second.
#[expect(clippy::disallowed_methods, reason = "the outside world has its own clock")]
pub(super) fn now() -> OffsetDateTime {
    let now = OffsetDateTime::now_utc();
    now.replace_nanosecond(0).unwrap_or(now)
}

/// Makes a new identifier.
#[expect(clippy::disallowed_methods, reason = "the outside world makes its own identifiers")]
pub(super) fn new_id() -> String {
    Uuid::new_v4().to_string()
}

/// Makes a new unguessable value of 256 bits.
pub(super) fn secret() -> String {
    URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>())
}

/// True once in a while: `rate` 0.0 never, 1.0 always.
pub(super) fn chance(rate: f64) -> bool {
    rate > 0.0 && rand::random::<f64>() < rate
}
