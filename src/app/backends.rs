//! The backends of the configuration, ready to be spoken to.

use super::clock::now;
use super::failure::Failure;
use crate::backend::{Backend, JobPace, OperatorConnect, OperatorConnectOptions, Properties, PullIntervals};
use crate::config::{self, Config};

/// Sets up a client for each backend; nothing is sent yet.
pub(super) fn connect(config: &Config) -> Result<Vec<Backend>, Failure> {
    config.backends().into_iter().filter_map(|settings| client(settings).transpose()).collect()
}

/// Nothing where the backend has no address.
fn client(settings: &config::Backend) -> Result<Option<Backend>, Failure> {
    let label = &settings.info.label;
    let Some(base_url) = settings.base_url.clone() else {
        tracing::warn!(backend = settings.info.name, "the backend has no base_url: nothing is synced with it");
        return Ok(None);
    };
    let options = OperatorConnectOptions {
        info: settings.info.clone(),
        base_url,
        token_url: settings.token_url.clone(),
        client_id: settings.client_id.clone(),
        client_secret: settings.client_secret.clone().unwrap_or_default(),
        scope: Some(settings.scope.clone()).filter(|scope| !scope.is_empty()),
        now: now(),
    };
    let client = OperatorConnect::new(options)
        .map_err(|error| Failure::Line(format!("the connection to {label} cannot be set up: {error}")))?;
    Ok(Some(client.into_backend(properties(settings))))
}

fn properties(settings: &config::Backend) -> Properties {
    Properties {
        batch_size: settings.batch_size,
        requests_per_second: settings.requests_per_second,
        jobs: JobPace { time_out: settings.job_timeout, ..JobPace::default() },
        pulls: PullIntervals {
            consents: settings.pull_consents,
            addresses: settings.pull_addresses,
            numbers: settings.pull_numbers,
        },
    }
}
