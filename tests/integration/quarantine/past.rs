//! One number through time: who had it, from when to when, by which order and ticket.

use nmp::domain::{Holding, Since};
use nmp::service::{accounts, numbers};
use time::{Duration, OffsetDateTime};

use super::{delete, release, two_accounts};
use crate::harness::database::execute;
use crate::harness::on_both_databases;
use crate::harness::world::{CONTOSO, World, grant, number, upload_form};

on_both_databases![a_number_goes_from_one_to_the_other, a_number_that_was_there_before_us, a_draft_is_no_part_of_it,];

const NUMBER: &str = "+441632960000";

async fn past(world: &World) -> Vec<Holding> {
    numbers::holdings(&world.ctx, &grant(), number(NUMBER)).await.unwrap().iter().cloned().collect()
}

async fn upload(world: &World, account: &str, ticket: &str) -> (i64, OffsetDateTime) {
    let order = world
        .stage_form(&nmp::service::staging::UploadForm { ticket: ticket.to_owned(), ..upload_form(account, NUMBER) })
        .await;
    assert!(matches!(world.submit(order).await, nmp::service::orders::Submitted::Done));
    (order, world.clock.now())
}

async fn a_number_goes_from_one_to_the_other(world: World) {
    two_accounts(&world).await;
    world.consent(CONTOSO, "Contoso Ltd", "active").await;
    assert!(!numbers::is_known(&world.ctx, &grant(), number(NUMBER)).await.unwrap());
    let (first, taken) = upload(&world, "contoso", "T-1").await;
    world.clock.advance(Duration::days(10));
    let ended = release(&world, "contoso").await;
    let released = world.clock.now();
    world.clock.advance(Duration::days(40));
    let (second, again) = upload(&world, "fabrikam", "").await;

    let [now, before] = past(&world).await.try_into().unwrap();
    assert_eq!((now.holder.account.as_str(), now.holder.is_there, now.until), ("fabrikam", true, None));
    let Since::Order(event) = now.since else { panic!("{:?}", now.since) };
    assert_eq!((event.order_id, event.at, event.ticket), (second, again, None));
    let until = before.until.unwrap();
    assert_eq!((until.order_id, until.at, until.ticket.as_deref()), (ended, released, Some("T-9")));
    let Since::Order(event) = before.since else { panic!("{:?}", before.since) };
    assert_eq!((event.order_id, event.at, event.ticket.as_deref()), (first, taken, Some("T-1")));
    assert_eq!(before.holder.company.as_deref(), Some("Contoso Ltd"));

    // It is kept when the account goes, under the name that it had.
    delete(&world, "fabrikam").await;
    delete(&world, "contoso").await;
    let [last, first] = past(&world).await.try_into().unwrap();
    assert_eq!((last.holder.account.as_str(), last.holder.is_there), ("fabrikam", false));
    assert!(last.until.is_some());
    assert_eq!((first.holder.account.as_str(), first.holder.is_there), ("contoso", false));
    let history = numbers::history(&world.ctx, &grant(), number(NUMBER)).await.unwrap();
    let accounts: Vec<_> = history.iter().filter_map(|step| step.account.as_deref()).collect();
    assert_eq!(accounts, ["fabrikam", "fabrikam", "contoso", "contoso"]);
    assert!(numbers::is_known(&world.ctx, &grant(), number(NUMBER)).await.unwrap());
    assert!(accounts::get(&world.ctx, &grant(), "contoso").await.is_err());
}

async fn a_number_that_was_there_before_us(world: World) {
    two_accounts(&world).await;
    let (order, at) = upload(&world, "contoso", "").await;
    execute(&world.db, "UPDATE order_items SET verdict = 'changed'").await;
    let [now] = past(&world).await.try_into().unwrap();
    let Since::Before(event) = now.since else { panic!("{:?}", now.since) };
    assert_eq!((event.order_id, event.at), (order, at));
    execute(&world.db, "DELETE FROM order_items").await;
    let [now] = past(&world).await.try_into().unwrap();
    assert_eq!((now.holder.account.as_str(), now.since), ("contoso", Since::Unknown));
}

async fn a_draft_is_no_part_of_it(world: World) {
    two_accounts(&world).await;
    let draft = world.stage("contoso", NUMBER).await;
    assert!(!numbers::is_known(&world.ctx, &grant(), number(NUMBER)).await.unwrap());
    let right = crate::harness::world::right(nmp::domain::OrderKind::Upload);
    nmp::service::orders::discard(&world.ctx, &right, draft).await.unwrap();
    assert!(past(&world).await.is_empty());
}
