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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Sources;

    fn read_from(file: &str) -> (Quarantine, Vec<String>) {
        let mut reader = Reader::new(Sources { file: Some(file.to_owned()), ..Sources::default() });
        let quarantine = read(&mut reader);
        (quarantine, reader.finish().iter().map(ToString::to_string).collect())
    }

    #[test]
    fn the_default_is_the_rule_of_the_house_and_every_slip_is_told() {
        assert_eq!(read_from(""), (Quarantine::default(), Vec::new()));
        let off = "[quarantine]\ndays = 0\ndays_by_country = []\napi = \"off\"";
        let (off, problems) = read_from(off);
        assert!(off.is_off() && !off.binds_api && problems.is_empty(), "{off:?} {problems:?}");
        let slips = "[quarantine]\ndays = -1\ndays_by_country = [\"US=45\", \"us=30\"]\napi = \"maybe\"";
        let (_, problems) = read_from(slips);
        assert_eq!(problems.len(), 3, "{problems:?}");
        assert!(problems.iter().any(|problem| problem.contains("names US twice, with 45 and 30 days")), "{problems:?}");
        let (_, problems) = read_from("[quarantine]\ndays_by_country = [\"USA=45\"]");
        assert!(problems[0].contains("two letters of a country and its days, such as US=45"), "{problems:?}");
    }
}
