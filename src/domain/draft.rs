//! Where a draft came from, so that its form can be taken up again, and whether its numbers go to another account.

use super::drift::DriftWay;
use super::order::OrderKind;

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

/// What an order does, as people call it: one word for it, wherever orders are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deed {
    /// New settings from a list or a file, for numbers that exist or do not.
    Upload,
    /// What was chosen changes on numbers that exist.
    Change,
    /// Numbers go to another account.
    Move,
    /// Numbers are given up.
    Release,
    /// What another order did is taken back.
    Undo,
    /// What a backend has becomes what is said here.
    Adopt,
    /// What is said here becomes what a backend has.
    Push,
}

impl Deed {
    /// Every deed, in the order of a list of choices.
    pub const ALL: [Self; 7] =
        [Self::Upload, Self::Change, Self::Move, Self::Release, Self::Undo, Self::Adopt, Self::Push];

    /// What an order of this making does.
    pub const fn of(kind: OrderKind, form_of: FormOf, moves: bool, way: Option<DriftWay>) -> Self {
        match (way, form_of, kind) {
            (Some(DriftWay::Adopt), ..) => Self::Adopt,
            (Some(DriftWay::Push), ..) => Self::Push,
            (_, FormOf::Undo, _) => Self::Undo,
            (..) if moves => Self::Move,
            (_, _, OrderKind::Release) => Self::Release,
            (_, FormOf::Manage, _) => Self::Change,
            (..) => Self::Upload,
        }
    }

    /// The name in addresses and exports.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Upload => "upload",
            Self::Change => "change",
            Self::Move => "move",
            Self::Release => "release",
            Self::Undo => "undo",
            Self::Adopt => "adopt",
            Self::Push => "push",
        }
    }

    /// The word people read.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Upload => "Upload",
            Self::Change => "Change",
            Self::Move => "Move",
            Self::Release => "Release",
            Self::Undo => "Undo",
            Self::Adopt => "Adopt",
            Self::Push => "Push",
        }
    }

    /// Doing it once more with a number, as a sentence ends.
    pub const fn again(self) -> &'static str {
        match self {
            Self::Upload => "upload it again",
            Self::Change => "change it again",
            Self::Move => "move it again",
            Self::Release => "release it again",
            Self::Undo => "undo the order again",
            Self::Adopt => "adopt it again",
            Self::Push => "push it again",
        }
    }

    /// Finds the deed of this name.
    pub fn from_key(key: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|deed| deed.key() == key)
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
