//! How a message repeats a value.

/// The most characters of a value that a message repeats.
const SHOWN: usize = 60;

/// Gives what a message repeats of a value: one line, not too long.
pub(super) fn shown(value: &str) -> String {
    let mut chars = value.chars();
    let mut text: String = chars.by_ref().take(SHOWN).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if chars.next().is_some() {
        text.push('\u{2026}');
    }
    text
}
