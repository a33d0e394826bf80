//! From a running service of the contract, which may be slow, cut off, or wrong.

use nmp::moving::live::{self, Ended};
use nmp::service::moving::{Import, ImportKind, Report};
use secrecy::SecretString;

use super::service::{PAGE, Service, Turn};
use super::{account, dry_run, nothing_is_pushed, number, run, stored, told};
use crate::harness::database::{numbers, texts};
use crate::harness::on_both_databases;
use crate::harness::world::{CONTOSO, World};

on_both_databases![
    a_service_is_taken_over_page_by_page,
    a_service_that_asks_to_wait_is_waited_for,
    a_token_that_expires_half_way_stops_and_a_new_one_goes_on,
    a_service_that_cannot_be_followed_is_left_with_what_was_read,
];

/// A service with accounts and numbers for several pages.
async fn service() -> Service {
    let accounts = (0..12).map(|n| account(&format!("customer-{n}"), CONTOSO)).collect();
    let of = |n: i32| format!("customer-{}", n % 12);
    Service::start(accounts, (0..35).map(|n| number(&of(n), &format!("+4416329600{n:02}"), "synced")).collect()).await
}

fn token(text: &str) -> impl Fn() -> Result<SecretString, String> + Send + Sync + use<> {
    let text = text.to_owned();
    move || Ok(text.clone().into())
}

async fn take_in(mut import: Import, service: &Service, from: Option<String>, text: &str) -> (Report, Ended) {
    let ended = live::take_in(&mut import, &service.contract(), &token(text), from).await.unwrap();
    let report = match &ended {
        Ended::Whole => import.finish().await.unwrap(),
        Ended::Stopped(reason) => import.stop(reason).await.unwrap(),
    };
    (report, ended)
}

/// Imports for good, from where the last one stopped.
async fn imported(world: &World, service: &Service, text: &str) -> (Report, Ended) {
    let (import, from) = run(world, ImportKind::Api).await;
    take_in(import, service, from, text).await
}

async fn a_service_is_taken_over_page_by_page(world: World) {
    let service = service().await;
    let (report, ended) = take_in(dry_run(&world, ImportKind::Api), &service, None, "good").await;
    assert_eq!((ended, report.problems.len()), (Ended::Whole, 0), "{}", told(&report));
    assert_eq!((report.counts.accounts.new, report.counts.numbers.new), (12, 35));
    assert_eq!(stored(&world).await, Vec::<String>::new(), "a dry run changes nothing");

    service.asked();
    let (report, _) = imported(&world, &service, "good").await;
    assert_eq!((report.counts.accounts.new, report.counts.numbers.new), (12, 35), "{}", told(&report));
    let asked = service.asked();
    assert_eq!(asked.len(), 12_usize.div_ceil(PAGE) + 35_usize.div_ceil(PAGE), "{asked:?}");
    assert!(asked[0].starts_with("/accounts?api-version=") && asked[0].ends_with("maxpagesize=500"), "{asked:?}");
    let before = stored(&world).await;
    nothing_is_pushed(&world).await;

    let (report, _) = imported(&world, &service, "good").await;
    assert_eq!((report.counts.accounts.here, report.counts.numbers.here), (12, 35), "{}", told(&report));
    assert_eq!(stored(&world).await, before, "a second run changes nothing");
    let audited = "SELECT action || ' ' || COUNT(*) FROM audit GROUP BY action ORDER BY action";
    assert_eq!(texts(&world.db, audited).await, ["account.create 12", "import.complete 2", "import.numbers 1"]);
}

async fn a_service_that_asks_to_wait_is_waited_for(world: World) {
    let service = service().await;
    let well = Turn::Well;
    service.turns(&[well, Turn::Status(429, Some(1)), well, Turn::Status(503, Some(0)), Turn::Half, well, Turn::Half]);
    let (report, ended) = imported(&world, &service, "good").await;
    assert_eq!(ended, Ended::Whole);
    assert_eq!((report.counts.accounts.new, report.counts.numbers.new), (12, 35), "{}", told(&report));
}

async fn a_token_that_expires_half_way_stops_and_a_new_one_goes_on(world: World) {
    let service = service().await;
    let well = Turn::Well;
    service.turns(&[well, well, well, well, Turn::Status(401, None)]);
    let (report, ended) = imported(&world, &service, "good").await;
    let Ended::Stopped(reason) = ended else { panic!("{}", told(&report)) };
    assert!(reason.contains("401") && reason.contains("new token"), "{reason}");
    assert_eq!(numbers(&world.db, "SELECT COUNT(*) FROM numbers").await, [20], "what went through is kept");
    assert_eq!(texts(&world.db, "SELECT status FROM imports").await, ["stopped"]);

    "fresh".clone_into(&mut service.script.lock().unwrap().token);
    service.asked();
    let (report, ended) = imported(&world, &service, "fresh").await;
    assert_eq!(ended, Ended::Whole, "{}", told(&report));
    assert_eq!(service.asked(), ["/numbers?skip=20", "/numbers?skip=30"], "it goes on where it stopped");
    assert_eq!((report.counts.numbers.read, report.counts.numbers.new), (35, 35), "counted over both");
    assert_eq!(texts(&world.db, "SELECT status FROM imports").await, ["complete"]);
    nothing_is_pushed(&world).await;

    // A process that was killed wrote nothing more, and is gone on with just the same.
    let (mut import, from) = run(&world, ImportKind::Api).await;
    assert_eq!(from, None, "what came to its end begins anew");
    service.turns(&[well, Turn::Status(403, None)]);
    let ended = live::take_in(&mut import, &service.contract(), &token("fresh"), None).await.unwrap();
    assert!(matches!(ended, Ended::Stopped(_)));
    drop(import);
    let (_, from) = run(&world, ImportKind::Api).await;
    assert_eq!(from, None, "nothing was written before the first page was");
}

async fn a_service_that_cannot_be_followed_is_left_with_what_was_read(world: World) {
    let service = service().await;
    let well = Turn::Well;
    for (turn, said) in [
        (Turn::Circle, "the list has no end"),
        (Turn::Elsewhere, "elsewhere.example"),
        (Turn::Status(400, None), "refused the request"),
        (Turn::Status(302, None), "refused the request"),
    ] {
        service.turns(&[well, well, turn]);
        let (_, ended) = take_in(dry_run(&world, ImportKind::Api), &service, None, "good").await;
        assert!(matches!(&ended, Ended::Stopped(reason) if reason.contains(said)), "{ended:?}");
    }
    service.turns(&[well, well, well, Turn::Half, Turn::Half, Turn::Half]);
    let (report, ended) = imported(&world, &service, "good").await;
    let Ended::Stopped(reason) = ended else { panic!("{}", told(&report)) };
    assert!(reason.contains("numbers page 2 cannot be read") && reason.contains("it was cut"), "{reason}");
    assert_eq!(numbers(&world.db, "SELECT COUNT(*) FROM accounts").await, [12]);
    // A service that has forgotten where it was is asked from the beginning.
    service.turns(&[Turn::Status(400, None)]);
    let (report, ended) = imported(&world, &service, "good").await;
    let numbers = report.counts.numbers;
    assert_eq!((ended, numbers.new, numbers.here), (Ended::Whole, 35, 10), "{}", told(&report));
}
