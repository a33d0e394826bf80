//! The overview: what there is, what waits and what needs a person.

use super::{Ctx, Result};
use crate::authz::{Grant, NumbersRead};
use crate::domain::{Order, SyncState};
use crate::store::{ConsentCount, DriftCount, DriftFilter, HeldAccounts, OrderFilter, Page};

/// Accounts that are named of those that wait for a person.
const HELD_SHOWN: i64 = 5;

/// What the first page shows.
#[derive(Clone, Debug)]
pub struct Overview {
    /// How many numbers there are.
    pub numbers: i64,
    /// How many of them are in each state other than synced.
    pub states: Vec<(SyncState, i64)>,
    /// Consents by status and relationship.
    pub consents: Vec<ConsentCount>,
    /// How many numbers drift, by kind.
    pub drift: Vec<DriftCount>,
    /// Accounts whose changes at a backend wait for a person to confirm them.
    pub held: HeldAccounts,
    /// The latest orders.
    pub orders: Vec<Order>,
}

impl Overview {
    /// How many numbers are in this state.
    pub fn in_state(&self, state: SyncState) -> i64 {
        let others: i64 = self.states.iter().map(|(_, count)| count).sum();
        if state == SyncState::Synced {
            return (self.numbers - others).max(0);
        }
        self.states.iter().find(|(other, _)| *other == state).map_or(0, |(_, count)| *count)
    }
}

/// What the first page shows.
///
/// # Errors
/// When the database fails.
pub async fn get(ctx: &Ctx, _: &Grant<NumbersRead>) -> Result<Overview> {
    let mut tx = ctx.db.read().await?;
    let (numbers, states) = tx.number_counts().await?;
    let consents = tx.consent_counts().await?;
    let orders = tx.orders_page(&OrderFilter::default(), Page::First, 8).await?.orders;
    let drift = tx.drift_counts(&DriftFilter::default(), ctx.clock.now()).await?;
    let held = tx.held_accounts(HELD_SHOWN).await?;
    Ok(Overview { numbers, states, consents, drift, held, orders })
}
