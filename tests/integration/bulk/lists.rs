//! Numbers by list, range or file: what nobody has is listed, all at once, and what was typed is kept.

use nmp::domain::{FormOf, OrderKind, Verdict};
use nmp::service::bulk::{self, ADD, EditForm};
use nmp::service::orders;

use super::{done, find, get, stage, written};
use crate::harness::on_both_databases;
use crate::harness::world::{World, grant};

on_both_databases![
    a_list_is_released_and_unknown_numbers_are_told,
    a_list_is_changed,
    what_was_typed_is_taken_up_again,
];

async fn release(world: &World, text: &str) -> i64 {
    let form = EditForm { numbers: text.to_owned(), ..EditForm::default() };
    bulk::stage_release(&world.ctx, &grant(), &written(text), &form).await.unwrap()
}

async fn a_list_is_released_and_unknown_numbers_are_told(world: World) {
    world.local_account("contoso").await;
    world.upload("contoso", "+441632960000-0009").await;
    let order = release(&world, "+441632960003\n+441632960005-0007, +441632960100\nnonsense").await;
    let review = world.review(order).await;
    assert_eq!((review.order.kind, review.order.form_of), (OrderKind::Release, FormOf::Release));
    assert_eq!(review.counts, [(Verdict::Release, 4)]);
    let mut told: Vec<_> = review.problems.iter().map(|problem| (problem.line, problem.value.as_str())).collect();
    told.sort_unstable();
    assert_eq!(told, [(2, "+441632960100"), (3, "nonsense")]);
    assert!(review.problems.iter().any(|problem| problem.reason.contains("No account has this number")));
    let order = release(&world, "+441632960003\n+441632960005-0007").await;
    done(&world, order).await;
    assert!(find(&world, "+441632960006").await.is_none());
    assert!(find(&world, "+441632960004").await.is_some());
    assert_eq!(world.get("contoso").await.number_count, 6);
}

async fn a_list_is_changed(world: World) {
    world.local_account("contoso").await;
    world.local_account("contoso-2").await;
    world.upload("contoso", "+441632960000-0009").await;
    world.upload("contoso-2", "+441632970000").await;
    let form = EditForm { capability_change: ADD.into(), capability: vec!["Mobile".into()], ..EditForm::default() };
    // A file of one column, or an export: the numbers count, and nothing else in it.
    let order = stage(&world, &written("Numbers\n+441632960001\n+441632970000"), &form).await;
    assert_eq!(world.review(order).await.counts, [(Verdict::Changed, 2)]);
    done(&world, order).await;
    assert_eq!(get(&world, "+441632970000").await.settings.teams.choosable_capabilities.len(), 3);
    assert_eq!(get(&world, "+441632960002").await.settings.teams.choosable_capabilities.len(), 2);
}

async fn what_was_typed_is_taken_up_again(world: World) {
    world.local_account("contoso").await;
    world.upload("contoso", "+441632960000-0009").await;
    let typed = EditForm {
        capability_change: ADD.into(),
        capability: vec!["Mobile".into()],
        ticket: "CHG-1".into(),
        numbers: "+441632960000 , +441632960007".into(),
        ..EditForm::default()
    };
    let order = stage(&world, &written(&typed.numbers), &typed).await;
    assert_eq!(bulk::form_of(&world.ctx, &grant(), order).await.unwrap(), typed);
    assert_eq!(world.order(order).await.ticket.as_deref(), Some("CHG-1"));
    // What was chosen in the list stands in the box as ranges.
    let listed = EditForm { numbers: String::new(), ..typed };
    let order = stage(&world, &super::all(), &listed).await;
    let form = bulk::form_of(&world.ctx, &grant(), order).await.unwrap();
    assert_eq!(form.numbers, "+441632960000-+441632960009");
    orders::discard(&world.ctx, &crate::harness::world::right(OrderKind::Upload), order).await.unwrap();
}
