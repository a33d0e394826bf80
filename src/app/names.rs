//! The name server of Direct Routing: what the configuration says of it.

use std::sync::Arc;

use crate::config::{self, Config, KeyAlgorithm, ProcessRole};
use crate::dns::{Algorithm, EnumOptions, Exempt, Key, Options, Secondaries, Sockets, UpdateOptions};

use crate::domain::direct_routing::Layout;
use crate::places::Limits;

use super::clock::now;
use super::failure::Failure;

/// Opens the sockets of the name server, where this process is one.
pub(super) async fn bind(config: &Config, what: &str) -> Result<Option<Sockets>, Failure> {
    if !config.runs(ProcessRole::Dns) || config.layout().is_none() || config.dynamic_update.primary.is_some() {
        return Ok(None);
    }
    let address = config.dns.listen;
    let bound = Sockets::bind(address).await.map_err(|error| {
        Failure::Line(format!("cannot listen on {address}: {error}; choose another address with {what}"))
    })?;
    Ok(Some(bound))
}

/// Returns the options of the name server, where there is one.
pub(super) fn options(config: &Config) -> Result<Option<Options>, Failure> {
    let Some(layout) = config.layout() else { return Ok(None) };
    let dns = &config.dns;
    let addresses: Vec<_> = dns.secondaries.iter().map(|server| server.0).collect();
    let secondaries = match shared_key(&dns.transfer_key)? {
        Some(key) if !addresses.is_empty() => {
            Some(Secondaries { key, addresses: addresses.iter().map(|address| address.ip().to_canonical()).collect() })
        }
        _ => None,
    };
    let networks = dns.rate_exempt_networks.clone();
    let exempt: Exempt = Arc::new(move |address| networks.iter().any(|network| network.contains(address)));
    let known: Vec<_> = addresses.iter().map(|address| address.ip().to_canonical()).collect();
    let uncounted = Arc::clone(&exempt);
    let tcp_limits = Limits {
        excepted: Arc::new(move |address| known.contains(&address) || uncounted(address)),
        ..Limits::new(dns.max_tcp_connections, dns.max_tcp_connections_per_address)
    };
    Ok(Some(Options {
        layout,
        secondaries,
        notify: addresses,
        rate_per_second: dns.rate_per_second,
        exempt,
        tcp_limits,
        tcp_idle: dns.tcp_idle,
        kept: config.catalog_file(),
        check_every: dns.check_every,
        resolver: dns.resolver.map(|server| server.0),
        numbers: enum_options(config),
        clock: now(),
    }))
}

/// Returns how numbers are answered, where they are.
fn enum_options(config: &Config) -> Option<EnumOptions> {
    let (layout, numbers) = (config.layout()?, &config.dns.numbers);
    let networks = numbers.networks.clone();
    Some(EnumOptions {
        layout: Layout { base: numbers.zone.clone()?, regions: Vec::new(), ..layout },
        uris: config.enum_uris(),
        asked_by: Arc::new(move |address| networks.iter().any(|network| network.contains(address))),
        kept: config.catalog_file().map(|path| path.with_added_extension("enum")),
    })
}

/// Returns how the operator's own primary is told of names, where this process does that.
pub(super) fn update_options(config: &Config) -> Result<Option<UpdateOptions>, Failure> {
    let (Some(layout), Some(primary), true) =
        (config.layout(), config.dynamic_update.primary, config.runs(ProcessRole::Dns))
    else {
        return Ok(None);
    };
    let Some(key) = shared_key(&config.dynamic_update.key)? else { return Ok(None) };
    Ok(Some(UpdateOptions {
        zone: config.dynamic_update.zone.clone().unwrap_or_else(|| layout.base.clone()),
        layout,
        primary: primary.0,
        key,
        check_every: config.dns.check_every,
        resolver: config.dns.resolver.map(|server| server.0),
        clock: now(),
    }))
}

/// Returns the key that is shared with another server, where its name and secret are configured.
fn shared_key(key: &config::Key) -> Result<Option<Key>, Failure> {
    let (Some(name), Some(secret)) = (&key.name, key.bytes()) else { return Ok(None) };
    let algorithm = match key.algorithm {
        KeyAlgorithm::Sha256 => Algorithm::Sha256,
        KeyAlgorithm::Sha384 => Algorithm::Sha384,
        KeyAlgorithm::Sha512 => Algorithm::Sha512,
    };
    Key::new(name, algorithm, secret).map(Some).map_err(Failure::Line)
}
