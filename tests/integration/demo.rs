//! `nmp demo` that is stopped, killed and started again.

use std::time::{Duration, Instant};

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::harness::program::{Demo, finished, free_port};
use crate::harness::visitor::Visitor;
use crate::harness::world::CONTOSO;
use crate::harness::{eventually, runtime};

/// Work of a process that was killed is taken over within 45 seconds.
const SOON: Duration = Duration::from_mins(1);

async fn ask(url: &str) -> Value {
    reqwest::Client::builder().build().unwrap().get(url).send().await.unwrap().json().await.unwrap()
}

/// What Operator Connect holds.
async fn world(demo: &Demo) -> Value {
    ask(&format!("{}/_state", demo.operator_connect)).await["tenants"].clone()
}

/// Uploads the numbers up to the point where they are on their way; gives the page of the order.
async fn upload(visitor: &mut Visitor, numbers: &str) -> String {
    let fields = [
        ("account", "contoso"),
        ("service", "operatorConnect"),
        ("usage", "CallingUserAssignment"),
        ("capability", "InboundCalling"),
        ("allow_tenant_address_update", "true"),
        ("country", "GB"),
        ("numbers", numbers),
    ];
    let review = visitor.upload("/numbers/upload", &fields, None).await.unwrap();
    let review = review.location.unwrap_or_else(|| panic!("no review, but {}", review.text));
    let order = review.strip_suffix("/review").unwrap().to_owned();
    let shown = visitor.get(&review).await.text;
    let shown = value_of(&shown, "shown");
    let submitted = visitor.post(&format!("{order}/submit"), &[("shown", &shown)]).await;
    assert_eq!((submitted.status, submitted.url.path()), (StatusCode::OK, order.as_str()), "{}", submitted.text);
    order
}

/// The value of a hidden field.
fn value_of(html: &str, name: &str) -> String {
    let input = scraper::Selector::parse(&format!("input[name={name}]")).unwrap();
    let html = scraper::Html::parse_document(html);
    html.select(&input).next().and_then(|input| input.attr("value")).unwrap().to_owned()
}

/// Waits until Operator Connect holds the numbers, each changed once only.
async fn held(demo: &Demo, numbers: &[&str]) {
    eventually("the numbers are there", SOON, async || {
        let held = world(demo).await[CONTOSO]["numbers"].clone();
        numbers.iter().all(|number| held[number]["changes"] == 1).then_some(())
    })
    .await;
}

#[test]
fn a_demo_goes_on_where_it_was_stopped_or_killed() {
    runtime().block_on(async {
        let mut demo = Demo::start();
        let ok = json!({ "ok": true });
        let all = json!({ "api": ok, "database": ok, "dns": ok, "migrations": ok, "portal": ok, "sync": ok });
        eventually("all of it is ready", SOON, async || {
            (ask(&format!("{}/readyz", demo.operations)).await["checks"] == all).then_some(())
        })
        .await;

        let mut writer = Visitor::sign_in(&demo.portal, "writer").await;
        let consent = format!("/consents/{CONTOSO}");
        let page = eventually("the consents are pulled", SOON, async || {
            Some(writer.get(&consent).await).filter(|page| page.status == StatusCode::OK)
        })
        .await;
        let version = value_of(&page.text, "version");
        let form = [("status", "AgreementSigned"), ("version", version.as_str())];
        let updated = writer.post(&format!("{consent}/relationship"), &form).await;
        assert_eq!(updated.status, StatusCode::OK, "{}", updated.text);
        let account =
            [("name", "contoso"), ("tenant", CONTOSO), ("service", "operatorConnect"), ("sync", "operatorConnect")];
        let account = writer.post("/accounts/new", &account).await;
        assert_eq!((account.status, account.url.path()), (StatusCode::OK, "/accounts/contoso"), "{}", account.text);
        upload(&mut writer, "+441632960000-0009").await;
        held(&demo, &["+441632960000", "+441632960009"]).await;
        eventually("the relationship is there", SOON, async || {
            let status = &world(&demo).await[CONTOSO]["consent"]["customerRelationship"]["status"];
            (status == "AgreementSigned").then_some(())
        })
        .await;
        let before = world(&demo).await;

        let asked = Instant::now();
        let status = demo.stop();
        assert!(status.success() && asked.elapsed() < Duration::from_secs(10), "{status} {:?}", asked.elapsed());
        demo.start_again();
        assert_eq!(world(&demo).await, before);
        let page = writer.get(&consent).await;
        assert_eq!((page.status, page.url.path()), (StatusCode::OK, consent.as_str()), "still signed in");
        assert!(page.text.contains("Agreement signed"));

        // Killed while the numbers are on their way.
        let order = upload(&mut writer, "+441632960010-0019").await;
        demo.kill();
        demo.start_again();
        held(&demo, &["+441632960000", "+441632960009", "+441632960010", "+441632960019"]).await;
        eventually("the order is done", SOON, async || {
            let page = writer.get(&order).await;
            assert_eq!((page.status, page.url.path()), (StatusCode::OK, order.as_str()), "still signed in");
            page.text.contains("Complete").then_some(())
        })
        .await;

        // Killed when all is done: nothing that was answered is lost.
        let before = world(&demo).await;
        demo.kill();
        demo.start_again();
        assert_eq!(world(&demo).await, before);
        let numbers = writer.get("/numbers?account=contoso&status=synced&q=%2B441632960019").await;
        assert!(numbers.text.contains("/numbers/+441632960019"), "{}", numbers.text);
    });
}

#[test]
fn a_second_demo_on_the_same_folder_is_refused() {
    let demo = Demo::start();
    let elsewhere = [(); 5].map(|()| free_port());
    for mut command in [demo.same_command(), demo.command(elsewhere)] {
        let second = finished(&mut command);
        let said = String::from_utf8(second.stderr).unwrap();
        assert_eq!(second.status.code(), Some(1), "{said}");
        assert!(said.contains(demo.folder.path().to_str().unwrap()) && said.contains("--data-dir"), "{said}");
        assert_eq!(said.lines().count(), 1, "{said}");
    }
}
