//! Section `quarantine`: how long a number that was released stays with whoever had it.

use std::collections::BTreeMap;

use super::reader::Reader;
use crate::domain::Quarantine;
use crate::domain::quarantine::{CountryDays, MOST_DAYS};

const BY_COUNTRY: &str = "quarantine.days_by_country";

pub(super) fn read(r: &mut Reader) -> Quarantine {
    let days = r.integer(
        "quarantine.days",
        30,
        0..=MOST_DAYS,
        "A number that was released goes to no other account for so many days, unless an administrator overrides it. 0: no \
         quarantine. A change counts for numbers that are in quarantine already.",
    );
    let own: Vec<CountryDays> = r.list(
        BY_COUNTRY,
        &["US=45", "CA=45"],
        "two letters of a country and its days, such as US=45",
        "The same for numbers of single countries.",
    );
    let mut by_country = BTreeMap::new();
    for CountryDays { country, days } in own {
        if let Some(other) = by_country.insert(country.clone(), days) {
            r.problem(BY_COUNTRY, format!("names {country} twice, with {other} and {days} days; write it once"));
        }
    }
    let binds_api = r.choice(
        "quarantine.api",
        &[("on", true), ("off", false)],
        "`on`: the Provisioning API answers 409 `NumberInQuarantine`, too. `off`: programs may give numbers to other \
         accounts at once.",
    );
    Quarantine { days, by_country, binds_api: binds_api.unwrap_or(true) }
}
