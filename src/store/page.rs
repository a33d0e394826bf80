//! Lists that page by key.

/// A cursor into a list that pages by key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Page<K> {
    /// The first rows.
    First,
    /// The rows behind this key.
    After(K),
    /// The rows before this key.
    Before(K),
}

/// Takes away the row that was read beyond the page and puts the rest into ascending order; tells whether there are rows
/// before and behind.
pub(super) fn trim<T, K>(rows: &mut Vec<T>, page: &Page<K>, size: usize) -> (bool, bool) {
    let beyond = rows.len() > size;
    rows.truncate(size);
    match page {
        Page::First => (false, beyond),
        Page::After(_) => (true, beyond),
        Page::Before(_) => {
            rows.reverse();
            (beyond, true)
        }
    }
}
