//! Unguessable values.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// `N` random bytes. The generator is the system's; it cannot fail once the process runs.
pub(in crate::http) fn bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    rand::RngCore::fill_bytes(&mut rand::rng(), &mut bytes);
    bytes
}

/// Picks a number below this one; 0 when there is none.
pub(in crate::http) fn below(most: usize) -> usize {
    if most == 0 { 0 } else { rand::random_range(0..most) }
}

/// Returns 256 random bits as text, for cookies, states and nonces.
pub(in crate::http) fn token() -> String {
    URL_SAFE_NO_PAD.encode(bytes::<32>())
}

/// `N` random bytes in hexadecimal.
pub(in crate::http) fn hex<const N: usize>() -> String {
    let mut text = String::with_capacity(2 * N);
    for byte in bytes::<N>() {
        let _ = write!(text, "{byte:02x}");
    }
    text
}
