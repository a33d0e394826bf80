//! Starting the roles of a process, and stopping them in order.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::api;
use crate::config::{Config, ProcessRole};
use crate::dns::{NameServer, Sockets, Updater};
use crate::domain::Backends;
use crate::domain::session::SessionPolicy;
use crate::http::identity_provider::Provider;
use crate::http::serve::{Listening, serve as serve_http};
use crate::http::sign_in::Login;
use crate::http::{ApiState, PortalState, Sessions, api_router, portal_router};
use crate::places::Limits;
use crate::portal;
use crate::service::access::SessionKeeper;
use crate::service::{self, Ctx, Policy, housekeeping};
use crate::sync::{Engine, Engines, SyncOptions, Workers};
use crate::telemetry;

use super::clock::ServerClock;
use super::failure::Failure;
use super::ready::Ready;
use super::stop::Signals;
use super::{backends, database, names, stop};

/// Time between two looks at what the database needs by itself.
const DATABASE_UPKEEP: Duration = Duration::from_secs(5);
/// Time between two rounds of upkeep on the metrics, and between two questions for the database's time.
const UPKEEP: Duration = Duration::from_secs(5);
/// Time between two rounds of clearing away what nobody needs any more.
const HOUSEKEEPING: Duration = Duration::from_mins(10);
/// Connections of the operations listener in all.
const OPERATIONS_CONNECTIONS: u32 = 64;
/// Connections of the operations listener from one address.
const OPERATIONS_CONNECTIONS_PER_ADDRESS: u32 = 32;

/// Open listeners, so that a port that is taken is found before anything else is done.
pub(super) struct Listeners {
    pub(super) portal: Option<TcpListener>,
    pub(super) api: Option<TcpListener>,
    pub(super) dns: Option<Sockets>,
    pub(super) operations: TcpListener,
}

/// Opens a listener; `what` says how to choose another address.
pub(super) async fn bind(address: SocketAddr, what: &str) -> Result<TcpListener, Failure> {
    TcpListener::bind(address).await.map_err(|error| {
        Failure::Line(format!("cannot listen on {address}: {error}; choose another address with {what}"))
    })
}

/// Returns the address a listener got.
pub(super) fn address(listener: &TcpListener) -> Result<SocketAddr, Failure> {
    listener.local_addr().map_err(|error| Failure::Line(format!("cannot listen: {error}")))
}

/// `nmp serve`
pub(super) async fn serve(config: Config) -> Result<(), Failure> {
    let logs = telemetry::start_logs(&config.log);
    let portal =
        if config.runs(ProcessRole::Portal) { Some(bind(config.portal.listen, "portal.listen").await?) } else { None };
    let api = if config.runs(ProcessRole::Api) { Some(bind(config.api.listen, "api.listen").await?) } else { None };
    let dns = names::bind(&config, "dns.listen").await?;
    let operations = bind(config.operations.listen, "operations.listen").await?;
    let running = Running::start(config, Listeners { portal, api, dns, operations }).await?;
    let signals = Signals::listen()?;
    tracing::info!(version = env!("CARGO_PKG_VERSION"), "ready");
    signals.asked_to_stop(&TaskTracker::new()).await;
    running.stop().await;
    logs.flush();
    Ok(())
}

