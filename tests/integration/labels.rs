//! Labels and tokens of Direct Routing: what is refused, with the reason and the rule, in the portal and in the API alike.

use std::fmt::Write as _;

use nmp::authz::{Principal, Role, Via};
use nmp::domain::{AccountForm, Service};
use nmp::service::accounts::{self, Deleted, Updated};
use nmp::service::{Error, Result};
use reqwest::StatusCode;
use scraper::{Html, Selector};
use serde_json::{Value, json};
use time::Duration;

use crate::harness::caller::Caller;
use crate::harness::portal::Portal;
use crate::harness::world::{CONTOSO, FABRIKAM, World, account_form, direct_routing, grant, origin, person};
use crate::harness::{on_both_databases, runtime};

on_both_databases![
    a_label_belongs_to_one_account_whatever_its_case,
    a_label_that_was_given_up_stays_with_its_last_account,
    a_deleted_account_gives_its_label_up,
    two_accounts_that_want_a_label_at_once_do_not_both_get_it,
];

fn form(name: &str, label: &str) -> AccountForm {
    AccountForm {
        services: Service::DirectRouting.into(),
        direct_routing: direct_routing(label),
        ..account_form(name, CONTOSO)
    }
}

/// What is said against the subdomain; empty when it is taken.
fn said<T: std::fmt::Debug>(outcome: Result<T>) -> String {
    match outcome {
        Ok(_) => String::new(),
        Err(Error::Invalid(problems)) => {
            assert!(problems.iter().all(|problem| problem.field == "subdomain"), "{problems:?}");
            problems.into_iter().map(|problem| problem.message).collect::<Vec<_>>().join(" ")
        }
        other => panic!("{other:?}"),
    }
}

async fn create(world: &World, name: &str, label: &str) -> String {
    said(accounts::create(&world.ctx, &grant(), &origin(), &form(name, label)).await)
}

async fn change(world: &World, form: AccountForm) -> String {
    let rev = world.get(&form.name).await.rev;
    let name = form.name.clone();
    let changed = accounts::update(&world.ctx, &grant(), &origin(), &name, rev, &form).await;
    assert!(!matches!(changed, Ok(Updated::Stale(_))));
    said(changed)
}

async fn a_label_belongs_to_one_account_whatever_its_case(world: World) {
    assert_eq!(create(&world, "contoso", "Contoso").await, "");
    let taken = "The subdomain contoso belongs to account contoso. Each account has its own; choose another one.";
    assert_eq!(create(&world, "fabrikam", "CONTOSO").await, taken);
    assert_eq!(create(&world, "fabrikam", "fabrikam").await, "");
    assert_eq!(change(&world, form("fabrikam", "cOntOsO")).await, taken);
    assert_eq!(change(&world, form("contoso", "CONTOSO")).await, "", "it is its own");
    // While somebody types; an account is named to those who may see it.
    let against = accounts::against_subdomain(&world.ctx, &grant(), "new", " Contoso ").await.unwrap();
    assert_eq!(against, [taken]);
    assert!(accounts::against_subdomain(&world.ctx, &grant(), "contoso", "Contoso").await.unwrap().is_empty());
    let write_only = Principal { via: Via::Api, ..person("bss", &[Role::WriteUser]) }.grant().unwrap();
    let against = accounts::against_subdomain(&world.ctx, &write_only, "new", "contoso").await.unwrap();
    assert!(against[0].contains("another account") && !against[0].contains("account contoso"), "{against:?}");
}

async fn a_label_that_was_given_up_stays_with_its_last_account(world: World) {
    assert_eq!(create(&world, "contoso", "contoso").await, "");
    world.clock.advance(Duration::hours(1));
    assert_eq!(change(&world, form("contoso", "other")).await, "");
    world.clock.advance(Duration::days(1));
    let reserved = "The subdomain contoso was given up by account contoso on 1 Feb 2026 and stays reserved for it \
                    until 3 Mar 2026, so that nobody else gets a name that is verified for its customer. Choose \
                    another one.";
    assert_eq!(create(&world, "fabrikam", "Contoso").await, reserved);
    // Its last account takes it up again, and gives it up again by giving up the service.
    assert_eq!(change(&world, form("contoso", "contoso")).await, "");
    let zoom = AccountForm { services: Service::ZoomPhoneCloudPeering.into(), ..form("contoso", "") };
    assert_eq!(change(&world, zoom).await, "");
    world.clock.advance(Duration::days(30) - Duration::seconds(1));
    assert!(create(&world, "fabrikam", "contoso").await.contains("until 4 Mar 2026"));
    world.clock.advance(Duration::seconds(1));
    assert_eq!(create(&world, "fabrikam", "contoso").await, "");
    assert!(change(&world, form("contoso", "contoso")).await.contains("belongs to account fabrikam"));
}

async fn a_deleted_account_gives_its_label_up(world: World) {
    assert_eq!(create(&world, "contoso", "contoso").await, "");
    let deleted = accounts::delete(&world.ctx, &grant(), &origin(), "contoso", None).await.unwrap();
    assert_eq!(deleted, Deleted::Done);
    assert!(create(&world, "fabrikam", "contoso").await.contains("stays reserved"));
    // The account of that name is created anew.
    assert_eq!(create(&world, "contoso", "contoso").await, "");
}

