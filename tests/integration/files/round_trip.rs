//! What the product writes comes back as it was: whatever a number is, however it came to be so.

use nmp::domain::upload::workbook;
use nmp::domain::upload::{Column, HEADINGS, cells};
use nmp::domain::{AccountForm, NumberSettings, OrderKind, OrderSource, Service, ServiceSet, TeamsSettings, Verdict};
use nmp::service::numbers;
use nmp::service::staging::UploadForm;
use nmp::store::{Db, NewOrder, NumberFilter, TakenNumber};
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;
use reqwest::{Method, StatusCode};
use serde_json::json;
use time::OffsetDateTime;

use super::review;
use crate::harness::api::{Api, SERVICES, account};
use crate::harness::on_both_databases;
use crate::harness::visitor::{Answer, Visitor};
use crate::harness::world::{CONTOSO, World, account_form, grant};

on_both_databases![whatever_is_stored_comes_back_unchanged,];

mod exports {
    use super::{any_state_comes_back_from_every_export, exports_come_back_unchanged, refused_lines_can_be_mended};
    crate::harness::on_both_databases![
        over_http: exports_come_back_unchanged,
        any_state_comes_back_from_every_export,
        refused_lines_can_be_mended,
    ];
}

/// Settings as programs may store them, whatever a form would say of them.
fn stored_settings() -> impl Strategy<Value = NumberSettings> {
    let word = "[A-Za-z0-9_-]{1,12}";
    let words = prop::collection::btree_set(prop_oneof!["[A-Za-z]{1,10}", "[a-c;,|\"'\\\\= \n]{1,8}"], 0..3);
    let teams = (
        prop::sample::select(vec![
            "",
            "ConferenceAssignment",
            "CallingUserAssignment",
            "NoSuchUsage",
            "'quoted",
            " spaced ",
            "\"a\";b\nc",
        ]),
        words.clone(),
        words,
        prop::option::of(word),
        prop::option::of(word),
        any::<bool>(),
        prop::option::of("[A-Z]{2}"),
    );
    (0..4_usize, any::<bool>(), any::<bool>(), teams, prop::option::of("[=+@a-z-][a-z]{0,9}"), prop::option::of(word))
        .prop_map(|(of_teams, zoom, protection, teams, header, profile)| {
            let others = [(zoom, Service::ZoomPhoneCloudPeering), (protection, Service::CallProtection)];
            let others = others.into_iter().filter(|(has, _)| *has).map(|(_, service)| service);
            let services = ServiceSet::TEAMS.iter().nth(of_teams).into_iter().chain(others).collect();
            let bare = NumberSettings { services, custom_sip_header: header, ..NumberSettings::default() };
            if services.and(ServiceSet::WITH_TEAMS_SETTINGS).is_empty() {
                return bare;
            }
            let (usage, capabilities, usages, address, location, allow, country) = teams;
            let teams = TeamsSettings {
                usage: usage.to_owned(),
                choosable_capabilities: capabilities.into_iter().collect(),
                additional_usages: usages.into_iter().collect(),
                civic_address_id: address,
                location_id: location,
                allow_tenant_address_update: allow,
                displayed_country_code: country,
            };
            NumberSettings { teams, calling_profile: profile, ..bare }
        })
}

/// Settings as [`stored_settings`] makes them.
fn some_settings(count: usize) -> Vec<NumberSettings> {
    let mut runner = TestRunner::deterministic();
    (0..count).map(|_| stored_settings().new_tree(&mut runner).unwrap().current().normalised()).collect()
}

/// Stores numbers with these settings, as a program or an import does.
pub(crate) async fn store(world: &World, account_id: i64, settings: &[NumberSettings]) {
    store_in(&world.db, world.clock.now(), account_id, settings).await;
}

