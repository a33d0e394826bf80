//! What the numbering plans of the world say of a number: whether there can be such a one.
//!
//! Possible is less than assigned: a number of the right length is possible in its country, whoever has it.

use std::cell::RefCell;

use super::e164::E164;
use super::entry::{Plans, country_of_code};

/// Where a number would have to be, and cannot be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotPossible {
    /// The two letters of the country that has the number's country code; nothing where none has.
    pub country: Option<String>,
}

impl NotPossible {
    /// Says so by itself.
    #[must_use]
    pub fn label(&self) -> String {
        self.country.as_ref().map_or_else(
            || "Not possible in any numbering plan".to_owned(),
            |country| format!("Not possible in the numbering plan of {country}"),
        )
    }

    /// Says so of a number, as the end of a sentence.
    #[must_use]
    pub fn words(&self) -> String {
        self.country.as_ref().map_or_else(
            || "not possible in any numbering plan".to_owned(),
            |country| format!("not possible in the numbering plan of {country}"),
        )
    }
}

thread_local! {
    /// What the plans said of neighbours: programs send numbers in rows.
    static PLANS: RefCell<Plans> = RefCell::default();
}

/// Whether a numbering plan knows such numbers, written in just this way.
#[must_use]
pub fn possible(number: E164) -> bool {
    PLANS.with_borrow_mut(|plans| plans.takes(number))
}

/// Where a number cannot be; nothing when it can.
#[must_use]
pub fn doubt(number: E164) -> Option<NotPossible> {
    (!possible(number)).then(|| NotPossible { country: country_of_code(number) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn e164(text: &str) -> E164 {
        E164::parse_wire(text).unwrap()
    }

    #[test]
    fn numbers_that_people_have_are_possible() {
        for number in [
            "+441632960000",
            "+12065550100",
            "+18005550100",
            "+493023125000",
            "+390612345678",
            "+3545551234",
            "+80012345678",
            "+5511987654321",
        ] {
            assert!(possible(e164(number)), "{number}");
        }
    }

    #[test]
    fn numbers_that_no_plan_knows_are_not() {
        for (number, country) in [
            ("+4401632960313", Some("GB")),
            ("+4903023125000", Some("DE")),
            ("+120655501000109", Some("US")),
            ("+1206555013299", Some("US")),
            ("+441", Some("GB")),
            ("+4499", Some("GB")),
            ("+112", Some("US")),
            ("+999123456789", None),
            ("+20241105", Some("EG")),
        ] {
            let found = doubt(e164(number)).unwrap_or_else(|| panic!("{number}"));
            assert_eq!(found.country.as_deref(), country, "{number}");
        }
        assert_eq!(doubt(e164("+441")).unwrap().words(), "not possible in the numbering plan of GB");
        assert!(doubt(e164("+999123456789")).unwrap().words().ends_with("in any numbering plan"));
    }
}
