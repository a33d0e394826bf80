//! Accounts: create, change, refuse, delete.

use nmp::domain::OPERATOR_CONNECT;
use nmp::domain::{AccountForm, OrderKind, OrderStatus, Service, ServiceSet};
use nmp::service::accounts::{self, Deleted, Updated};
use nmp::service::{Error, numbers};
use nmp::store::{AccountFilter, Page, WorkKind};

use crate::harness::on_both_databases;
use crate::harness::world::{CONTOSO, FABRIKAM, World, account_form, grant, number, origin, tenant};

on_both_databases![
    an_account_is_created_once,
    a_form_with_problems_stores_nothing,
    a_new_account_has_its_tenant_pulled,
    a_name_is_suggested_that_is_free,
    a_change_from_a_stale_form_is_told,
    a_service_in_use_cannot_be_disabled,
    the_tenant_of_numbers_cannot_change,
    an_account_without_numbers_is_deleted,
    an_account_with_numbers_is_not_deleted,
    an_account_goes_with_the_last_of_its_numbers,
    turning_sync_on_pushes_what_is_there,
    accounts_page_by_name_in_both_directions,
];

fn fields_of<T: std::fmt::Debug>(outcome: Result<T, Error>) -> Vec<&'static str> {
    match outcome {
        Err(Error::Invalid(problems)) => problems.iter().map(|problem| problem.field).collect(),
        other => panic!("not refused: {other:?}"),
    }
}

async fn an_account_is_created_once(world: World) {
    let account = world.account("contoso").await;
    assert_eq!((account.name.as_str(), account.rev, account.number_count), ("contoso", 1, 0));
    assert_eq!(account.tenant_id, Some(tenant(CONTOSO)));
    assert_eq!(account.pushed(world.ctx.policy.backends.provisioned()), Service::OperatorConnect.into());
    let again = accounts::create(&world.ctx, &grant(), &origin(), &account_form("contoso", FABRIKAM)).await;
    assert_eq!(fields_of(again), ["name"]);
    // Upper and lower case differ.
    world.account("Contoso").await;
    assert!(matches!(accounts::get(&world.ctx, &grant(), "CONTOSO").await, Err(Error::NotFound("account"))));
}

async fn a_form_with_problems_stores_nothing(world: World) {
    let form =
        AccountForm { name: "a b".into(), tenant_id: "x".into(), ticket: "t".repeat(65), ..AccountForm::default() };
    let refused = accounts::create(&world.ctx, &grant(), &origin(), &form).await;
    assert_eq!(fields_of(refused), ["name", "tenant", "service", "ticket"]);
    let all = accounts::list(&world.ctx, &grant(), &AccountFilter::default(), &Page::First).await.unwrap();
    assert!(all.accounts.is_empty());
    assert_eq!(world.db.read().await.unwrap().last_audit_seq().await.unwrap(), 0);
}

async fn a_new_account_has_its_tenant_pulled(world: World) {
    world.account("contoso").await;
    let mut tx = world.db.read().await.unwrap();
    for kind in [WorkKind::CivicAddresses, WorkKind::Numbers] {
        let row = tx.work_row(kind.at(OPERATOR_CONNECT, CONTOSO), world.clock.now()).await.unwrap().unwrap();
        assert_eq!(row.next_at, Some(world.clock.now()), "{kind:?}");
    }
}

async fn a_name_is_suggested_that_is_free(world: World) {
    world.consent(CONTOSO, "Contoso Ltd", "active").await;
    let suggested = async || accounts::suggestion(&world.ctx, &grant(), Some(&tenant(CONTOSO))).await.unwrap();
    assert_eq!(suggested().await.name, "contoso-ltd");
    assert_eq!(suggested().await.tenant_id, CONTOSO);
    world.account("contoso-ltd").await;
    world.account("contoso-ltd-2").await;
    assert_eq!(suggested().await.name, "contoso-ltd-3");
}

async fn a_change_from_a_stale_form_is_told(world: World) {
    world.account("contoso").await;
    let change =
        |correlation: &str| AccountForm { correlation_id: correlation.into(), ..account_form("contoso", CONTOSO) };
    let first = accounts::update(&world.ctx, &grant(), &origin(), "contoso", 1, &change("first")).await.unwrap();
    assert!(matches!(first, Updated::Done(account) if account.rev == 2));
    let second = accounts::update(&world.ctx, &grant(), &origin(), "contoso", 1, &change("second")).await.unwrap();
    let Updated::Stale(theirs) = second else { panic!("overwritten: {second:?}") };
    assert_eq!((theirs.rev, theirs.correlation_id.as_deref()), (2, Some("first")));
    assert_eq!(world.get("contoso").await.correlation_id.as_deref(), Some("first"));
}

async fn a_service_in_use_cannot_be_disabled(world: World) {
    let both = AccountForm { services: Service::ALL.into_iter().collect(), ..account_form("contoso", CONTOSO) };
    let account = world.create(&both).await;
    world.upload("contoso", "+441632960000-0004").await;
    let without = AccountForm { services: Service::TeamsPhoneMobile.into(), ..both.clone() };
    let refused = accounts::update(&world.ctx, &grant(), &origin(), "contoso", account.rev, &without).await;
    let Err(Error::Invalid(problems)) = refused else { panic!("not refused: {refused:?}") };
    assert_eq!(problems.len(), 1);
    assert_eq!(problems[0].field, "service");
    assert!(problems[0].message.contains("5 numbers"), "{}", problems[0].message);
    // The other service is not in use.
    let without = AccountForm { services: Service::OperatorConnect.into(), ..both };
    let changed = accounts::update(&world.ctx, &grant(), &origin(), "contoso", account.rev, &without).await.unwrap();
    assert!(matches!(changed, Updated::Done(_)));
}