async fn store_in(db: &Db, now: OffsetDateTime, account_id: i64, settings: &[NumberSettings]) {
    let mut tx = db.begin().await.unwrap();
    let id = tx.next_number("orders").await.unwrap();
    let order = NewOrder {
        id,
        kind: OrderKind::Upload,
        source: OrderSource::Portal,
        accounts: "contoso".to_owned(),
        author: "a program",
        author_id: "p".to_owned(),
        ticket: None,
        form: String::new(),
        refused_lines: 0,
    };
    tx.insert_order(&order, now).await.unwrap();
    tx.intern_all_settings(settings).await.unwrap();
    let taken: Vec<_> = settings
        .iter()
        .enumerate()
        .map(|(at, settings)| TakenNumber {
            // Every third is one that no numbering plan knows.
            number: nmp::domain::E164::from_i64(
                if at % 3 == 0 { 44_016_329_600_000 } else { 441_632_960_000 } + at as i64,
            )
            .unwrap(),
            line: 0,
            account_id,
            settings_id: settings.id(),
            country: None,
            error_id: None,
            assigned: at % 2 == 0,
        })
        .collect();
    assert!(tx.take_over_numbers(id, &taken, now).await.unwrap().is_some());
    tx.commit().await.unwrap();
}

async fn whatever_is_stored_comes_back_unchanged(world: World) {
    let form = AccountForm { services: ServiceSet::ALL, ..account_form("contoso", CONTOSO) };
    let account = world.create(&form).await;
    world.facts(CONTOSO).await;
    let settings = some_settings(120);
    store(&world, account.id, &settings).await;
    let (all, _) = numbers::export(&world.ctx, &grant(), &NumberFilter::default(), None).await.unwrap();
    assert_eq!(all.len(), settings.len());
    // All columns; and some of them, so that the rest stays.
    let whole: Vec<Column> = HEADINGS.to_vec();
    let some: Vec<Column> =
        HEADINGS.into_iter().filter(|column| column.service() != Some(Service::OperatorConnect)).collect();
    for (columns, for_spreadsheets) in [(&whole, false), (&whole, true), (&some, false)] {
        let mut csv = csv::Writer::from_writer(Vec::new());
        csv.write_record(columns.iter().map(|column| column.heading())).unwrap();
        for number in &all {
            let row = cells(number, for_spreadsheets);
            csv.write_record(
                HEADINGS.iter().zip(&row).filter(|(column, _)| columns.contains(column)).map(|(_, cell)| cell),
            )
            .unwrap();
        }
        let text = csv.into_inner().unwrap();
        let review = review(&world, &UploadForm::default(), &text).await;
        assert_eq!(review.refused_count(), 0, "{:?}", review.problems);
        assert_eq!(review.count(Verdict::Unchanged), 120, "{:?} {:?}", review.counts, review.changes);
    }
    // The same rules still bind whoever wants to break them anew.
    let text = "Number,Account,Usage,Capabilities\n+441632969000,contoso,NoSuchUsage,InboundCalling\n+4401632960999,contoso,,\n";
    let form = UploadForm { service: "operatorConnect".to_owned(), ..UploadForm::default() };
    assert!(review(&world, &form, text.as_bytes()).await.refused_count() >= 2);
}

async fn file(person: &Visitor, path: &str) -> Vec<u8> {
    let answer = person.request(&Method::GET, &person.url(path)).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK, "{path}");
    answer.bytes().await.unwrap().to_vec()
}

/// The review of a file that is uploaded without anything in the form.
async fn reviewed(person: &mut Visitor, file: &[u8]) -> Answer {
    let staged = person.upload("/numbers/upload", &[], Some(file)).await.unwrap();
    assert_eq!(staged.status, StatusCode::SEE_OTHER, "{}", staged.text);
    person.get(&staged.location.unwrap()).await
}

