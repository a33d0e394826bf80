//! The review as people see it: the whole program, with a backend that holds what the portal has forgotten.

use std::time::Duration;

use reqwest::StatusCode;
use serde_json::json;

use crate::harness::api::{Api, number};
use crate::harness::database::{self, execute};
use crate::harness::portal::stage_upload;
use crate::harness::visitor::{Answer, Visitor};
use crate::harness::{eventually, on_both_databases};

on_both_databases![over_http:
    a_person_sees_what_the_backend_holds_and_agrees_to_it,
    a_review_waits_for_a_pull_and_goes_on_by_itself,
    a_review_of_many_enterprises_says_how_many_it_does_not_name,
];

const FORGOTTEN: &str = "+441632960300";

/// Two numbers that the backend holds and a restored backup does not know, the first of them in use.
async fn forgotten(api: &Api) {
    api.know_tenants().await;
    api.account("contoso", &["teamsOperatorConnect"]).await;
    let numbers: Vec<_> =
        [FORGOTTEN, "+441632960301"].map(|text| number("contoso", text, "teamsOperatorConnect")).to_vec();
    api.upload("contoso", &numbers).await;
    api.quiet().await;
    let url = format!("{}/_assign", api.demo.operator_connect);
    let assigned = json!({ "tenantId": crate::harness::world::CONTOSO, "numbers": [FORGOTTEN] });
    assert!(
        reqwest::Client::builder()
            .build()
            .unwrap()
            .post(url)
            .json(&assigned)
            .send()
            .await
            .unwrap()
            .status()
            .is_success()
    );
    // A pull that ends meanwhile would say that the list was read.
    let idle = "SELECT COUNT(*) FROM work WHERE kind = 'numbers' AND (lease_until > 0 OR next_at <= set_at)";
    eventually("no list is being read", Duration::from_secs(30), async || {
        (database::numbers(&api.db, idle).await == [0]).then_some(())
    })
    .await;
    for statement in [
        "UPDATE work SET last_ok_at = NULL WHERE kind = 'numbers'",
        "DELETE FROM numbers",
        "DELETE FROM order_items",
        "DELETE FROM order_accounts",
        "DELETE FROM orders",
        "UPDATE accounts SET number_count = 0",
        "DELETE FROM account_services",
        "UPDATE observed_lists SET listed_at = 0",
    ] {
        execute(&api.db, statement).await;
    }
}

/// The review once it waits for nothing.
async fn settled(person: &mut Visitor, order: i64) -> Answer {
    eventually("the review has what the backend says", Duration::from_secs(30), async || {
        let page = person.get(&format!("/orders/{order}/review")).await;
        assert_eq!(page.status, StatusCode::OK, "{}", page.text);
        (!page.text.contains("aria-busy")).then_some(page)
    })
    .await
}

fn shown(page: &str) -> String {
    let value = page.split("name=\"shown\" value=\"").nth(1).unwrap();
    value.split('"').next().unwrap().to_owned()
}

