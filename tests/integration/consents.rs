//! Consents: pulled from the backend, with the operator's own relationship on them.

use nmp::domain::OPERATOR_CONNECT;
use nmp::domain::{ConsentStatus, SyncState};
use nmp::service::Error;
use nmp::service::consents::{self, RelationshipForm, RelationshipUpdated};
use nmp::store::{ConsentFilter, ConsentRow, Page, WorkKind};

use crate::harness::on_both_databases;
use crate::harness::world::{CONTOSO, FABRIKAM, World, grant, origin, tenant};

on_both_databases![
    a_pull_brings_and_changes_a_consent,
    a_pull_keeps_a_relationship_that_is_on_its_way,
    a_stale_form_is_told_with_both_versions,
    every_problem_of_the_form_is_told_at_once,
    only_the_last_change_counts_when_the_backend_answers,
    consents_are_found_by_every_filter,
];

async fn get(world: &World, id: &str) -> ConsentRow {
    consents::get(&world.ctx, &grant(), &tenant(id)).await.unwrap()
}

fn signed(version: i64) -> RelationshipForm {
    RelationshipForm { status: "AgreementSigned".into(), version, ..RelationshipForm::default() }
}

async fn update(world: &World, form: &RelationshipForm) -> Result<RelationshipUpdated, Error> {
    consents::update_relationship(&world.ctx, &grant(), &origin(), &tenant(CONTOSO), form).await
}

async fn a_pull_brings_and_changes_a_consent(world: World) {
    let mut consent = world.consent(CONTOSO, "Contoso Ltd", "active").await;
    assert_eq!(get(&world, CONTOSO).await.company, "Contoso Ltd");
    consent.status = ConsentStatus::Other("NotActive".into());
    consent.customer_relationship.status = "AgreementSigned".into();
    world.pull_consent(&consent).await;
    let row = get(&world, CONTOSO).await;
    assert_eq!(row.consent.status, ConsentStatus::Other("NotActive".into()));
    assert_eq!(row.consent.customer_relationship.status, "AgreementSigned");
    assert_eq!(row.sync_state, SyncState::Synced);
    let missing = consents::get(&world.ctx, &grant(), &tenant(FABRIKAM)).await;
    assert!(matches!(missing, Err(Error::NotFound("consent"))));
}

async fn a_pull_keeps_a_relationship_that_is_on_its_way(world: World) {
    let consent = world.consent(CONTOSO, "Contoso Ltd", "active").await;
    let rev = get(&world, CONTOSO).await.rev;
    assert!(matches!(update(&world, &signed(rev)).await, Ok(RelationshipUpdated::Done)));
    // The pull was on its way before the change and still says what was.
    world.pull_consent(&consent).await;
    let row = get(&world, CONTOSO).await;
    assert_eq!(row.consent.customer_relationship.status, "AgreementSigned");
    assert_eq!(row.sync_state, SyncState::Pending);
    let mut tx = world.db.begin().await.unwrap();
    let work = tx.work_row(WorkKind::Relationship.at(OPERATOR_CONNECT, CONTOSO), world.clock.now()).await.unwrap();
    assert!(work.is_some_and(|work| work.next_at.is_some()));
    tx.relationship_pushed(&tenant(CONTOSO), row.request_id.as_deref().unwrap()).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(get(&world, CONTOSO).await.sync_state, SyncState::Synced);
    // From now on the backend's word counts again.
    world.pull_consent(&consent).await;
    assert_eq!(get(&world, CONTOSO).await.consent.customer_relationship.status, "ConsentAcknowledged");
}

async fn a_stale_form_is_told_with_both_versions(world: World) {
    world.consent(CONTOSO, "Contoso Ltd", "active").await;
    let rev = get(&world, CONTOSO).await.rev;
    assert!(matches!(update(&world, &signed(rev)).await, Ok(RelationshipUpdated::Done)));
    let declined = RelationshipForm {
        status: "ConsentDeclined".into(),
        reason: "no credit".into(),
        version: rev,
        ..RelationshipForm::default()
    };
    let Ok(RelationshipUpdated::Stale(theirs)) = update(&world, &declined).await else { panic!("overwritten") };
    assert_eq!(theirs.consent.customer_relationship.status, "AgreementSigned");
    assert_eq!(theirs.changed_by.as_deref(), Some("Alex Admin"));
    assert_eq!(get(&world, CONTOSO).await.consent.customer_relationship.status, "AgreementSigned");
    assert_eq!(world.db.read().await.unwrap().last_audit_seq().await.unwrap(), 1, "what was not done is not audited");
}

