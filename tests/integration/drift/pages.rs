//! The drift page with the whole program: found, filtered, exported, settled.

use std::time::Duration;

use reqwest::StatusCode;
use serde_json::json;

use crate::harness::portal::{OF_CONTOSO, Portal};
use crate::harness::world::CONTOSO;
use crate::harness::{eventually, runtime};

/// Waits until the backend has the number of contoso.
async fn synced(portal: &mut Portal) {
    eventually("the number is synced", Duration::from_mins(1), async || {
        let page = portal.admin.get("/numbers?account=contoso&status=synced").await;
        page.text.contains(&format!("/numbers/{OF_CONTOSO}")).then_some(())
    })
    .await;
}

/// The backend loses a number of contoso, and a pull tells.
async fn lost(portal: &mut Portal) {
    synced(portal).await;
    let url = format!("{}/_release", portal.demo.operator_connect);
    let body = json!({"tenantId": CONTOSO, "numbers": [OF_CONTOSO]});
    assert!(
        reqwest::Client::builder().build().unwrap().post(url).json(&body).send().await.unwrap().status().is_success()
    );
    portal.admin.post("/connection/pull", &[("kind", "numbers"), ("tenant", CONTOSO)]).await;
    eventually("the drift is found", Duration::from_mins(1), async || {
        portal.admin.get("/drift?kind=only-here").await.text.contains(OF_CONTOSO).then_some(())
    })
    .await;
}

#[test]
fn drift_is_found_shown_and_settled() {
    runtime().block_on(async {
        let mut portal = Portal::start().await;
        lost(&mut portal).await;
        let admin = &mut portal.admin;
        for (page, link) in [
            ("/", "/drift?kind=only-here\""),
            ("/accounts/contoso", "/drift?kind=only-here&#38;account=contoso"),
            (&*format!("/consents/{CONTOSO}"), "/drift?kind=only-here&#38;tenant="),
            ("/drift", "/drift?kind=only-here"),
        ] {
            let found = admin.get(page).await;
            assert!(found.text.contains(link), "{page} does not lead to its drift: {}", found.text);
        }
        let number = admin.get(&format!("/numbers/{OF_CONTOSO}")).await;
        assert!(number.text.contains("At the backend: Operator Connect") && number.text.contains("Not held"));
        let ranges = admin.get("/drift?view=ranges").await;
        assert!(ranges.text.contains(OF_CONTOSO) && ranges.text.contains("Show each number"), "{}", ranges.text);
        let csv = admin.get("/drift.csv?kind=only-here&account=contoso").await.text;
        assert!(csv.starts_with("telephoneNumber,kind,account,enterprise,tenantId,backend,heldByTenantId,"), "{csv}");
        assert!(csv.contains(&format!("\r\n{OF_CONTOSO},only-here,contoso,")), "{csv}");
        let spread = admin.get("/drift.csv?for=spreadsheets").await.text;
        assert!(spread.contains(&format!("\r\n'{OF_CONTOSO},only-here,")), "{spread}");
        for nothing in ["kind=different", "country=FR", "account=fabrikam", "q=0001", "ignored=only"] {
            let page = admin.get(&format!("/drift?{nothing}")).await;
            assert!(page.text.contains("No drift matches"), "{nothing}");
        }
        let odd = admin.get("/drift?kind=odd&country=GBR").await;
        assert_eq!(odd.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(odd.text.contains("none of the choices here") && odd.text.contains("A country is two letters"));
        // Ours is pushed again.
        let review = admin.post("/drift/resolve", &[("way", "push"), ("number", OF_CONTOSO)]).await;
        assert!(review.text.contains("This settles drift by pushing"), "{}", review.text);
        let submit = review.url.path().replace("/review", "/submit");
        let order = admin.post(&submit, &[]).await;
        assert_eq!(order.status, StatusCode::OK, "{}", order.text);
        synced(&mut portal).await;
        let page = portal.admin.get("/drift?q=%2B441632960000").await;
        assert!(page.text.contains("No drift matches"), "{}", page.text);
    });
}

#[test]
fn what_is_typed_comes_back_with_what_is_wrong() {
    runtime().block_on(async {
        let mut portal = Portal::start().await;
        lost(&mut portal).await;
        let form = [("way", "ignore"), ("number", OF_CONTOSO), ("reason", ""), ("until", "soon"), ("ticket", "T-7")];
        let page = portal.admin.post("/drift/resolve", &form).await;
        assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
        for part in ["Say why this drift may stay.", "such as 2026-12-31", "value=\"T-7\"", "data-tick checked"] {
            assert!(page.text.contains(part), "no {part}: {}", page.text);
        }
        let day = nmp::service::Clock::system().now().date().next_day().unwrap().to_string();
        let form = [("way", "ignore"), ("all_matching", "true"), ("reason", "Known"), ("until", day.as_str())];
        let done = portal.admin.post("/drift/resolve", &form).await;
        assert!(done.text.contains("ignored until then"), "{}", done.text);
        assert!(portal.admin.get("/drift?ignored=only").await.text.contains("Known"));
        assert!(!portal.admin.get("/").await.text.contains("/drift?kind="));
        let shown = portal
            .admin
            .post("/drift/resolve", &[("way", "heed"), ("all_matching", "true"), ("ignored", "only")])
            .await;
        assert!(shown.text.contains("shown again"), "{}", shown.text);
        for (form, said) in [
            (&[("way", ""), ("number", OF_CONTOSO)][..], "Choose how to settle the drift"),
            (&[("way", "push")], "Tick the numbers first"),
            (&[("way", "push"), ("number", "+441632960777")], "No drift matches any more"),
        ] {
            assert!(portal.admin.post("/drift/resolve", form).await.text.contains(said), "{said}");
        }
    });
}

#[test]
fn each_way_takes_its_right() {
    runtime().block_on(async {
        let mut portal = Portal::start().await;
        lost(&mut portal).await;
        let (mut reader, mut writer, mut deleter) =
            (portal.sign_in("reader").await, portal.sign_in("writer").await, portal.sign_in("deleter").await);
        let status = async |person: &mut crate::harness::visitor::Visitor, way: &str| {
            person.post("/drift/resolve", &[("way", way), ("number", OF_CONTOSO)]).await.status
        };
        assert_eq!(reader.get("/drift").await.status, StatusCode::OK);
        for way in ["push", "adopt", "release", "ignore", "heed"] {
            assert_eq!(status(&mut reader, way).await, StatusCode::FORBIDDEN, "{way}");
        }
        assert_eq!(status(&mut writer, "push").await, StatusCode::OK);
        // The backend does not have it: to adopt that is to remove it here.
        assert_eq!(status(&mut writer, "adopt").await, StatusCode::FORBIDDEN);
        assert_eq!(status(&mut writer, "release").await, StatusCode::FORBIDDEN);
        assert_eq!(status(&mut deleter, "adopt").await, StatusCode::OK);
        assert_eq!(status(&mut deleter, "push").await, StatusCode::FORBIDDEN);
        assert_eq!(status(&mut deleter, "ignore").await, StatusCode::FORBIDDEN);
    });
}
