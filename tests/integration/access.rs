//! Every route of the register, by everybody: who may open it, what protects it.

use std::fmt::Write as _;

use nmp::http::RouteEntry;
use reqwest::{Method, StatusCode};

use crate::harness::portal::{OF_CONTOSO, Portal, path_of, stage_release, stage_upload};
use crate::harness::runtime;
use crate::harness::visitor::{Answer, MULTIPART, Visitor, multipart_end};

const PEOPLE: [&str; 7] = ["not signed in", "nobody", "writeonly", "reader", "writer", "deleter", "admin"];

fn routes() -> Vec<RouteEntry> {
    let mut routes: Vec<_> = nmp::portal::routes().entries().cloned().collect();
    // Signing out comes last: what follows would not be signed in.
    routes.sort_by_key(|entry| (entry.path == "/logout", entry.path, entry.method != Method::GET));
    assert!(routes.len() > 30, "{routes:?}");
    routes
}

/// What a person's answer comes to.
fn class(answer: &Answer) -> String {
    let location = answer.location.as_deref().unwrap_or_default();
    match answer.status {
        StatusCode::SEE_OTHER if location.starts_with("/login") => "sign in".to_owned(),
        StatusCode::SEE_OTHER if location.starts_with("http") => "to provider".to_owned(),
        StatusCode::FORBIDDEN => {
            let page = scraper::Html::parse_document(&answer.text);
            let role = scraper::Selector::parse(".empty li code").unwrap();
            let missing = page.select(&role).map(|role| role.text().collect::<String>());
            let missing: Vec<_> = missing
                .map(|role| role.trim_start_matches("ProvisioningAPI.").trim_end_matches("User").to_owned())
                .collect();
            format!("403 {}", missing.join(" "))
        }
        status => status.as_u16().to_string(),
    }
}

/// Opens the page, or sends its form with nothing in it.
async fn try_it(person: &mut Visitor, entry: &RouteEntry, path: &str) -> Answer {
    let request = person.request(&entry.method, &person.url(path));
    let request = match (&entry.method, entry.path) {
        (&Method::GET, _) => request,
        (_, "/numbers/upload" | "/numbers/manage" | "/numbers/move" | "/import" | "/blocks/import") => {
            request.header("content-type", MULTIPART).body(multipart_end())
        }
        // A review that shows something else than there is: whoever may decide is shown the new one.
        (_, "/orders/{id}/submit") => request.form(&[("shown", "new.999")]),
        _ => request.form::<[(&str, &str)]>(&[]),
    };
    person.take(request.send().await.unwrap()).await.unwrap()
}

async fn table(portal: &mut Portal) -> String {
    let mut people = vec![Visitor::new(&portal.demo.portal)];
    for person in &PEOPLE[1..] {
        people.push(portal.sign_in(person).await);
    }
    let row = |what: &str, cells: &[String]| {
        let mut line = format!("{what:42}");
        for cell in cells {
            let _ = write!(line, "| {cell:16}");
        }
        line.trim_end().to_owned() + "\n"
    };
    let mut table = row("", &PEOPLE.map(str::to_owned));
    for entry in routes() {
        let kinds: &[&str] = if entry.path.starts_with("/orders/{id}") { &["upload", "release"] } else { &[""] };
        for kind in kinds {
            let mut cells = Vec::new();
            for person in &mut people {
                let order = match *kind {
                    "upload" => stage_upload(&mut portal.admin, "contoso", "+441632960001").await,
                    "release" => stage_release(&mut portal.admin, OF_CONTOSO).await,
                    _ => 1,
                };
                let answer = try_it(person, &entry, &path_of(&entry, order)).await;
                cells.push(class(&answer));
            }
            let of = if kind.is_empty() { String::new() } else { format!(" ({kind})") };
            table += &row(&format!("{:4} {}{of}", entry.method.as_str(), entry.path), &cells);
        }
    }
    table
}

