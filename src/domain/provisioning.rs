//! What a backend said about a resource, word for word.

use serde::{Deserialize, Serialize};

use super::E164;

/// Stands for the digits of the number that a stored message is about; Unicode leaves it to programs.
const NUMBER: &str = "\u{fdd0}";

/// One error of a backend, kept verbatim (decision: our own explanation stands beside it, never instead).
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ProvisioningError {
    /// The backend's stable code, such as `InvalidRequest`.
    pub code: String,
    /// The backend's own words.
    pub message: String,
    /// What the error is about, such as `oc`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
}

impl ProvisioningError {
    /// The error without the number it is about, so that numbers that fail for one cause share it.
    #[must_use]
    pub fn without_number(&self, number: E164) -> Self {
        Self { message: self.message.replace(&number.as_i64().to_string(), NUMBER), ..self.clone() }
    }

    /// The error word for word, as it was said about this number.
    #[must_use]
    pub fn about(&self, number: E164) -> Self {
        Self { message: self.message.replace(NUMBER, &number.as_i64().to_string()), ..self.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_that_fail_for_one_cause_share_the_error_and_keep_its_words() {
        let said = |number: &str| ProvisioningError {
            code: "InvalidTelephoneNumber".to_owned(),
            message: format!("The number +{number} ({number}) is not valid, see section 44.2."),
            target: Some("oc".to_owned()),
        };
        let number = |text| E164::parse_wire(text).unwrap();
        let (one, other) = (said("441632960007"), said("441632960400"));
        assert_eq!(one.without_number(number("+441632960007")), other.without_number(number("+441632960400")));
        assert_eq!(one.without_number(number("+441632960007")).about(number("+441632960007")), one);
        assert_eq!(other.without_number(number("+441632960007")), other);
    }
}
