//! What a backend said about a resource, word for word.

use serde::{Deserialize, Serialize};

use super::{E164, Service};

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
    /// What other backends said of the same number.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub further: Vec<Self>,
}

impl ProvisioningError {
    /// An error that stands alone.
    pub fn new(code: impl Into<String>, message: impl Into<String>, target: Option<String>) -> Self {
        Self { code: code.into(), message: message.into(), target, further: Vec::new() }
    }

    /// The error without the number it is about, so that numbers that fail for one cause share it.
    #[must_use]
    pub fn without_number(&self, number: E164) -> Self {
        self.replaced(&number.as_i64().to_string(), NUMBER)
    }

    /// The error word for word, as it was said about this number.
    #[must_use]
    pub fn about(&self, number: E164) -> Self {
        self.replaced(NUMBER, &number.as_i64().to_string())
    }

    /// The error of this service: one that names no target is about the service.
    #[must_use]
    pub fn of(self, service: Service) -> Self {
        Self { target: self.target.or_else(|| Some(service.target().to_owned())), ..self }
    }

    /// Several errors as one; `None` when there is none.
    pub fn together(errors: impl IntoIterator<Item = Self>) -> Option<Self> {
        let mut errors = errors.into_iter();
        let first = errors.next()?;
        Some(Self { further: errors.collect(), ..first })
    }

    /// The error and those that stand with it, each alone.
    pub fn each(&self) -> impl Iterator<Item = &Self> {
        std::iter::once(self).chain(&self.further)
    }

    /// The codes of all errors that stand together.
    pub fn codes(&self) -> String {
        self.joined(", ", |error| &error.code)
    }

    /// What all of them are about.
    pub fn targets(&self) -> String {
        self.joined(", ", |error| error.target.as_deref().unwrap_or_default())
    }

    /// The words of all of them, one behind the other.
    pub fn messages(&self) -> String {
        self.joined(" ", |error| &error.message)
    }

    fn joined(&self, between: &str, part: impl Fn(&Self) -> &str) -> String {
        let parts: Vec<&str> = self.each().map(part).filter(|part| !part.is_empty()).collect();
        parts.join(between)
    }

    fn replaced(&self, from: &str, to: &str) -> Self {
        Self {
            message: self.message.replace(from, to),
            further: self.further.iter().map(|error| error.replaced(from, to)).collect(),
            ..self.clone()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_of_several_services_stand_together_and_keep_their_words() {
        let oc = ProvisioningError::new("Invalid", "+441632960007 is taken.", None).of(Service::OperatorConnect);
        let zoom = ProvisioningError::new("1000", "Not +441632960007.", Some("trunk".to_owned()));
        let zoom = zoom.of(Service::ZoomPhoneCloudPeering);
        let number = E164::parse_wire("+441632960007").unwrap();
        let both = ProvisioningError::together([oc.clone(), zoom.clone()]).unwrap();
        assert_eq!(both.without_number(number).about(number), both);
        assert_eq!(both.each().map(|error| error.target.as_deref()).collect::<Vec<_>>(), [Some("oc"), Some("trunk")]);
        assert_eq!((both.codes(), both.targets()), ("Invalid, 1000".to_owned(), "oc, trunk".to_owned()));
        assert_eq!(both.messages(), "+441632960007 is taken. Not +441632960007.");
        assert_eq!(ProvisioningError::together([zoom.clone()]), Some(zoom));
        assert_eq!(ProvisioningError::together([]), None);
    }

    #[test]
    fn numbers_that_fail_for_one_cause_share_the_error_and_keep_its_words() {
        let said = |number: &str| {
            let message = format!("The number +{number} ({number}) is not valid, see section 44.2.");
            ProvisioningError::new("InvalidTelephoneNumber", message, Some("oc".to_owned()))
        };
        let number = |text| E164::parse_wire(text).unwrap();
        let (one, other) = (said("441632960007"), said("441632960400"));
        assert_eq!(one.without_number(number("+441632960007")), other.without_number(number("+441632960400")));
        assert_eq!(one.without_number(number("+441632960007")).about(number("+441632960007")), one);
        assert_eq!(other.without_number(number("+441632960007")), other);
    }
}
