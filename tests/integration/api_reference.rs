//! The reference of the Provisioning API in the portal, and the page for developers: both tell of what there is.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use nmp::description::{CODES, OPERATIONS};
use reqwest::StatusCode;
use scraper::{Html, Selector};

use crate::harness::program::Demo;
use crate::harness::runtime;
use crate::harness::visitor::Visitor;

fn select(text: &str) -> Selector {
    Selector::parse(text).unwrap()
}

#[test]
fn everyone_who_is_signed_in_can_read_the_reference() {
    runtime().block_on(async {
        let demo = Demo::start();
        let answer = Visitor::sign_in(&demo.portal, "nobody").await.get("/api").await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
        let page = Html::parse_document(&answer.text);
        let ids: Vec<&str> = page.select(&select("[id]")).filter_map(|element| element.attr("id")).collect();
        let known: BTreeSet<&str> = ids.iter().copied().collect();
        assert_eq!(known.len(), ids.len(), "an id stands twice");
        for link in page.select(&select("main a[href^='#']")) {
            let target = link.attr("href").unwrap().trim_start_matches('#');
            assert!(known.contains(target), "#{target} leads nowhere");
        }
        for operation in &OPERATIONS {
            let section = select(&format!("section[id='{}']", operation.id));
            let section = page.select(&section).next().unwrap_or_else(|| panic!("{} is not there", operation.id));
            let command = section.select(&select(".snippet pre")).next().unwrap().text().collect::<String>();
            assert!(command.contains(demo.api.trim_end_matches('/')), "{command}");
            let copied = section.select(&select(".snippet button")).next().unwrap().attr("data-copy-of").unwrap();
            assert_eq!(section.select(&select(&format!("code[id='{copied}']"))).count(), 1, "{copied}");
            let link = format!("nav.index a[href='#{}']", operation.id);
            assert_eq!(page.select(&select(&link)).count(), 1, "{link}");
        }
        assert!(answer.text.contains(&demo.issuer), "where tokens come from");
        insta::assert_snapshot!("the_reference_of_the_api", outline(&page));
    });
}

/// Headings and tables, each table with its first column.
fn outline(page: &Html) -> String {
    let mut lines = String::new();
    for element in page.select(&select("main :is(h1, h2, h3, table)")) {
        let words = |text: String| text.split_whitespace().collect::<Vec<_>>().join(" ");
        match element.value().name() {
            "table" => {
                let caption = element.select(&select("caption")).next().unwrap().text().collect::<String>();
                let first_cells = select("tbody th");
                let rows = element.select(&first_cells).map(|cell| words(cell.text().collect()));
                writeln!(lines, "      {}: {}", words(caption), rows.collect::<Vec<_>>().join(", ")).unwrap();
            }
            heading => {
                let depth = usize::from(heading.as_bytes()[1] - b'1');
                writeln!(lines, "{}{}", "  ".repeat(depth), words(element.text().collect())).unwrap();
            }
        }
    }
    lines
}

fn read(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

#[test]
fn the_page_for_developers_has_every_code_and_operation() {
    let page = read("docs/API.md");
    let mut table = String::from("| code | status | what it means |\n|---|---|---|\n");
    for code in &CODES {
        let statuses: Vec<_> = code.statuses.iter().map(ToString::to_string).collect();
        writeln!(table, "| `{}` | {} | {} |", code.shown(), statuses.join(", "), code.meaning).unwrap();
    }
    assert!(page.contains(&table), "docs/API.md should hold this table:\n{table}");
    for operation in &OPERATIONS {
        let name = format!("`{} {}`", operation.method(), operation.path);
        assert!(page.contains(&name), "docs/API.md says nothing of {name}");
    }
}

/// The program's sources below these paths, without their tests.
fn sources(paths: &[&str]) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut waiting: Vec<PathBuf> = paths.iter().map(|path| root.join(path)).collect();
    let mut all = String::new();
    while let Some(path) = waiting.pop() {
        if path.is_dir() && !path.ends_with("tests") {
            waiting.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        } else if path.extension().is_some_and(|kind| kind == "rs") && !path.ends_with("tests.rs") {
            let text = fs::read_to_string(&path).unwrap();
            all += text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
        }
    }
    all
}

#[test]
fn every_code_is_in_the_program_and_every_code_of_the_program_is_told() {
    let source = sources(&[
        "api",
        "wire",
        "http/api",
        "http/listener/body.rs",
        "http/listener/error",
        "http/listener/error.rs",
        "http/listener/security.rs",
        "service/api",
        "service/api.rs",
    ]);
    for code in &CODES {
        assert!(source.contains(&format!("\"{}\"", code.code)), "nothing answers {}", code.code);
    }
    // Words of the same form that are no codes of the API: pages, claims, fields of the log.
    let others = [
        "additional_usage",
        "client_id",
        "client_request_id",
        "cross_site",
        "insufficient_scope",
        "invalid_request",
        "order_not_found",
        "sign_in",
    ];
    let known: BTreeSet<&str> = CODES.iter().map(|code| code.code).chain(others).collect();
    for literal in source.split('"').filter(|text| text.contains('_') && text.len() < 60) {
        let is_code = literal.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
        assert!(!is_code || known.contains(literal), "{literal} is told nowhere");
    }
}