/// The rights are: to look, Read; to add or change, Read and Write; to remove (release numbers, delete accounts), Read and
/// Delete; Admin is all of them, and alone reads the audit. The review of a release is a step of removing. Write or Delete
/// without Read opens nothing, and the page says which role is missing.
#[test]
fn every_route_by_everybody() {
    runtime().block_on(async {
        let mut portal = Portal::start().await;
        insta::assert_snapshot!("every_route_by_everybody", table(&mut portal).await);
    });
}

/// Another site can make a person's browser send a form, with the person's cookies. It is refused by where it comes from.
#[test]
fn a_form_of_another_site_is_refused_on_every_route() {
    runtime().block_on(async {
        let mut portal = Portal::start().await;
        let draft = stage_upload(&mut portal.admin, "contoso", "+441632960001").await;
        let home = portal.demo.portal.clone();
        let own = home.trim_end_matches('/');
        let from_elsewhere: [&[(&str, &str)]; 5] = [
            &[("sec-fetch-site", "cross-site"), ("origin", "https://elsewhere.example")],
            &[("sec-fetch-site", "cross-site"), ("origin", own)],
            &[("sec-fetch-site", "same-site")],
            &[("origin", "https://elsewhere.example")],
            &[("origin", "null")],
        ];
        for entry in routes().iter().filter(|entry| entry.method != Method::GET) {
            for headers in from_elsewhere {
                let mut request = portal.admin.without_origin(&Method::POST, &portal.admin.url(&path_of(entry, draft)));
                for (name, value) in headers {
                    request = request.header(*name, *value);
                }
                let response = request.form(&[("theme", "dark")]).send().await.unwrap();
                let answer = portal.admin.take(response).await.unwrap();
                assert_eq!(answer.status, StatusCode::FORBIDDEN, "{} {headers:?}: {}", entry.path, answer.text);
                assert!(answer.text.contains("another site"), "{} {headers:?}: {}", entry.path, answer.text);
            }
        }
        let review = portal.admin.get(&format!("/orders/{draft}/review")).await;
        assert_eq!(review.status, StatusCode::OK, "the draft is still there, and the person signed in");
        assert_eq!(review.url.path(), format!("/orders/{draft}/review"));
    });
}

/// What every answer says to the browser, whether it is a page, a file, a redirect or an error.
const PROTECTION: [(&str, &str); 7] = [
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    ("referrer-policy", "same-origin"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    ("permissions-policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
    ("cache-control", "no-store"),
];

/// What the policy of the pages would not let run.
const INLINE: &str = "script:not([src]), style, [style], [onclick], [onload], [onchange], [onsubmit], [onerror]";

#[test]
fn every_answer_is_protected() {
    runtime().block_on(async {
        let mut portal = Portal::start().await;
        let draft = stage_upload(&mut portal.admin, "contoso", "+441632960001").await;
        let provider = url::Url::parse(&portal.demo.issuer).unwrap().origin().ascii_serialization();
        let policy = format!(
            "default-src 'self'; base-uri 'none'; frame-ancestors 'none'; object-src 'none'; form-action 'self' {provider}"
        );
        let mut people = [Visitor::new(&portal.demo.portal), portal.sign_in("nobody").await, portal.admin.clone()];
        let inline = scraper::Selector::parse(INLINE).unwrap();
        let mut pages = 0;
        let get = routes().into_iter().filter(|entry| entry.method == Method::GET);
        let paths = get.map(|entry| path_of(&entry, draft)).chain(["/no-such-page".to_owned(), "/orders/x".to_owned()]);
        for path in paths {
            for person in &mut people {
                let url = person.url(&path);
                let answer = person.once(Method::GET, url, None).await.unwrap();
                let header = |name: &str| answer.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or("");
                for (name, value) in PROTECTION {
                    assert_eq!(header(name), value, "{name} of {path}, {}", answer.status);
                }
                assert_eq!(header("content-security-policy"), policy, "{path}");
                if header("content-type").starts_with("text/html") {
                    let page = scraper::Html::parse_document(&answer.text);
                    let found: Vec<_> = page.select(&inline).map(|element| element.html()).collect();
                    assert!(found.is_empty(), "{path}: {found:?}");
                    pages += 1;
                }
            }
        }
        assert!(pages > 40, "{pages} pages");
    });
}