async fn every_problem_of_the_form_is_told_at_once(world: World) {
    world.consent(CONTOSO, "Contoso Ltd", "active").await;
    let rev = get(&world, CONTOSO).await.rev;
    let fields = async |form: RelationshipForm| match update(&world, &RelationshipForm { version: rev, ..form }).await {
        Err(Error::Invalid(problems)) => problems.iter().map(|problem| problem.field).collect::<Vec<_>>(),
        other => panic!("not refused: {other:?}"),
    };
    let terminated = || RelationshipForm { status: "ContractTerminated".into(), ..RelationshipForm::default() };
    assert_eq!(fields(terminated()).await, ["reason"]);
    assert_eq!(
        fields(RelationshipForm { reason: "x".repeat(1_001), ticket: "x".repeat(65), ..RelationshipForm::default() })
            .await,
        ["status", "reason", "ticket"]
    );
    assert_eq!(fields(RelationshipForm { status: "Married".into(), ..RelationshipForm::default() }).await, ["status"]);
    let good = RelationshipForm { reason: "\u{e9}".repeat(1_000), version: rev, ..terminated() };
    assert!(matches!(update(&world, &good).await, Ok(RelationshipUpdated::Done)));
}

async fn only_the_last_change_counts_when_the_backend_answers(world: World) {
    world.consent(CONTOSO, "Contoso Ltd", "active").await;
    let rev = get(&world, CONTOSO).await.rev;
    update(&world, &signed(rev)).await.unwrap();
    let first = get(&world, CONTOSO).await;
    let declined = RelationshipForm {
        status: "ConsentDeclined".into(),
        reason: "no credit".into(),
        version: first.rev,
        ..RelationshipForm::default()
    };
    update(&world, &declined).await.unwrap();
    let error = nmp::domain::ProvisioningError::new("Conflict", "Word for word.", None);
    let mut tx = world.db.begin().await.unwrap();
    let error_id = tx.intern_error(&error).await.unwrap();
    tx.relationship_refused(&tenant(CONTOSO), first.request_id.as_deref().unwrap(), error_id).await.unwrap();
    tx.relationship_pushed(&tenant(CONTOSO), first.request_id.as_deref().unwrap()).await.unwrap();
    tx.commit().await.unwrap();
    let second = get(&world, CONTOSO).await;
    assert_eq!((second.sync_state, second.error.clone()), (SyncState::Pending, None));
    let mut tx = world.db.begin().await.unwrap();
    tx.relationship_refused(&tenant(CONTOSO), second.request_id.as_deref().unwrap(), error_id).await.unwrap();
    tx.commit().await.unwrap();
    let refused = get(&world, CONTOSO).await;
    assert_eq!((refused.sync_state, refused.error), (SyncState::Failed, Some(error)));
    // Trying again is a new request.
    let again = consents::retry_relationship(&world.ctx, &grant(), &origin(), &tenant(CONTOSO)).await.unwrap();
    assert!(matches!(again, RelationshipUpdated::Done));
    let retried = get(&world, CONTOSO).await;
    assert_eq!(retried.sync_state, SyncState::Pending);
    assert_ne!(retried.request_id, second.request_id);
    assert_eq!(retried.consent.customer_relationship.comment.as_deref(), Some("no credit"));
}

async fn consents_are_found_by_every_filter(world: World) {
    for index in 0..60 {
        let id = format!("00000000-0000-4000-8000-{index:012}");
        let status = if index % 3 == 0 { "suspended" } else { "active" };
        let mut consent = world.consent(&id, &format!("Company {index:02} 100%"), status).await;
        if index % 10 == 0 {
            consent.consented_countries = vec!["DE".into()];
            world.pull_consent(&consent).await;
        }
    }
    let list = async |filter: ConsentFilter| consents::list(&world.ctx, &grant(), &filter, &Page::First).await.unwrap();
    let text = |text: &str| ConsentFilter { text: Some(text.into()), ..ConsentFilter::default() };
    assert_eq!(list(ConsentFilter::default()).await.matching, 60);
    assert_eq!(list(text("COMPANY 07")).await.matching, 1);
    assert_eq!(list(text("100%")).await.matching, 60);
    assert_eq!(list(text("1%0")).await.matching, 0, "a percent sign stands for itself");
    assert_eq!(list(ConsentFilter { status: Some("suspended".into()), ..ConsentFilter::default() }).await.matching, 20);
    assert_eq!(list(ConsentFilter { country: Some("DE".into()), ..ConsentFilter::default() }).await.matching, 6);
    assert_eq!(list(ConsentFilter { country: Some("GB".into()), ..ConsentFilter::default() }).await.matching, 54);
    assert_eq!(consents::countries(&world.ctx, &grant()).await.unwrap(), ["DE", "GB", "US"]);
    let (mut page, mut seen) = (Page::First, Vec::new());
    loop {
        let found = consents::list(&world.ctx, &grant(), &ConsentFilter::default(), &page).await.unwrap();
        seen.extend(found.consents.iter().map(ConsentRow::key));
        if !found.more_after {
            break;
        }
        page = Page::After(seen.last().unwrap().clone());
    }
    let mut expected = seen.clone();
    expected.sort();
    expected.dedup();
    expected.reverse();
    assert_eq!(seen, expected);
    assert_eq!(seen.len(), 60);
    let counted: i64 = consents::counts(&world.ctx, &grant()).await.unwrap().iter().map(|count| count.count).sum();
    assert_eq!(counted, 60);
}