async fn the_tenant_of_numbers_cannot_change(world: World) {
    let account = world.account("contoso").await;
    world.upload("contoso", "+441632960000").await;
    let moved = account_form("contoso", FABRIKAM);
    let refused = accounts::update(&world.ctx, &grant(), &origin(), "contoso", account.rev, &moved).await;
    assert_eq!(fields_of(refused), ["tenant"]);
    world.account("empty").await;
    let changed = accounts::update(&world.ctx, &grant(), &origin(), "empty", 1, &account_form("empty", FABRIKAM)).await;
    assert!(matches!(changed, Ok(Updated::Done(account)) if account.tenant_id == Some(tenant(FABRIKAM))));
}

async fn an_account_without_numbers_is_deleted(world: World) {
    let account = world.account("contoso").await;
    let deleted = accounts::delete(&world.ctx, &grant(), &origin(), "contoso", None).await.unwrap();
    assert_eq!(deleted, Deleted::Done);
    assert!(matches!(accounts::get(&world.ctx, &grant(), "contoso").await, Err(Error::NotFound(_))));
    // The name is free, and the new account is another one.
    assert_ne!(world.account("contoso").await.id, account.id);
    world.check_invariants().await;
}

async fn an_account_with_numbers_is_not_deleted(world: World) {
    world.account("contoso").await;
    world.upload("contoso", "+441632960000-0002").await;
    let refused = accounts::delete(&world.ctx, &grant(), &origin(), "contoso", None).await;
    let Err(Error::Conflict(said)) = refused else { panic!("not refused: {refused:?}") };
    assert!(said.contains("3 numbers"), "{said}");
    assert_eq!(world.get("contoso").await.number_count, 3);
    assert_eq!(world.stored().await.len(), 3);
}

async fn an_account_goes_with_the_last_of_its_numbers(world: World) {
    let account = world.account("contoso").await;
    world.upload("contoso", "+441632960000-0002").await;
    world.backend_answers(&account, OrderKind::Upload, |_| true).await;
    let deleted = accounts::delete(&world.ctx, &grant(), &origin(), "contoso", Some(&grant())).await.unwrap();
    let Deleted::Releasing(order) = deleted else { panic!("gone at once: {deleted:?}") };
    let going = world.get("contoso").await;
    assert!(going.deleting);
    // Nothing new is taken meanwhile.
    let refused = nmp::service::staging::stage_upload(
        &world.ctx,
        &grant(),
        &crate::harness::world::upload_form("contoso", "+441632960009"),
        None,
    )
    .await;
    assert_eq!(fields_of(refused), ["account"]);
    world.backend_answers(&going, OrderKind::Release, |_| true).await;
    assert_eq!(world.order(order).await.status, OrderStatus::Complete);
    assert_eq!(world.stored().await.len(), 0);
    world.check_invariants().await;
    let mut tx = world.db.begin().await.unwrap();
    assert!(tx.delete_empty_account(account.id, world.clock.now()).await.unwrap());
    tx.commit().await.unwrap();
}

async fn turning_sync_on_pushes_what_is_there(world: World) {
    let account = world.local_account("contoso").await;
    let order = world.upload("contoso", "+441632960000-0002").await;
    assert_eq!(world.order(order).await.status, OrderStatus::Complete);
    let on = account_form("contoso", CONTOSO);
    let changed = accounts::update(&world.ctx, &grant(), &origin(), "contoso", account.rev, &on).await.unwrap();
    assert!(matches!(changed, Updated::Done(_)));
    let number = numbers::get(&world.ctx, &grant(), number("+441632960001")).await.unwrap();
    assert_eq!((number.state, number.rev), (nmp::domain::SyncState::Pending, 2));
    let mut work = world.db.read().await.unwrap();
    assert!(
        work.work_row(WorkKind::Account.at(OPERATOR_CONNECT, &account.id.to_string()), world.clock.now())
            .await
            .unwrap()
            .is_some()
    );
    drop(work);
    world.backend_answers(&world.get("contoso").await, OrderKind::Upload, |_| true).await;
    world.check_invariants().await;
}

async fn accounts_page_by_name_in_both_directions(world: World) {
    let names: Vec<String> = (0..120).map(|index| format!("account-{index:03}")).collect();
    for name in &names {
        world.create(&AccountForm { synced: ServiceSet::default(), ..account_form(name, CONTOSO) }).await;
    }
    let filter = AccountFilter { tenant_id: Some(tenant(CONTOSO)), ..AccountFilter::default() };
    let (mut page, mut seen) = (Page::First, Vec::new());
    loop {
        let found = accounts::list(&world.ctx, &grant(), &filter, &page).await.unwrap();
        assert_eq!(found.more_before, !seen.is_empty());
        seen.extend(found.accounts.iter().map(|account| account.name.clone()));
        if !found.more_after {
            break;
        }
        page = Page::After(seen.last().unwrap().clone());
    }
    assert_eq!(seen, names);
    let back = accounts::list(&world.ctx, &grant(), &filter, &Page::Before(names[100].clone())).await.unwrap();
    let shown: Vec<_> = back.accounts.iter().map(|account| account.name.clone()).collect();
    assert_eq!(shown, names[50..100]);
    assert!(back.more_before && back.more_after);
    let filter = AccountFilter { text: Some("T-07".into()), ..AccountFilter::default() };
    let found = accounts::list(&world.ctx, &grant(), &filter, &Page::First).await.unwrap();
    assert_eq!(found.accounts.len(), 10, "text search knows no case");
}
