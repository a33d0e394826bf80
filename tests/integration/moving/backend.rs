//! From the backend: consents become accounts, and numbers that nobody has here are adopted.

use nmp::domain::{NumberSettings, Service, TeamsSettings};
use nmp::service::moving::{ImportKind, from_backend};
use nmp::service::numbers as of_numbers;
use nmp::service::orders::{self, ReleaseSelection};
use nmp::store::{Described, Observed};

use super::{dry_run, nothing_is_pushed, run, stored, told};
use crate::harness::database::texts;
use crate::harness::on_both_databases;
use crate::harness::world::{CONTOSO, FABRIKAM, World, account_form, grant, number, tenant};

on_both_databases![
    consents_become_accounts_and_numbers_are_adopted,
    a_dry_run_tells_what_the_run_does,
    numbers_in_quarantine_stay_where_they_are,
];

fn seen(text: &str, service: &str, usage: &str) -> Observed {
    let teams = TeamsSettings { usage: usage.to_owned(), ..TeamsSettings::default() };
    let services = Service::from_key(service).into_iter().collect();
    let settings =
        NumberSettings { services, teams, calling_profile: Some("profile-1".into()), ..NumberSettings::default() };
    let described = Described { service: service.to_owned(), settings, leaving: None };
    Observed { number: number(text), described, assigned: text.ends_with('1') }
}

/// A pull that reads the whole list.
async fn pull(world: &World, of: &str, list: &[Observed]) {
    let now = world.clock.now();
    let mut tx = world.db.begin().await.unwrap();
    let round = tx.begin_round("operator-connect", &tenant(of)).await.unwrap();
    tx.observe(round, list, now).await.unwrap();
    tx.end_round(round, now).await.unwrap();
    tx.commit().await.unwrap();
}

async fn consents_become_accounts_and_numbers_are_adopted(world: World) {
    const THIRD: &str = "8f2a6c04-3d71-4b9e-a5c8-60e1d7f3b288";
    world.consent(CONTOSO, "Contoso Ltd.", "active").await;
    world.consent(FABRIKAM, "Contoso Ltd", "active").await;
    world.consent(THIRD, "Gone", "removed").await;
    let report = {
        let mut import = dry_run(&world, ImportKind::Backend);
        from_backend(&mut import).await.unwrap();
        import.finish().await.unwrap()
    };
    assert_eq!(stored(&world).await, Vec::<String>::new(), "a dry run changes nothing");
    assert_eq!((report.counts.accounts.new, report.counts.accounts.left_out), (2, 1), "{}", told(&report));
    assert!(told(&report).contains("The consent of Gone is removed"), "{}", told(&report));

    let import = async || {
        let (mut import, _) = run(&world, ImportKind::Backend).await;
        from_backend(&mut import).await.unwrap();
        import.finish().await.unwrap()
    };
    import().await;
    assert_eq!(texts(&world.db, "SELECT name FROM accounts ORDER BY name").await, ["contoso-ltd", "contoso-ltd-2"]);
    // The accounts ask for the numbers of their tenants, and what is found there is adopted by the next import.
    let list = [
        seen("+441632960000", "operatorConnect", "CallingUserAssignment"),
        seen("+441632960001", "operatorConnect", "CallingUserAssignment"),
        seen("+441632960002", "teamsPhoneMobile", "CallingUserAssignment"),
        seen("+441632960003", "somethingNew", ""),
    ];
    let name = texts(&world.db, &format!("SELECT name FROM accounts WHERE tenant_id = '{CONTOSO}'")).await.remove(0);
    pull(&world, CONTOSO, &list).await;
    pull(&world, FABRIKAM, &[seen("+12125550123", "operatorConnect", "CallingUserAssignment")]).await;
    world.create(&account_form("second", FABRIKAM)).await;
    let report = import().await;
    assert_eq!(
        (report.counts.numbers.new, report.counts.numbers.left_out, report.counts.numbers.read),
        (2, 3, 5),
        "{}",
        told(&report)
    );
    assert_eq!(
        (report.counts.accounts.read, report.counts.accounts.here),
        (3, 2),
        "those of the consents with an account"
    );
    let text = told(&report);
    for said in ["Teams Phone Mobile is not enabled on account", "somethingNew", "The tenant has several accounts here"]
    {
        assert!(text.contains(said), "{said}: {text}");
    }
    let adopted = of_numbers::get(&world.ctx, &grant(), number("+441632960001")).await.unwrap();
    assert_eq!((&*adopted.account, adopted.assigned), (name.as_str(), true));
    assert_eq!(adopted.settings.calling_profile.as_deref(), Some("profile-1"), "as the backend has it");
    nothing_is_pushed(&world).await;
    let before = stored(&world).await;
    import().await;
    assert_eq!(stored(&world).await, before, "a second run changes nothing");
}

async fn a_dry_run_tells_what_the_run_does(world: World) {
    world.consent(CONTOSO, "Contoso", "active").await;
    let list = [
        seen("+441632960000", "operatorConnect", "CallingUserAssignment"),
        seen("+441632960001", "operatorConnect", "CallingUserAssignment"),
        seen("+441632960002", "teamsPhoneMobile", "CallingUserAssignment"),
    ];
    // The lists of consented tenants are pulled before there is any account.
    pull(&world, CONTOSO, &list).await;
    let told = async |mut import: nmp::service::moving::Import| {
        from_backend(&mut import).await.unwrap();
        let counts = import.finish().await.unwrap().counts;
        let [accounts, numbers] = [counts.accounts, counts.numbers];
        [accounts.new, accounts.left_out, numbers.read, numbers.new, numbers.left_out]
    };
    assert_eq!(told(dry_run(&world, ImportKind::Backend)).await, [1, 0, 3, 2, 1]);
    assert_eq!(told(run(&world, ImportKind::Backend).await.0).await, [1, 0, 3, 2, 1]);
}

async fn numbers_in_quarantine_stay_where_they_are(world: World) {
    world.consent(FABRIKAM, "Fabrikam", "active").await;
    world.create(&account_form("fabrikam", FABRIKAM)).await;
    world.local_account("contoso").await;
    world.upload("contoso", "+441632960000-0001").await;
    let numbers = ["+441632960000", "+441632960001"].map(number).to_vec();
    let release = ReleaseSelection::Numbers(None, numbers);
    let order = orders::stage_release(&world.ctx, &grant(), &release, None).await.unwrap();
    world.submit(order).await;
    let list = ["+441632960000", "+441632960002"].map(|text| seen(text, "operatorConnect", "CallingUserAssignment"));
    pull(&world, FABRIKAM, &list).await;
    let import = async || {
        let (mut import, _) = run(&world, ImportKind::Backend).await;
        from_backend(&mut import).await.unwrap();
        import.finish().await.unwrap()
    };
    let report = import().await;
    assert_eq!((report.counts.numbers.new, report.counts.numbers.left_out), (1, 1), "{}", told(&report));
    assert!(told(&report).contains("The number is in quarantine until"), "{}", told(&report));
    world.clock.advance(time::Duration::days(31));
    pull(&world, FABRIKAM, &list).await;
    assert_eq!(import().await.counts.numbers.new, 1, "then it is free");
}