async fn a_person_sees_what_the_backend_holds_and_agrees_to_it(api: Api) -> Api {
    forgotten(&api).await;
    let mut admin = Visitor::sign_in(&api.demo.portal, "admin").await;
    let order = stage_upload(&mut admin, "contoso", "+441632960300-0302").await;
    let page = settled(&mut admin, order).await;
    assert!(page.text.contains("Different at the backend: 2"), "{}", page.text);
    assert!(page.text.contains("New: 1") && page.text.contains("as of just now"), "{}", page.text);
    assert!(page.text.contains("1 number that would change is in use"), "{}", page.text);
    let shown = shown(&page.text);
    let without = admin.post(&format!("/orders/{order}/submit"), &[("shown", &shown)]).await;
    assert_eq!(without.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(without.text.contains("href=\"#f-change_assigned\"") && without.text.contains("There is a problem"));
    let agreed = [("shown", shown.as_str()), ("change_assigned", "true")];
    let done = admin.post(&format!("/orders/{order}/submit"), &agreed).await;
    assert_eq!(done.url.path(), format!("/orders/{order}"), "{}", done.text);
    api.quiet().await;
    // The same once more, as it is there now: what a backup forgets again is adopted.
    for statement in ["DELETE FROM numbers", "UPDATE accounts SET number_count = 0", "DELETE FROM account_services"] {
        execute(&api.db, statement).await;
    }
    let again = stage_upload(&mut admin, "contoso", "+441632960300-0302").await;
    let page = settled(&mut admin, again).await;
    assert!(page.text.contains("At the backend already: 3"), "{}", page.text);
    let done = admin.post(&format!("/orders/{again}/submit"), &[]).await;
    assert!(done.text.contains("Held at the backend already, adopted"), "{}", done.text);
    let number = admin.get(&format!("/numbers/{FORGOTTEN}")).await;
    assert!(number.text.contains("Held at the backend already, adopted") && number.text.contains("Synced"));
    api
}

async fn a_review_waits_for_a_pull_and_goes_on_by_itself(api: Api) -> Api {
    forgotten(&api).await;
    api.backend(json!({ "down": true })).await;
    let mut admin = Visitor::sign_in(&api.demo.portal, "admin").await;
    let order = stage_upload(&mut admin, "contoso", "+441632960302").await;
    let page = eventually("the pull has failed", Duration::from_secs(30), async || {
        let page = admin.get(&format!("/orders/{order}/review")).await;
        page.text.contains("Could not be asked").then_some(page)
    })
    .await;
    assert!(page.text.contains("Not known at the backend: 1"), "{}", page.text);
    assert!(page.text.contains("some without knowing what the backend holds"), "{}", page.text);
    api.backend(json!({ "down": false })).await;
    let tenant = crate::harness::world::CONTOSO;
    let back = format!("/orders/{order}/review");
    let asked =
        admin.post("/connection/pull", &[("kind", "numbers"), ("tenant", tenant), ("return_to", back.as_str())]).await;
    assert_eq!(asked.url.path(), back);
    if asked.text.contains("aria-busy") {
        assert!(asked.text.contains("<noscript><meta http-equiv=\"refresh\""), "it goes on without script");
    }
    // A pull that was under way may fail once more; the engine tries again by itself.
    eventually("the backend has said it", Duration::from_mins(1), async || {
        let page = settled(&mut admin, order).await;
        (!page.text.contains("Not known at the backend") && page.text.contains("New: 1")).then_some(())
    })
    .await;
    // What a script asks for meanwhile is told to go on.
    let part = admin.request(&reqwest::Method::GET, &admin.url(&back));
    let part = part.header("hx-request", "true").header("hx-request-type", "partial").send().await.unwrap();
    assert_eq!(part.headers()["hx-redirect"], back.as_str());
    api
}

async fn a_review_of_many_enterprises_says_how_many_it_does_not_name(api: Api) -> Api {
    api.know_tenants().await;
    api.account("contoso", &["teamsOperatorConnect"]).await;
    let mut admin = Visitor::sign_in(&api.demo.portal, "admin").await;
    let order = stage_upload(&mut admin, "contoso", "+441632960300").await;
    for n in 0..22 {
        let (id, tenant) = (900 + n, format!("00000000-0000-4000-8000-{n:012}"));
        let account = format!(
            "INSERT INTO accounts (id, name, search, tenant_id, services, synced, created_at, updated_at) \
             VALUES ({id}, 'enterprise{n}', 'enterprise{n}', '{tenant}', 1, 1, 0, 0)"
        );
        execute(&api.db, &account).await;
        let of_order =
            format!("INSERT INTO order_accounts (order_id, account_id, account_rev) VALUES ({order}, {id}, 1)");
        execute(&api.db, &of_order).await;
    }
    let page = admin.get(&format!("/orders/{order}/review")).await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.text);
    assert!(page.text.contains("And 3 more enterprises, "), "{}", page.text);
    for statement in ["DELETE FROM order_accounts WHERE account_id >= 900", "DELETE FROM accounts WHERE id >= 900"] {
        execute(&api.db, statement).await;
    }
    api
}
