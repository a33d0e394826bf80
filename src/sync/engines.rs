//! The engines of one process: one for each backend.

use std::convert::Infallible;
use std::sync::Arc;

use tokio::task::AbortHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::{Engine, SLOW_POLL};
use crate::domain::field::counted;
use crate::service::Ctx;
use crate::store::{self, Lane};

/// The engines of one process.
#[derive(Debug)]
pub struct Engines {
    ctx: Ctx,
    engines: Arc<[Engine]>,
}

/// The tasks of running engines.
#[derive(Debug)]
pub struct Workers {
    tasks: Vec<AbortHandle>,
    engines: Arc<[Engine]>,
}

impl Engines {
    /// These engines, one for each backend; there may be none.
    #[must_use]
    pub fn new(ctx: &Ctx, engines: Vec<Engine>) -> Self {
        Self { ctx: ctx.clone(), engines: engines.into() }
    }

    /// Works until it is told to stop.
    pub fn run(self, stop: &CancellationToken, tasks: &TaskTracker) -> Workers {
        let running = self.engines.iter().flat_map(|engine| engine.start(stop, tasks)).collect();
        let (ctx, listening) = (self.ctx.clone(), stop.clone());
        tasks.spawn(async move {
            while let Some(Err(_)) = listening.run_until_cancelled(listen(&ctx)).await {
                let _ = listening.run_until_cancelled(tokio::time::sleep(SLOW_POLL)).await;
            }
        });
        let (ctx, settling) = (self.ctx.clone(), stop.clone());
        tasks.spawn(async move {
            while let Err(error) = settle(&ctx).await {
                tracing::warn!(%error, "relationships that no backend is told of were not settled; it is tried again");
                if settling.run_until_cancelled(tokio::time::sleep(SLOW_POLL)).await.is_none() {
                    return;
                }
            }
        });
        let (ctx, engines, woken) = (self.ctx, Arc::clone(&self.engines), stop.clone());
        tasks.spawn(async move {
            while woken.run_until_cancelled(ctx.wake.notified()).await.is_some() {
                engines.iter().for_each(Engine::wake);
            }
        });
        Workers { tasks: running, engines: self.engines }
    }
}

/// Wakes the engines when other processes say so; ends only with a failure of the database.
async fn listen(ctx: &Ctx) -> store::Result<Infallible> {
    let mut notices = ctx.db.notices().await?;
    loop {
        // At first for what was told while nobody listened.
        ctx.wake.notify_one();
        notices.next().await?;
    }
}

/// Settles the relationships that wait for a backend, where none is told of them any more.
async fn settle(ctx: &Ctx) -> store::Result<()> {
    if ctx.policy.backends.of_relationships().is_none() {
        let mut tx = ctx.db.begin().await?;
        tx.settle_relationships().await?;
        tx.commit().await?;
    }
    Ok(())
}

impl Workers {
    /// Whether all of them are at work or wait for some.
    #[must_use]
    pub fn are_running(&self) -> bool {
        !self.tasks.iter().any(AbortHandle::is_finished)
    }

    /// What is wrong with the backends, in sentences. It is no fault of this process.
    #[must_use]
    pub fn warnings(&self) -> Vec<String> {
        match &*self.engines {
            [engine] => engine.warnings(),
            engines => engines.iter().flat_map(named_warnings).collect(),
        }
    }
}

/// Of several backends each is named.
fn named_warnings(engine: &Engine) -> Vec<String> {
    let label = &engine.info().label;
    engine.warnings().into_iter().map(|warning| format!("{label}: {warning}")).collect()
}

impl Engine {
    fn warnings(&self) -> Vec<String> {
        let away = |(lane, what)| {
            let (since, reason) = self.backend.outage.away(lane)?;
            let seconds = counted(i64::try_from(since.as_secs()).unwrap_or(i64::MAX), "second", "seconds");
            Some(format!("{what}: no answer of the backend for {seconds}; {reason}."))
        };
        [(Lane::Pushes, "pushes"), (Lane::Pulls, "pulls")]
            .into_iter()
            .filter_map(away)
            .chain(self.shared.health.warnings())
            .collect()
    }
}
