//! Undoing an order: what has to be done so that its numbers are as they were.

/// A part of an order that can be undone by an order of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum UndoPart {
    /// Numbers that were new are released.
    New,
    /// Numbers that changed get their former settings.
    Changed,
    /// Numbers that moved go back to the account before, with their former settings.
    Moved,
    /// Numbers that were released are uploaded as they were.
    Released,
}

impl UndoPart {
    /// Every part.
    pub const ALL: [Self; 4] = [Self::New, Self::Changed, Self::Moved, Self::Released];

    /// The name in storage and forms.
    pub const fn key(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Changed => "changed",
            Self::Moved => "moved",
            Self::Released => "released",
        }
    }

    /// Finds the part of this name.
    pub fn from_key(key: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|part| part.key() == key)
    }
}
