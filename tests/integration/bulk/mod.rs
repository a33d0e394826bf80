//! Many numbers at once: changed, released and moved as they are, and undone.

mod columns;
mod edit;
mod lists;
mod meanwhile;
mod moves;
mod pages;
mod refused;
mod undo;

use std::sync::Arc;

use nmp::domain::Number;
use nmp::domain::upload::Choices;
use nmp::service::bulk::{self, EditForm, Selection};
use nmp::service::orders::{self, Decision, OrderRight, Submitted};
use nmp::service::{Error, numbers};

use crate::harness::world::{World, grant, number, origin, person};
use nmp::authz::Role;

/// All numbers there are.
pub(crate) fn all() -> Selection {
    Selection::Matching(Box::default())
}

pub(crate) fn ticked(numbers: &[&str]) -> Selection {
    Selection::Numbers(None, numbers.iter().map(|text| number(text)).collect())
}

pub(crate) fn written(text: &str) -> Selection {
    Selection::Written { text: Arc::from(text), is_file: false, choices: Choices::default() }
}

pub(crate) async fn stage(world: &World, selection: &Selection, form: &EditForm) -> i64 {
    bulk::stage_edit(&world.ctx, &grant(), selection, form).await.unwrap()
}

pub(crate) async fn find(world: &World, text: &str) -> Option<Number> {
    match numbers::get(&world.ctx, &grant(), number(text)).await {
        Ok(found) => Some(found),
        Err(Error::NotFound(_)) => None,
        Err(error) => panic!("{error}"),
    }
}

pub(crate) async fn get(world: &World, text: &str) -> Number {
    find(world, text).await.unwrap_or_else(|| panic!("{text} is gone"))
}

/// Submits a draft of any kind, agreeing to everything but refused lines.
pub(crate) async fn submit(world: &World, order: i64) -> Submitted {
    let right = OrderRight::of_order(&person("Alex Admin", &[Role::AdminUser]), &world.order(order).await).unwrap();
    let decision = Decision { good_only: false, lose_address: true, change_assigned: true, seen: None };
    orders::submit(&world.ctx, &right, &origin(), order, decision).await.unwrap()
}

pub(crate) async fn done(world: &World, order: i64) {
    let submitted = submit(world, order).await;
    assert!(matches!(submitted, Submitted::Done), "{submitted:?}");
    world.check_invariants().await;
}
