//! Signing in through a certified OpenID provider that no one here wrote.

use reqwest::{Method, StatusCode};

use crate::harness::database::{Kind, Place, execute, numbers, texts};
use crate::harness::runtime;
use crate::harness::served::Served;
use crate::harness::visitor::{Answer, Visitor};

async fn status(visitor: &mut Visitor, path: &str) -> StatusCode {
    visitor.get(path).await.status
}

async fn set_roles(served: &Served, person: &str, roles: &[&str]) {
    let answer = reqwest::Client::builder()
        .build()
        .unwrap()
        .put(format!("{}/_roles/{person}", served.provider.address))
        .json(roles)
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), StatusCode::NO_CONTENT);
}

async fn sign_in_refresh_and_sign_out(kind: Kind) {
    let served = Served::start(Place::new(kind).await, &["portal"]).await;
    let db = served.place.open().await;

    let mut writer = served.sign_in("writer").await;
    assert_eq!(status(&mut writer, "/consents").await, StatusCode::OK);
    assert_eq!(status(&mut writer, "/numbers/upload").await, StatusCode::OK);
    let mut reader = served.sign_in("reader").await;
    assert_eq!(status(&mut reader, "/consents").await, StatusCode::OK);
    let refused = reader.get("/numbers/upload").await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    assert!(refused.text.contains("WriteUser"), "the page names the missing role");
    let mut nobody = served.sign_in("nobody").await;
    assert_eq!(status(&mut nobody, "/consents").await, StatusCode::FORBIDDEN);
    let who = texts(&db, "SELECT subject FROM sessions ORDER BY subject").await;
    assert_eq!(who, ["nobody", "reader", "writer"]);

    // The provider takes a role away. It shows when the roles are confirmed, and the session goes on without it.
    set_roles(&served, "writer", &["ProvisioningAPI.ReadUser"]).await;
    assert_eq!(status(&mut writer, "/numbers/upload").await, StatusCode::OK, "not yet confirmed");
    for round in 0..3 {
        execute(&db, "UPDATE sessions SET roles_at = roles_at - 960000000").await;
        // A process that has a file for itself looks at it again once it has written a session itself.
        drop(served.sign_in("nobody").await);
        assert_eq!(status(&mut writer, "/numbers/upload").await, StatusCode::FORBIDDEN, "round {round}");
        assert_eq!(status(&mut writer, "/consents").await, StatusCode::OK, "round {round}");
    }
    let bits = numbers(&db, "SELECT roles FROM sessions WHERE subject = 'writer'").await;
    assert_eq!(bits, [1]);

    // Signing out ends the session here and at the provider.
    let page = writer.post("/logout", &[]).await;
    assert!(page.url.as_str().starts_with(&served.provider.address), "{page:?}");
    let done = confirm(&mut writer, page).await;
    assert_eq!((done.url.path(), done.status), ("/signed-out", StatusCode::OK));
    assert_eq!(numbers(&db, "SELECT COUNT(*) FROM sessions WHERE subject = 'writer'").await, [0]);
    let page = writer.get("/consents").await;
    assert!(page.url.path().starts_with("/interaction/"), "the provider asks who it is: {}", page.url);
    db.close().await;
}

/// The provider's page that asks whether to sign out.
async fn confirm(visitor: &mut Visitor, page: Answer) -> Answer {
    let html = scraper::Html::parse_document(&page.text);
    let input = scraper::Selector::parse("input[name=xsrf]").unwrap();
    let xsrf = html.select(&input).next().and_then(|input| input.attr("value")).unwrap_or_default().to_owned();
    let form = scraper::Selector::parse("form").unwrap();
    let action = html.select(&form).next().and_then(|form| form.attr("action")).unwrap_or_default().to_owned();
    let to = page.url.join(&action).unwrap();
    visitor.send(Method::POST, to, Some(&[("xsrf", &xsrf), ("logout", "yes")])).await
}

#[test]
fn sign_in_refresh_and_sign_out_on_sqlite() {
    runtime().block_on(sign_in_refresh_and_sign_out(Kind::Sqlite));
}

#[test]
fn sign_in_refresh_and_sign_out_on_postgres() {
    runtime().block_on(sign_in_refresh_and_sign_out(Kind::Postgres));
}
