//! Quarantine: a number that was released stays with whoever had it for a while.

use std::collections::BTreeMap;
use std::str::FromStr;

use time::macros::format_description;
use time::{Duration, OffsetDateTime, UtcOffset};

use super::country;

/// The longest quarantine, in days.
pub const MOST_DAYS: u32 = 3_650;

/// How long numbers stay in quarantine, and whether programs have to keep to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quarantine {
    /// Days for numbers of all countries that have no time of their own; 0: none.
    pub days: u32,
    /// Days for numbers of single countries, by their two letters.
    pub by_country: BTreeMap<String, u32>,
    /// Whether the Provisioning API refuses numbers in quarantine.
    pub binds_api: bool,
}

impl Default for Quarantine {
    fn default() -> Self {
        let by_country = ["CA", "US"].map(|country| (country.to_owned(), 45)).into();
        Self { days: 30, by_country, binds_api: true }
    }
}

impl Quarantine {
    /// The periods by country; that of all others has the empty name.
    pub fn periods(&self) -> impl Iterator<Item = (&str, Duration)> {
        let days = |days: u32| Duration::days(i64::from(days));
        let own = self.by_country.iter().map(move |(country, own)| (country.as_str(), days(*own)));
        std::iter::once(("", days(self.days))).chain(own)
    }

    /// Whether no number is ever in quarantine.
    pub fn is_off(&self) -> bool {
        self.periods().all(|(_, period)| period.is_zero())
    }

    /// The rule in words, such as "30 days; 45 days for CA and US".
    pub fn in_words(&self) -> String {
        let days = |days: u32| match days {
            0 => "none".to_owned(),
            1 => "1 day".to_owned(),
            more => format!("{more} days"),
        };
        let mut alike: BTreeMap<u32, Vec<&str>> = BTreeMap::new();
        for (country, own) in self.by_country.iter().filter(|(_, own)| **own != self.days) {
            alike.entry(*own).or_default().push(country);
        }
        let own = alike.iter().map(|(own, countries)| format!("{} for {}", days(*own), countries.join(" and ")));
        std::iter::once(days(self.days)).chain(own).collect::<Vec<_>>().join("; ")
    }
}

/// The days of one country, as configuration has them: `US=45`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CountryDays {
    /// Two letters.
    pub country: String,
    /// Days; 0: none.
    pub days: u32,
}

impl FromStr for CountryDays {
    type Err = ();
    fn from_str(text: &str) -> Result<Self, ()> {
        let (country, days) = text.split_once('=').ok_or(())?;
        let country = country::read_of_numbers(country).map_err(drop)?.to_owned();
        let days = days.trim().parse().ok().filter(|days| *days <= MOST_DAYS).ok_or(())?;
        Ok(Self { country, days })
    }
}

/// An instant as it stands in a sentence: "12 Mar 2026, 10:00 UTC".
pub fn instant(at: OffsetDateTime) -> String {
    let format = format_description!("[day padding:none] [month repr:short] [year], [hour]:[minute] UTC");
    at.to_offset(UtcOffset::UTC).format(format).unwrap_or_default()
}

/// The longest reason for letting numbers out of quarantine, in characters.
pub const REASON_MAX: usize = 500;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_of_a_country_are_two_letters_and_a_count() {
        for good in ["US=45", " us = 45 "] {
            assert_eq!(good.parse(), Ok(CountryDays { country: "US".to_owned(), days: 45 }), "{good}");
        }
        for bad in ["US", "USA=45", "US=-1", "US=3651", "=45", "US=", "U1=4", "ZZ=4", "US=4=5"] {
            assert_eq!(bad.parse::<CountryDays>(), Err(()), "{bad}");
        }
    }

    #[test]
    fn the_rule_reads_well() {
        assert_eq!(Quarantine::default().in_words(), "30 days; 45 days for CA and US");
        let off = Quarantine { days: 0, by_country: BTreeMap::new(), binds_api: true };
        assert!(off.is_off() && !Quarantine::default().is_off());
        let one = Quarantine { by_country: [("GB".to_owned(), 1)].into(), ..off.clone() };
        assert_eq!((off.in_words(), one.in_words()), ("none".to_owned(), "none; 1 day for GB".to_owned()));
    }
}
