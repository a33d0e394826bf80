//! A number on its way out of a backend.

/// How far a number is on its way out of its backend, by Microsoft's `acquiredNumberStatus`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Leaving {
    /// Somebody asked for its release.
    ReleaseRequested,
    /// It is to go, and the operator has yet to confirm it.
    MarkedForRemoval,
    /// The operator has confirmed it.
    ReadyForRemoval,
}

impl Leaving {
    const ALL: [Self; 3] = [Self::ReleaseRequested, Self::MarkedForRemoval, Self::ReadyForRemoval];

    /// The name in storage.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::ReleaseRequested => "release-requested",
            Self::MarkedForRemoval => "marked-for-removal",
            Self::ReadyForRemoval => "ready-for-removal",
        }
    }

    /// The words people read.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::ReleaseRequested => "release requested",
            Self::MarkedForRemoval => "marked for removal",
            Self::ReadyForRemoval => "ready for removal",
        }
    }

    /// Finds the one of this name.
    #[must_use]
    pub fn from_key(key: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|leaving| leaving.key() == key)
    }

    /// Reads what a backend says: `MarkedForRemoval`, or `Marked For Removal` as its portal spells it. A number of any other
    /// status stays.
    #[must_use]
    pub fn from_status(status: &str) -> Option<Self> {
        let letters = |text: &str| -> String {
            text.chars().filter(char::is_ascii_alphabetic).map(|letter| letter.to_ascii_lowercase()).collect()
        };
        let status = letters(status);
        Self::ALL.into_iter().find(|leaving| letters(leaving.key()) == status)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_spellings_are_read() {
        for leaving in Leaving::ALL {
            assert_eq!(Leaving::from_key(leaving.key()), Some(leaving));
        }
        let read = |status| Leaving::from_status(status).map(Leaving::label);
        assert_eq!(read("MarkedForRemoval"), Some("marked for removal"));
        assert_eq!(read("Ready For Removal"), Some("ready for removal"));
        assert_eq!(["Active", "", "Removed"].map(read), [None; 3]);
    }
}
