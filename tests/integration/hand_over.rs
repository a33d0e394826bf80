//! The hand-over of Direct Routing: which steps are done, who says so, and since when.

use nmp::domain::hand_over::{Step, next};
use nmp::domain::{Account, AccountForm, Service};
use nmp::service::audit::{self, AuditFilter};
use nmp::service::hand_over::AccountLabel;
use nmp::service::{Error, accounts, hand_over};
use nmp::store::Page;

use crate::harness::on_both_databases;
use crate::harness::world::{CONTOSO, World, account_form, direct_routing, grant, origin};

on_both_databases![
    steps_follow_from_the_data_and_from_ticks,
    a_day_that_is_none_or_to_come_is_refused,
    another_subdomain_begins_anew,
];

fn form(label: &str, tokens: [&str; 2]) -> AccountForm {
    let mut form = AccountForm { services: Service::DirectRouting.into(), ..account_form("contoso", CONTOSO) };
    form.direct_routing = direct_routing(label);
    form.direct_routing.tokens = tokens.map(str::to_owned);
    form
}

async fn done(world: &World, account: &Account) -> Vec<Step> {
    let steps = hand_over::steps(&world.ctx, &grant(), account).await.unwrap();
    steps.into_iter().filter(|step| step.done).map(|step| step.step).collect()
}

async fn tick(world: &World, label: &str, step: Step, on: &str) -> Result<(), Error> {
    hand_over::tick(&world.ctx, &grant(), &origin(), AccountLabel { account: "contoso", label }, step, on).await
}

async fn change(world: &World, form: &AccountForm) -> Account {
    let rev = world.get("contoso").await.rev;
    accounts::update(&world.ctx, &grant(), &origin(), "contoso", rev, form).await.unwrap();
    world.get("contoso").await
}

async fn steps_follow_from_the_data_and_from_ticks(world: World) {
    let account = world.create(&form("contoso", ["", ""])).await;
    assert_eq!(done(&world, &account).await, [Step::LabelChosen]);
    let steps = hand_over::steps(&world.ctx, &grant(), &account).await.unwrap();
    assert_eq!(next(&steps), Some(Step::NamesSent));
    tick(&world, "contoso", Step::NamesSent, "").await.unwrap();
    tick(&world, "contoso", Step::Verified, "2026-01-30").await.unwrap();
    let account = change(&world, &form("contoso", ["MS=1", "MS=2"])).await;
    assert_eq!(
        done(&world, &account).await,
        [Step::LabelChosen, Step::NamesSent, Step::TokensReceived, Step::Verified],
        "nobody has asked the name server yet"
    );
    let steps = hand_over::steps(&world.ctx, &grant(), &account).await.unwrap();
    let verified = steps[4].tick.clone().unwrap();
    assert_eq!((verified.on.to_string().as_str(), verified.by.as_str()), ("2026-01-30", "Alex Admin"));
    assert_eq!(verified.at, world.clock.now());
    assert_eq!(steps[1].tick.clone().unwrap().on, world.clock.now().date(), "today unless it is written");
    let contoso = AccountLabel { account: "contoso", label: "contoso" };
    hand_over::untick(&world.ctx, &grant(), &origin(), contoso, Step::Verified).await.unwrap();
    assert!(!done(&world, &account).await.contains(&Step::Verified));
    let filter = AuditFilter { action: Some("account.hand_over".to_owned()), ..AuditFilter::default() };
    let rows = audit::list(&world.ctx, &grant(), &filter, &Page::First).await.unwrap().rows;
    assert_eq!(rows.len(), 3);
    assert!(rows[0].before.as_deref().unwrap().contains("2026-01-30"), "{rows:?}");
    // Gone with the account, and with its name.
    accounts::delete(&world.ctx, &grant(), &origin(), "contoso", None).await.unwrap();
    let account = world.create(&form("contoso", ["", ""])).await;
    assert_eq!(done(&world, &account).await, [Step::LabelChosen]);
}

async fn a_day_that_is_none_or_to_come_is_refused(world: World) {
    world.create(&form("contoso", ["", ""])).await;
    for (step, on, words) in [
        (Step::Verified, "yesterday", "year, month and day"),
        (Step::Verified, "2026-02-30", "year, month and day"),
        (Step::Verified, "2026-02-03", "still to come"),
        (Step::RecordsServed, "", "follows from the data"),
    ] {
        let Err(Error::Invalid(problems)) = tick(&world, "contoso", step, on).await else { panic!("{on}") };
        assert!(problems.len() == 1 && problems[0].message.contains(words), "{on}: {problems:?}");
    }
    // It may be tomorrow already where the person is.
    tick(&world, "contoso", Step::Verified, "2026-02-02").await.unwrap();
}

async fn another_subdomain_begins_anew(world: World) {
    world.create(&form("contoso", ["", ""])).await;
    tick(&world, "contoso", Step::NamesSent, "").await.unwrap();
    let account = change(&world, &form("other", ["", ""])).await;
    assert_eq!(done(&world, &account).await, [Step::LabelChosen]);
    // Whoever still looks at the old page is told.
    let stale = tick(&world, "contoso", Step::NamesSent, "").await;
    assert!(
        matches!(&stale, Err(Error::Conflict(reason)) if reason.contains("no longer has the subdomain")),
        "{stale:?}"
    );
    let account = change(&world, &form("contoso", ["", ""])).await;
    assert_eq!(done(&world, &account).await, [Step::LabelChosen, Step::NamesSent]);
}
