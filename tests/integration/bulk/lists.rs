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
    a_file_that_gives_a_number_to_another_account_is_refused,
    how_lines_were_read_is_said_and_proposals_are_taken_over,
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

async fn a_file_that_gives_a_number_to_another_account_is_refused(world: World) {
    world.local_account("contoso").await;
    world.local_account("contoso-2").await;
    world.upload("contoso", "+441632960000-0009").await;
    let file = "Number;Account\n+441632960000;contoso\n+441632960001;contoso-2\n+441632960002;\n+441632960003;nobody\n";
    let edit = EditForm { capability_change: ADD.into(), capability: vec!["Mobile".into()], ..EditForm::default() };
    let to = EditForm { to: "contoso-2".into(), ..EditForm::default() };
    let moved = bulk::stage_move(&world.ctx, &grant(), None, &written(file), &to).await.unwrap();
    for order in [release(&world, file).await, stage(&world, &written(file), &edit).await, moved] {
        let review = world.review(order).await;
        assert_eq!(review.counts.iter().map(|(_, count)| count).sum::<i64>(), 2, "{:?}", review.counts);
        let told: Vec<_> = review.problems.iter().map(|problem| (problem.line, problem.heading.as_deref())).collect();
        assert_eq!(told, [(3, Some("Account")), (5, Some("Account"))]);
        let reason = &review.problems[0].reason;
        assert!(reason.contains("to account contoso-2, and it is on account contoso"), "{reason}");
    }
    // What stands beside numbers without a heading may be the account as well.
    let order = release(&world, "+441632960000;fabrikam\n+441632960001;fabrikam").await;
    let review = world.review(order).await;
    assert_eq!((review.counts.len(), review.problems.len()), (0, 1), "{:?}", review.counts);
}

async fn how_lines_were_read_is_said_and_proposals_are_taken_over(world: World) {
    world.local_account("contoso").await;
    world.upload("contoso", "+441632960000-0009").await;
    let order = release(&world, "+441632960000-0002\n+44 (0)1632 960005").await;
    let review = world.review(order).await;
    assert_eq!((review.notes.0, review.notes.1[0].line), (1, 1), "{:?}", review.notes);
    assert!(review.notes.1[0].text.contains("3 numbers"), "{:?}", review.notes);
    assert!(review.can_be_mended);
    let admin = crate::harness::world::person("Alex Admin", &[nmp::authz::Role::AdminUser]);
    let all = nmp::service::staging::Mending::Kind(nmp::domain::entry::Kind::TrunkZero);
    let mended = bulk::mend(&world.ctx, &admin, order, all).await.unwrap();
    let review = world.review(mended).await;
    assert_eq!((review.counts.as_slice(), review.refused_count()), ([(Verdict::Release, 4)].as_slice(), 0));
    assert_eq!(bulk::form_of(&world.ctx, &grant(), mended).await.unwrap().numbers, "+441632960000-0002\n+441632960005");
    assert_eq!(world.order(order).await.status, nmp::domain::OrderStatus::Discarded);
}
