//! Why a command failed, and what it says of it.

use crate::config::SettingProblem;

/// Why a command did not do what it was asked to.
#[derive(Debug)]
pub(super) enum Failure {
    /// Wrong configuration: every problem.
    Configuration(Vec<SettingProblem>),
    /// Anything else, in one line.
    Line(String),
}

impl From<Vec<SettingProblem>> for Failure {
    fn from(problems: Vec<SettingProblem>) -> Self {
        Self::Configuration(problems)
    }
}

impl Failure {
    pub(super) fn exit_code(&self) -> u8 {
        match self {
            Self::Configuration(_) => super::USAGE,
            Self::Line(_) => 1,
        }
    }

    pub(super) fn lines(&self) -> Vec<String> {
        match self {
            Self::Configuration(problems) => problems.iter().map(ToString::to_string).collect(),
            Self::Line(line) => vec![line.replace('\n', " ")],
        }
    }
}
