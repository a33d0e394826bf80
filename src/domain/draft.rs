//! Where a draft came from, so that its form can be taken up again, and whether its numbers go to another account.

/// The form that a draft was made with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FormOf {
    /// New settings for a list or a file.
    #[default]
    Upload,
    /// Changes of what was chosen, on numbers that exist.
    Manage,
    /// Numbers to release.
    Release,
    /// Numbers that go to another account.
    Move,
    /// None: it undoes another order.
    Undo,
}

impl FormOf {
    const ALL: [Self; 5] = [Self::Upload, Self::Manage, Self::Release, Self::Move, Self::Undo];

    /// The name in storage.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Upload => "upload",
            Self::Manage => "manage",
            Self::Release => "release",
            Self::Move => "move",
            Self::Undo => "undo",
        }
    }

    /// Finds the form of this name.
    pub fn from_key(key: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|form| form.key() == key)
    }

    /// Whether the settings in the draft follow from those that each number had when it was staged.
    pub const fn follows_numbers(self) -> bool {
        matches!(self, Self::Manage | Self::Move)
    }
}

/// Where the numbers of an order go that moves them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moves {
    /// To another account of the same tenant: nothing is released, and no call is lost.
    WithinTenant,
    /// To an account of another tenant, or of none: each number is released first.
    ToOtherTenant,
}

impl Moves {
    /// The name in storage.
    pub const fn key(self) -> &'static str {
        match self {
            Self::WithinTenant => "account",
            Self::ToOtherTenant => "tenant",
        }
    }

    /// Finds the kind of this name.
    pub fn from_key(key: &str) -> Option<Self> {
        [Self::WithinTenant, Self::ToOtherTenant].into_iter().find(|moves| moves.key() == key)
    }
}