async fn exports_come_back_unchanged(api: Api) -> Api {
    api.know_tenants().await;
    api.account("contoso", &["teamsOperatorConnect"]).await;
    // A combination that no form would take.
    let numbers: Vec<_> = (0..10)
        .map(|n| {
            json!({
                "telephoneNumber": format!("+4416329600{n:02}"), "accountName": "contoso",
                "serviceDetails": { "teamsOperatorConnect": { "enabled": true, "configuration": {
                    "usage": "ConferenceAssignment", "choosableCapabilities": ["InboundCalling"]
                }}}
            })
        })
        .collect();
    api.upload("contoso", &numbers).await;
    api.quiet().await;
    let mut admin = Visitor::sign_in(&api.demo.portal, "admin").await;
    let csv = String::from_utf8(file(&admin, "/numbers.csv").await).unwrap();
    let headings = csv.lines().next().unwrap();
    assert!(headings.ends_with("syncState,errorCode,errorMessage,order,assignment,heldSince"), "{headings}");
    let mut reader = csv::Reader::from_reader(csv.as_bytes());
    let first = reader.records().next().unwrap().unwrap();
    let report = format!("/orders/{}/report.csv", first.get(first.len() - 3).unwrap());
    let ranges = String::from_utf8(file(&admin, "/numbers.csv?view=ranges").await).unwrap();
    let lines: Vec<_> = ranges.lines().collect();
    assert!(lines[0].starts_with("start,end,count,accountName,"), "{}", lines[0]);
    assert!(lines[1].starts_with("+441632960000,+441632960009,10,contoso,") && lines.len() == 2, "{ranges}");
    for path in [
        "/numbers.csv",
        "/numbers.csv?for=spreadsheets",
        "/numbers.xlsx",
        "/numbers.csv?view=ranges",
        "/numbers.xlsx?view=ranges",
        report.as_str(),
    ] {
        let text = file(&admin, path).await;
        let page = reviewed(&mut admin, &text).await;
        assert!(page.text.contains("Unchanged: 10<"), "{path}: {}", page.text);
        assert!(page.text.contains("Refused: 0<"), "{path}: {}", page.text);
    }
    // Values with everything in them that parts values: the backend refuses them, so the number is sent again as it is.
    let odd = json!({
        "telephoneNumber": "+441632960010", "accountName": "contoso",
        "serviceDetails": { "teamsOperatorConnect": { "enabled": true, "configuration": {
            "usage": "'Conference; \"x\" ",
            "choosableCapabilities": ["a;b", "c,d", "e|f", "'g", " spaced ", "line\nbreak", "\"h\"", "=i", "j\\n"]
        }}}
    });
    api.upload("contoso", &[odd]).await;
    api.quiet().await;
    for path in ["/numbers.csv", "/numbers.csv?for=spreadsheets", "/numbers.xlsx", "/numbers.xlsx?view=ranges"] {
        let text = file(&admin, path).await;
        let page = reviewed(&mut admin, &text).await;
        assert!(page.text.contains("Unchanged: 10<") && page.text.contains("Refused: 0<"), "{path}: {}", page.text);
        assert!(page.text.contains("Changed: 1<") && page.text.contains(">Nothing</td>"), "{path}: {}", page.text);
    }
    api
}

/// Whatever is stored, in every form in which it is exported.
async fn any_state_comes_back_from_every_export(api: Api) -> Api {
    api.know_tenants().await;
    // Nothing is synced, so that no pull changes how the numbers stand.
    let mut body = account("contoso", &SERVICES);
    for details in body["serviceDetails"].as_object_mut().unwrap().values_mut() {
        if let Some(synced) = details.get_mut("syncEnabled") {
            *synced = json!(false);
        }
    }
    let reply = api.admin.put("/accounts/contoso", &body).await;
    assert!(reply.status.is_success(), "{reply:?}");
    let id = crate::harness::database::numbers(&api.db, "SELECT id FROM accounts WHERE name = 'contoso'").await[0];
    let now = OffsetDateTime::from_unix_timestamp(1_790_000_000).unwrap();
    store_in(&api.db, now, id, &some_settings(90)).await;
    let mut admin = Visitor::sign_in(&api.demo.portal, "admin").await;
    for path in [
        "/numbers.csv",
        "/numbers.csv?for=spreadsheets",
        "/numbers.xlsx",
        "/numbers.csv?view=ranges",
        "/numbers.xlsx?view=ranges",
    ] {
        let text = file(&admin, path).await;
        let page = reviewed(&mut admin, &text).await;
        assert!(page.text.contains("Unchanged: 90<") && page.text.contains("Refused: 0<"), "{path}: {}", page.text);
        assert!(!page.text.contains("were not read"), "{path}: {}", page.text);
    }
    api
}

