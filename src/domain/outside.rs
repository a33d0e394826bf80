//! What the backends hold of a number that an order writes, as a review compares it with the order.

/// What the backends hold of a number of a draft. Nothing is said where they do not hold it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Outside {
    /// The enterprise holds it there just so, and we did not know: it is adopted without a push.
    Equal,
    /// It is there as it was here, and the backend sees nothing of the change: there is nothing to push.
    Same,
    /// The enterprise holds it there otherwise than was known here.
    Different,
    /// It is there as it was here, and is to be changed.
    Expected,
    /// The backend could not be asked.
    Unknown,
}

impl Outside {
    /// Every value, in the order of display.
    pub const ALL: [Self; 5] = [Self::Equal, Self::Same, Self::Different, Self::Expected, Self::Unknown];

    /// The name in storage and addresses.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::Equal => "equal",
            Self::Same => "same",
            Self::Different => "different",
            Self::Expected => "expected",
            Self::Unknown => "unknown",
        }
    }

    /// Finds the value of this name.
    #[must_use]
    pub fn from_key(key: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|outside| outside.key() == key)
    }
}
