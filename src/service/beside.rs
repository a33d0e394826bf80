//! Work that would hold up the threads that answer requests.

use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tracing::Instrument as _;

use super::{Error, Result};

/// Does work that takes more than a few milliseconds of processor time on a thread of its own, where it also waits for the
/// database. It is given up when the caller goes away.
///
/// # Errors
/// When the process is being stopped.
pub async fn beside<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> Result<T> {
    let (present, gone) = oneshot::channel::<()>();
    let (runtime, span) = (Handle::current(), tracing::Span::current());
    let working = tokio::task::spawn_blocking(move || {
        let until_gone = async {
            tokio::select! {
                done = work => Some(done),
                _ = gone => None,
            }
        };
        runtime.block_on(until_gone.instrument(span))
    });
    let done = working.await;
    drop(present);
    match done {
        Ok(Some(done)) => Ok(done),
        Ok(None) => Err(STOPPED),
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_) => Err(STOPPED),
        },
    }
}

const STOPPED: Error = Error::Busy("The service is being stopped. Try again in a moment.");

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn work_is_done_on_another_thread() {
        let here = std::thread::current().id();
        assert_ne!(beside(async { std::thread::current().id() }).await.unwrap(), here);
    }

    #[tokio::test]
    async fn work_is_given_up_when_nobody_waits_for_it() {
        let held = Arc::new(());
        let (kept, (begun, has_begun)) = (held.clone(), oneshot::channel());
        let working = beside(async move {
            let _ = begun.send(());
            std::future::pending::<()>().await;
            drop(kept);
        });
        tokio::select! {
            _ = working => panic!("it never ends"),
            _ = has_begun => {}
        }
        // The caller is gone with the branch that lost.
        while Arc::strong_count(&held) > 1 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    #[tokio::test]
    #[should_panic(expected = "a fault of ours")]
    async fn a_panic_is_passed_on() {
        let _ = beside(async { panic!("a fault of ours") }).await;
    }
}