/// A process with its roles at work.
pub(super) struct Running {
    database: database::Database,
    ctx: Ctx,
    /// Stops listeners and workers.
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl Running {
    /// Returns what its services work with.
    pub(super) const fn ctx(&self) -> &Ctx {
        &self.ctx
    }

    /// Opens the database and starts the roles of the configuration. The name server comes first and answers from the zone
    /// on disk; a process that is one waits for a database that is away.
    pub(super) async fn start(config: Config, listeners: Listeners) -> Result<Self, Failure> {
        // One recorder a process; a second start in the same process goes without.
        let metrics = telemetry::start_metrics().ok();
        let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
        let names = match (listeners.dns, names::options(&config)?) {
            (Some(sockets), Some(options)) => Some(NameServer::start(options, sockets, stop.clone(), &tasks).await),
            _ => None,
        };
        // Of a start that fails nothing goes on: what was begun before would keep the process.
        let failed = stop.clone().drop_guard();
        let ready = Ready::new(&config, stop.clone(), names.clone());
        let operations = ready.operations(metrics.clone());
        let listening = Listening {
            name: "operations",
            limits: Limits::new(OPERATIONS_CONNECTIONS, OPERATIONS_CONNECTIONS_PER_ADDRESS),
            stop: stop.clone(),
            tasks: tasks.clone(),
        };
        tasks.spawn(serve_http(listeners.operations, operations.router(), listening));
        let database = match &names {
            Some(_) => database::open_patiently(&config).await?,
            None => database::open(&config).await?,
        };
        let server_clock = ServerClock::of(&database.db)
            .await
            .map_err(|error| Failure::Line(format!("the database does not tell the time: {error}")))?;
        let clock = server_clock.as_ref().map_or_else(service::Clock::system, ServerClock::clock);
        let ctx = Ctx::new(database.db.clone(), clock, policy(&config));
        // Who only answers names does without, and starts however the database is.
        if [ProcessRole::Portal, ProcessRole::Api, ProcessRole::Sync].into_iter().any(|role| config.runs(role)) {
            service::quarantine::follow_configuration(&ctx)
                .await
                .map_err(|error| Failure::Line(format!("the time of the quarantine cannot be stored: {error}")))?;
        }
        let running = Self { database, ctx, stop, tasks };
        if let Some(clock) = server_clock {
            let db = running.database.db.clone();
            running.every(UPKEEP, move || {
                let (clock, db) = (clock.clone(), db.clone());
                async move { clock.correct(&db).await }
            });
        }
        let config = Arc::new(config);
        // One for both, so that its keys are fetched once.
        let provider = Provider::new(config.identity.issuer.clone())
            .map_err(|error| Failure::Line(format!("the identity provider cannot be asked: {error}")))?;
        if let Some(listener) = listeners.portal {
            running.start_portal(&config, provider.clone(), listener)?;
        }
        if let Some(listener) = listeners.api {
            let operations = api::routes().merge(api::description(&config.deployment()));
            let state = ApiState::new(running.ctx.clone(), Arc::clone(&config), provider);
            let api = &config.api;
            let limits = limits(api.max_connections, api.max_connections_per_address, &api.trusted_proxies);
            running.listen("api", listener, limits, api_router(operations, state));
        }
        let workers = if config.runs(ProcessRole::Sync) { running.start_sync(&config)? } else { None };
        if let Some(names) = names {
            names.follow(running.database.db.clone());
        }
        let updater = names::update_options(&config)?
            .map(|options| Updater::start(options, running.database.db.clone(), running.stop.clone(), &running.tasks));
        if let Some(handle) = metrics {
            running.every(UPKEEP, move || {
                handle.run_upkeep();
                std::future::ready(())
            });
        }
        let db = running.database.db.clone();
        running.every(DATABASE_UPKEEP, move || {
            let db = db.clone();
            async move { db.upkeep().await }
        });
        running.keep_house();
        running.look_for_damage();
        ready.started(running.database.db.clone(), workers, updater);
        failed.disarm();
        Ok(running)
    }

    fn start_portal(&self, config: &Arc<Config>, provider: Provider, listener: TcpListener) -> Result<(), Failure> {
        let state = portal_state(config, &self.ctx, provider, &self.tasks)?;
        let portal = &config.portal;
        let limits = limits(portal.max_connections, portal.max_connections_per_address, &portal.trusted_proxies);
        self.listen("portal", listener, limits, portal_router(portal::routes(), state));
        Ok(())
    }

    /// Starts a sync engine for each backend.
    fn start_sync(&self, config: &Config) -> Result<Option<Workers>, Failure> {
        let settings = &config.operator_connect;
        let options = SyncOptions {
            push_workers: settings.push_workers as usize,
            pull_workers: settings.pull_workers as usize,
            ..SyncOptions::default()
        };
        let backends = backends::connect(config)?;
        if backends.is_empty() {
            tracing::warn!("there is no backend: nothing is synced");
        }
        let engines = backends.into_iter().map(|backend| Engine::new(self.ctx.clone(), backend, options)).collect();
        Ok(Some(Engines::new(&self.ctx, engines).run(&self.stop, &self.tasks)))
    }

    fn listen(&self, name: &'static str, listener: TcpListener, limits: Limits, router: axum::Router) {
        let listening = Listening { name, limits, stop: self.stop.clone(), tasks: self.tasks.clone() };
        self.tasks.spawn(serve_http(listener, router, listening));
    }

    /// Runs something again and again until the stop.
    fn every<F: Future<Output = ()> + Send>(&self, pause: Duration, work: impl Fn() -> F + Send + 'static) {
        let stop = self.stop.clone();
        self.tasks.spawn(async move {
            while tokio::time::timeout(pause, stop.cancelled()).await.is_err() {
                work().await;
            }
        });
    }

    /// Clears away what nobody needs any more, now and again and again until the stop.
    fn keep_house(&self) {
        let (ctx, stop) = (self.ctx.clone(), self.stop.clone());
        self.tasks.spawn(async move {
            loop {
                match stop.run_until_cancelled(housekeeping::sweep(&ctx)).await {
                    Some(Ok(swept)) if swept != housekeeping::Swept::default() => {
                        let housekeeping::Swept { repeats, drafts, quarantine } = swept;
                        tracing::info!(repeats, drafts, quarantine, "cleared away what is too old");
                    }
                    Some(Err(error)) => {
                        tracing::warn!(
                            error = &error as &dyn std::error::Error,
                            "what is too old was not cleared away"
                        );
                    }
                    _ => {}
                }
                if tokio::time::timeout(HOUSEKEEPING, stop.cancelled()).await.is_ok() {
                    return;
                }
            }
        });
    }

    /// Looks through the file of the database, beside everything else: that may take minutes.
    fn look_for_damage(&self) {
        let (db, stop) = (self.database.db.clone(), self.stop.clone());
        self.tasks.spawn(async move {
            tokio::select! {
                () = stop.cancelled() => {}
                looked = db.look_for_damage() => if let Err(error) = looked {
                    tracing::warn!(%error, "the database file could not be looked through");
                },
            }
        });
    }

    /// Stops accepting, lets requests and workers finish, then closes the database.
    pub(super) async fn stop(self) {
        stop::finish("roles", &self.stop, &self.tasks).await;
        let _ = tokio::time::timeout(Duration::from_secs(1), self.database.db.close()).await;
        tracing::info!("stopped");
    }
}

/// Returns what the handlers of the portal share.
pub(super) fn portal_state(
    config: &Arc<Config>,
    ctx: &Ctx,
    provider: Provider,
    tasks: &TaskTracker,
) -> Result<PortalState, Failure> {
    let settings = &config.portal;
    let login = Login::new(config.identity.clone(), &settings.public_url, provider)
        .map_err(|error| Failure::Line(format!("sign-in cannot be set up: {error}")))?;
    let policy = SessionPolicy {
        idle: settings.session_idle,
        absolute: settings.session_absolute,
        recheck: config.identity.roles_recheck,
    };
    let secure = settings.public_url.scheme() == "https";
    let sessions = Sessions::new(SessionKeeper::new(ctx), policy, tasks.clone(), secure);
    Ok(PortalState::new(ctx.clone(), Arc::clone(config), sessions, login))
}

/// Returns what the services are told by the configuration.
pub(super) fn policy(config: &Config) -> Policy {
    Policy {
        max_numbers: config.uploads.max_numbers as usize,
        relationships: config.relationship_statuses.clone(),
        calling_profiles: config.operator_connect.calling_profiles.clone(),
        usual_capabilities: config.uploads.capabilities.clone(),
        default_calling_profile: config.operator_connect.default_calling_profile.clone(),
        zones: config.zones(),
        label_quarantine: time::Duration::days(i64::from(config.direct_routing.quarantine_days)),
        quarantine: config.quarantine.clone(),
        services: config.services.offered.iter().copied().collect(),
        sip_header: config.call_path.header_name.clone(),
        backends: Backends::new(config.backends().into_iter().map(|backend| backend.info.clone()).collect()),
        mass_change: config.mass_change,
        keep_drafts: Some(config.orders.keep_drafts)
            .filter(|days| *days > 0)
            .map(|days| time::Duration::days(i64::from(days))),
    }
}

/// Bounds the connections in all and from one address. Behind a proxy of ours are many people.
fn limits(most: u32, of_one: u32, proxies: &[IpAddr]) -> Limits {
    let proxies = proxies.to_vec();
    Limits { excepted: Arc::new(move |address| proxies.contains(&address)), ..Limits::new(most, of_one) }
}
