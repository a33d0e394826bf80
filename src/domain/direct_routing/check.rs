//! What is known about the names of an account: whether they are answered as they should be, and who is asked for them.

use serde::{Deserialize, Serialize};

/// Whether the names of an account are answered as they should be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SubdomainStatus {
    /// They have not been answered rightly in every region yet.
    #[default]
    NotProvisioned,
    /// They are answered rightly in every region.
    Provisioned,
    /// Something else was answered.
    Inconsistent,
}

impl SubdomainStatus {
    /// Gives the text that stands for it in storage.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotProvisioned => "notProvisioned",
            Self::Provisioned => "provisioned",
            Self::Inconsistent => "inconsistent",
        }
    }

    /// Reads the text in storage. Anything unknown is not provisioned.
    #[must_use]
    pub fn stored(text: &str) -> Self {
        match text {
            "provisioned" => Self::Provisioned,
            "inconsistent" => Self::Inconsistent,
            _ => Self::NotProvisioned,
        }
    }

    /// What people read.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::NotProvisioned => "Not provisioned",
            Self::Provisioned => "Provisioned",
            Self::Inconsistent => "Inconsistent",
        }
    }

    /// Tells what a check makes of it: right everywhere is provisioned. A wrong token is inconsistent, and so is everything else
    /// once it had been right; before that it is not provisioned yet.
    #[must_use]
    pub fn after(self, served: &[Served]) -> Self {
        if !served.is_empty() && served.iter().all(|served| *served == Served::Right) {
            Self::Provisioned
        } else if self != Self::NotProvisioned || served.contains(&Served::Other) {
            Self::Inconsistent
        } else {
            Self::NotProvisioned
        }
    }
}

/// What was answered for a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Served {
    /// The token, and nothing beside it.
    Right,
    /// Another text.
    Other,
    /// The name exists and has no TXT record.
    Nothing,
    /// The name does not exist.
    NoName,
    /// The server refused or failed.
    Refused,
    /// No answer came.
    Silent,
}

impl Served {
    const WORDS: [(Self, &'static str); 6] = [
        (Self::Right, "right"),
        (Self::Other, "other"),
        (Self::Nothing, "nothing"),
        (Self::NoName, "no-name"),
        (Self::Refused, "refused"),
        (Self::Silent, "silent"),
    ];

    /// Writes the answers of all regions as they are stored.
    #[must_use]
    pub fn stored(all: &[Self]) -> String {
        let word = |served: &Self| Self::WORDS.iter().find(|(known, _)| known == served).map_or("", |(_, word)| word);
        all.iter().map(word).collect::<Vec<_>>().join(",")
    }

    /// Reads the answers as they are stored.
    #[must_use]
    pub fn read(text: &str) -> Vec<Self> {
        let known = |word: &str| Self::WORDS.iter().find(|(_, known)| *known == word).map(|(served, _)| *served);
        text.split(',').filter_map(known).collect()
    }

    /// Says what is wrong, as a sentence.
    #[must_use]
    pub fn difference(self) -> Option<&'static str> {
        match self {
            Self::Right => None,
            Self::Other => Some("The TXT record that is served is not the token."),
            Self::Nothing => Some("The name is served without a TXT record."),
            Self::NoName => Some("The name server does not know the name."),
            Self::Refused => Some("The name server refused to answer, or failed."),
            Self::Silent => Some("The name server did not answer."),
        }
    }
}

/// Who is asked for the base domain in public.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "camelCase")]
pub enum Delegation {
    /// There is no resolver to ask, or it has not been asked yet.
    #[default]
    NotChecked,
    /// All of our name servers are asked.
    Ours,
    /// Some of ours are missing, or others stand beside them.
    Partly {
        /// Those of ours that are not named.
        missing: Vec<String>,
        /// Those of others that are named.
        others: Vec<String>,
    },
    /// Other name servers are asked.
    Elsewhere {
        /// Their names.
        others: Vec<String>,
    },
    /// Nobody is asked: the domain is not delegated.
    Nobody,
    /// The resolver gave no usable answer.
    Failed {
        /// The reason, as a sentence.
        reason: String,
    },
}

impl Delegation {
    /// Compares the name servers that were seen with ours. Names in lower case, without the last dot.
    #[must_use]
    pub fn compare(ours: &[String], seen: &[String]) -> Self {
        let beyond = |these: &[String], those: &[String]| -> Vec<String> {
            these.iter().filter(|name| !those.contains(name)).cloned().collect()
        };
        let (missing, others) = (beyond(ours, seen), beyond(seen, ours));
        match (missing.len(), others.len()) {
            _ if seen.is_empty() => Self::Nobody,
            (0, 0) => Self::Ours,
            _ if missing.len() == ours.len() => Self::Elsewhere { others },
            _ => Self::Partly { missing, others },
        }
    }

    /// What people read.
    #[must_use]
    pub fn sentence(&self) -> String {
        let names = |names: &[String]| names.join(", ");
        match self {
            Self::NotChecked => "Not checked.".to_owned(),
            Self::Ours => "The base domain is delegated to our name servers.".to_owned(),
            Self::Partly { missing, others } => {
                let mut text = "The base domain is delegated to some of our name servers only.".to_owned();
                if !missing.is_empty() {
                    text = format!("{text} Missing: {}.", names(missing));
                }
                if !others.is_empty() {
                    text = format!("{text} Not ours: {}.", names(others));
                }
                text
            }
            Self::Elsewhere { others } => {
                format!("The base domain is delegated to other name servers: {}.", names(others))
            }
            Self::Nobody => "The base domain is not delegated to anybody.".to_owned(),
            Self::Failed { reason } => reason.clone(),
        }
    }
}
