//! `nmp demo` with somebody signed in and something on every page.

use std::time::Duration;

use nmp::http::RouteEntry;
use reqwest::StatusCode;

use super::eventually;
use super::program::Demo;
use super::visitor::Visitor;
use super::world::{CONTOSO, FABRIKAM};

/// An emergency address of contoso in the examples.
const ADDRESS: &str = "ef245fa1-6b14-5bee-938d-5bd5879f6afa";
/// A number of the account contoso.
pub(crate) const OF_CONTOSO: &str = "+441632960000";
/// A number of the account fabrikam.
pub(crate) const OF_FABRIKAM: &str = "+12125550123";

/// The demo with somebody who may do everything, and [`furnish`]ed.
pub(crate) struct Portal {
    pub(crate) demo: Demo,
    pub(crate) admin: Visitor,
}

impl Portal {
    pub(crate) async fn start() -> Self {
        let demo = Demo::start();
        let mut admin = Visitor::sign_in(&demo.portal, "admin").await;
        furnish(&mut admin).await;
        Self { demo, admin }
    }

    pub(crate) async fn sign_in(&self, person: &str) -> Visitor {
        Visitor::sign_in(&self.demo.portal, person).await
    }
}

/// Waits until the enterprises are known, and creates two accounts, `contoso`, which has Direct Routing too, and `fabrikam`,
/// that get a number each.
pub(crate) async fn furnish(admin: &mut Visitor) {
    let address = format!("/civic-addresses/{CONTOSO}/{ADDRESS}");
    eventually("the enterprises are known", Duration::from_secs(30), async || {
        (admin.get(&address).await.status == StatusCode::OK).then_some(())
    })
    .await;
    for (name, tenant, number) in [("contoso", CONTOSO, OF_CONTOSO), ("fabrikam", FABRIKAM, OF_FABRIKAM)] {
        let mut form =
            vec![("name", name), ("tenant", tenant), ("service", "operatorConnect"), ("sync", "operatorConnect")];
        if name == "contoso" {
            form.extend([("service", "directRouting"), ("call_screening", "true"), ("subdomain", name)]);
        }
        let created = admin.post("/accounts/new", &form).await;
        assert_eq!(created.status, StatusCode::OK, "{}", created.text);
        let order = stage_upload(admin, name, number).await;
        let submitted = admin.post(&format!("/orders/{order}/submit"), &[]).await;
        assert_eq!(submitted.url.path(), format!("/orders/{order}"), "{}", submitted.text);
    }
}

/// Stages an upload; gives the draft's number.
pub(crate) async fn stage_upload(person: &mut Visitor, account: &str, number: &str) -> i64 {
    let staged = person.upload("/numbers/upload", &upload_form(account, number), None).await.unwrap();
    draft(&staged.location.unwrap_or(staged.text))
}

/// Stages a release; gives the draft's number.
pub(crate) async fn stage_release(person: &mut Visitor, number: &str) -> i64 {
    draft(person.post("/numbers/release", &[("number", number)]).await.url.path())
}

/// The fields of an upload that need nothing from the enterprise.
pub(crate) fn upload_form<'a>(account: &'a str, numbers: &'a str) -> Vec<(&'a str, &'a str)> {
    vec![
        ("account", account),
        ("service", "operatorConnect"),
        ("usage", "CallingUserAssignment"),
        ("capability", "InboundCalling"),
        ("allow_tenant_address_update", "true"),
        ("country", "GB"),
        ("numbers", numbers),
    ]
}

fn draft(review: &str) -> i64 {
    let id = review.strip_prefix("/orders/").and_then(|rest| rest.strip_suffix("/review"));
    id.unwrap_or_else(|| panic!("no review: {review}")).parse().unwrap()
}

/// The address of a registered page, with parameters that exist; `order` is the order's number.
pub(crate) fn path_of(entry: &RouteEntry, order: i64) -> String {
    let id = if entry.path.starts_with("/civic-addresses") { ADDRESS.to_owned() } else { order.to_string() };
    let path = entry.path.replace("{id}", &id).replace("{tenant}", CONTOSO);
    let path = path.replace("{name}", "contoso").replace("{number}", &OF_CONTOSO.replace('+', "%2B"));
    let path = path.replace("/civic-addresses.csv", &format!("/civic-addresses.csv?tenant={CONTOSO}"));
    assert!(!path.contains('{'), "{} has a parameter that this test does not know", entry.path);
    path
}