async fn refused_lines_can_be_mended(api: Api) -> Api {
    api.know_tenants().await;
    api.account("contoso", &["teamsOperatorConnect"]).await;
    api.account("other", &["teamsOperatorConnect"]).await;
    let number = |n: &str| crate::harness::api::number("other", n, "teamsOperatorConnect");
    api.upload("other", &[number("+441632960007")]).await;
    api.quiet().await;
    let mut admin = Visitor::sign_in(&api.demo.portal, "admin").await;
    let text = "Account;Number;SIP header;Usage;Services;Allow tenant address update\n\
                contoso;+441632960000;a;CallingUserAssignment;Operator Connect;yes\n\
                contoso;+44163296000x;a;CallingUserAssignment;Operator Connect;yes\n\
                nobody;+441632960002;\"a;b\";CallingUserAssignment;Operator Connect;perhaps\n\
                contoso;+441632960007;a;CallingUserAssignment;Operator Connect;yes\n";
    let staged = admin.upload("/numbers/upload", &[], Some(text.as_bytes())).await.unwrap();
    let review = staged.location.unwrap();
    let order = review.trim_end_matches("/review").to_owned();
    let refused = String::from_utf8(file(&admin, &format!("{order}/refused.csv")).await).unwrap();
    let lines: Vec<&str> = refused.lines().collect();
    assert_eq!(lines.len(), 4, "{refused}");
    assert_eq!(lines[0], "Account,Number,SIP header,Usage,Services,Allow tenant address update,reason");
    assert!(
        lines[1].starts_with("contoso,'+44163296000x,a,") || lines[1].starts_with("contoso,+44163296000x,a,"),
        "{refused}"
    );
    assert!(
        lines[2].starts_with("nobody,") && lines[2].contains(",a;b,") && lines[2].contains("Write true or false"),
        "{refused}"
    );
    assert!(lines[3].contains("+441632960007") && lines[3].contains("Belongs to account other"), "{refused}");
    // As it is it is refused again, and once it is mended it is taken.
    let again = reviewed(&mut admin, refused.as_bytes()).await;
    assert!(again.text.contains("Refused: 4<") || again.text.contains("Refused: 3<"), "{}", again.text);
    let mend = |refused: &str| {
        refused
            .replace("96000x", "960001")
            .replace("nobody", "contoso")
            .replace("a;b", "b")
            .replace("perhaps", "no")
            .replace("+441632960007", "+441632960003")
            .replace(",no,", ",true,")
    };
    let book = file(&admin, &format!("{order}/refused.xlsx")).await;
    let read = workbook::read(&book, None).unwrap().text;
    assert_eq!(read.lines().count(), lines.len(), "{read}");
    for mended in [mend(&refused), mend(&read)] {
        let page = reviewed(&mut admin, mended.as_bytes()).await;
        assert!(page.text.contains("New: 3<") && page.text.contains("Refused: 0<"), "{mended}\n{}", page.text);
    }
    let page = reviewed(&mut admin, &book).await;
    assert!(page.text.contains("New: 0<"), "{}", page.text);
    assert!(page.text.contains("Refused: 4<") || page.text.contains("Refused: 3<"), "{}", page.text);
    api
}
