//! One entry of the list `backends`.

use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use secrecy::SecretString;
use serde::{Deserialize, Deserializer, de};
use url::Url;

use super::{Backend, PARTS, offers};
use crate::config::reader::Reader;
use crate::domain::{BackendInfo, Service};

const DOC: &str = "\
Further backends of the documented protocol, such as `[{ name = \"mobile\", label = \"Mobile core\", \
services = [\"teamsPhoneMobile\"], base_url = \"https://…\", … }]`. Each has a `name` of its own (a to z, 0 to 9 and `-`; it never \
changes), a `label` that people read, its `services`, `base_url`, `token_url`, `client_id`, `client_secret` (or \
`client_secret_file`) and `scope`; with `offers` it has a directory too, as for `operator_connect.offers`, but none unless it is \
written. `batch_size`, `requests_per_second`, `pull_consents_minutes`, `pull_addresses_minutes`, `pull_numbers_minutes` and \
`job_timeout_minutes` are those of `operator_connect`. No two backends have the same service or offer the same, and none has \
two services that a number may have at once.";

/// An entry as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    name: String,
    label: Option<String>,
    services: Vec<Service>,
    #[serde(default)]
    offers: Vec<String>,
    base_url: Option<Url>,
    token_url: Option<Url>,
    #[serde(default)]
    client_id: String,
    #[serde(default, deserialize_with = "secret")]
    client_secret: Option<SecretString>,
    client_secret_file: Option<PathBuf>,
    #[serde(default)]
    scope: String,
    #[serde(default = "batch_size")]
    batch_size: u32,
    #[serde(default)]
    requests_per_second: u32,
    #[serde(default = "five")]
    pull_consents_minutes: u32,
    #[serde(default = "thirty")]
    pull_addresses_minutes: u32,
    #[serde(default = "fifteen")]
    pull_numbers_minutes: u32,
    #[serde(default = "six_hours")]
    job_timeout_minutes: u32,
}

const fn batch_size() -> u32 {
    1_000
}

const fn five() -> u32 {
    5
}

const fn fifteen() -> u32 {
    15
}

const fn thirty() -> u32 {
    30
}

const fn six_hours() -> u32 {
    360
}

/// A secret; what stands there is never repeated in a message.
fn secret<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<SecretString>, D::Error> {
    match toml::Value::deserialize(deserializer)? {
        toml::Value::String(text) if !text.is_empty() => Ok(Some(text.into())),
        _ => Err(de::Error::custom("client_secret must be a text that is not empty")),
    }
}

pub(super) fn read(r: &mut Reader) -> Vec<Backend> {
    let entries: Vec<Entry> = r.tables("backends", "[]", DOC);
    entries.into_iter().map(|entry| entry.read(r)).collect()
}

impl Entry {
    fn read(self, r: &mut Reader) -> Backend {
        let mut problem = |what: String| r.problem("backends", format!("{}: {what}", self.name));
        if let Some(unknown) = self.offers.iter().find(|part| !PARTS.contains(&part.as_str())) {
            problem(format!("offers holds \u{201c}{unknown}\u{201d}, which is not one of {}", PARTS.join(", ")));
        }
        let ranges = [
            ("batch_size", self.batch_size, 1, 10_000),
            ("requests_per_second", self.requests_per_second, 0, 100_000),
            ("pull_consents_minutes", self.pull_consents_minutes, 1, 10_080),
            ("pull_addresses_minutes", self.pull_addresses_minutes, 1, 10_080),
            ("pull_numbers_minutes", self.pull_numbers_minutes, 1, 10_080),
            ("job_timeout_minutes", self.job_timeout_minutes, 1, 10_080),
        ];
        for (key, value, least, most) in ranges {
            if !(least..=most).contains(&value) {
                problem(format!("{key} is {value}; write a whole number from {least} to {most}"));
            }
        }
        let client_secret = match &self.client_secret_file {
            None => self.client_secret,
            Some(path) => match std::fs::read_to_string(path) {
                Ok(text) => Some(text.trim_end_matches(['\r', '\n']).to_owned().into()),
                Err(error) => {
                    problem(format!("cannot read {}: {error}", path.display()));
                    None
                }
            },
        };
        let minutes = |minutes: u32| Duration::from_mins(u64::from(minutes));
        Backend {
            info: BackendInfo {
                label: self.label.unwrap_or_else(|| self.name.clone()),
                name: self.name,
                services: self.services.into_iter().collect(),
                offers: offers(&self.offers),
            },
            base_url: self.base_url,
            token_url: self.token_url,
            client_id: self.client_id,
            client_secret,
            scope: self.scope,
            batch_size: self.batch_size,
            requests_per_second: NonZeroU32::new(self.requests_per_second),
            pull_consents: minutes(self.pull_consents_minutes),
            pull_addresses: minutes(self.pull_addresses_minutes),
            pull_numbers: minutes(self.pull_numbers_minutes),
            job_timeout: minutes(self.job_timeout_minutes),
        }
    }
}