async fn two_accounts_that_want_a_label_at_once_do_not_both_get_it(world: World) {
    let (a, b) = (form("contoso", "same"), form("fabrikam", "SAME"));
    let (grant, origin) = (grant(), origin());
    let outcomes = tokio::join!(
        accounts::create(&world.ctx, &grant, &origin, &a),
        accounts::create(&world.ctx, &grant, &origin, &b)
    );
    let outcomes = [outcomes.0, outcomes.1];
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1, "{outcomes:?}");
    assert!(outcomes.iter().any(|o| matches!(o, Err(Error::Invalid(_) | Error::Conflict(_)))), "{outcomes:?}");
}

/// What the portal says about a form, field by field.
async fn portal_says(portal: &mut Portal, label: &str, tokens: [&str; 2]) -> String {
    let fields = [
        ("name", "woodgrove"),
        ("tenant", FABRIKAM),
        ("service", "directRouting"),
        ("call_screening", "true"),
        ("subdomain", label),
        ("token1", tokens[0]),
        ("token2", tokens[1]),
    ];
    let answer = portal.admin.post("/accounts/new", &fields).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{label:?} {tokens:?}: {}", answer.text);
    let page = Html::parse_document(&answer.text);
    for (name, value) in [("subdomain", label), ("token1", tokens[0]), ("token2", tokens[1])] {
        let field = page.select(&Selector::parse(&format!("#f-{name}")).unwrap()).next().unwrap();
        let typed = value.replace('\n', "");
        let kept = field.attr("value").unwrap().replace('\n', "");
        assert_eq!(kept, typed, "what was typed as {name}");
    }
    let summary = Selector::parse(".summary li").unwrap();
    let lines = page.select(&summary).map(|line| line.text().collect::<String>());
    lines.fold(String::new(), |said, line| format!("{said}  portal  {line}\n"))
}

/// What the API says about a body.
async fn api_says(api: &Caller, label: &str, tokens: [&str; 2]) -> String {
    let body = json!({
        "name": "woodgrove",
        "serviceDetails": {
            "teamsTenantId": FABRIKAM,
            "teamsDirectRouting": {
                "enabled": true,
                "syncEnabled": true,
                "configuration": {
                    "callScreening": true,
                    "subdomain": label,
                    "subdomainTokens": { "region1Token": tokens[0], "region2Token": tokens[1] },
                },
            },
        },
    });
    let reply = api.put("/accounts/woodgrove", &body).await;
    assert!(matches!(reply.status.as_u16(), 400 | 409), "{label:?} {tokens:?}: {reply:?}");
    let error = reply.json()["error"].clone();
    let one = |error: &Value| {
        let text = |name: &str| error[name].as_str().unwrap_or("-").to_owned();
        let target = text("target");
        format!(
            "  API     {} {} {}: {}\n",
            reply.status.as_u16(),
            text("code"),
            target.rsplit('.').next().unwrap(),
            text("message")
        )
    };
    match error["details"].as_array() {
        Some(details) if !details.is_empty() => details.iter().map(one).collect(),
        _ => one(&error),
    }
}

#[test]
fn every_bad_label_and_token_is_refused_with_its_rule() {
    runtime().block_on(async {
        let mut portal = Portal::start().await;
        let api = Caller::new(&portal.demo.api, &portal.demo.issuer, "bss-admin").await;
        for (name, label) in [("litware", "litware"), ("litware", "litware2")] {
            let services = [("service", "directRouting"), ("subdomain", label), ("tenant", CONTOSO)];
            let version = if label == "litware" { None } else { Some(("version", "1")) };
            let form: Vec<_> = services.into_iter().chain([("name", name)]).chain(version).collect();
            let path = if version.is_some() { "/accounts/litware/edit" } else { "/accounts/new" };
            let done = portal.admin.post(path, &form).await;
            assert_eq!(done.url.path(), "/accounts/litware", "{}", done.text);
        }
        let good = ["MS=ms10000001", "MS=ms10000002"];
        let labels = [
            "",
            "con.toso",
            "*",
            "*.contoso",
            "LITWARE2",
            "litware",
            "www",
            "ProvApi",
            "ns7",
            "1R2",
            "elevenchars",
            "con toso",
            "con\"toso",
            "contoso;",
            "c\u{f6}ntoso",
            "con\ntoso",
        ];
        let long = "x".repeat(101);
        let tokens = ["MS=\"ms1\"", "MS=ms 1", "MS=ms1;", "MS=ms\n1", "MS=ms1.", long.as_str()];
        let mut table = String::new();
        for label in labels {
            let _ = writeln!(table, "label {label:?}");
            table += &portal_says(&mut portal, label, good).await;
            table += &api_says(&api, label, good).await;
        }
        for token in tokens {
            let _ = writeln!(table, "token {token:?}");
            table += &portal_says(&mut portal, "woodgrove", [good[0], token]).await;
            table += &api_says(&api, "woodgrove", [good[0], token]).await;
        }
        table += "everything at once\n";
        table += &portal_says(&mut portal, "*.ns1.contoso", ["a b", "c;d"]).await;
        table += &api_says(&api, "*.ns1.contoso", ["a b", "c;d"]).await;
        insta::with_settings!({ filters => [(r"\d+ [A-Z][a-z]{2} \d{4}", "[day]")] }, {
            insta::assert_snapshot!("every_bad_label_and_token_is_refused_with_its_rule", table);
        });
        assert_eq!(portal.admin.get("/accounts/woodgrove").await.status, StatusCode::NOT_FOUND);
    });
}
