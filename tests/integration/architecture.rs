//! The laws of the house: who may know whom, and how large a room may be.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// For each part, the parts it may import.
const MAY_IMPORT: [(&str, &[&str]); 15] = [
    ("domain", &[]),
    ("places", &[]),
    ("authz", &["domain"]),
    ("wire", &["domain"]),
    // What the API is, for the API itself and for the page that explains it.
    ("description", &["wire", "domain"]),
    ("store", &["domain"]),
    ("backend", &["domain"]),
    ("service", &["authz", "store", "domain"]),
    // What another system has: read there, handed over here.
    ("moving", &["service", "wire", "backend", "domain"]),
    ("sync", &["service", "store", "backend", "domain", "authz"]),
    ("dns", &["store", "domain", "places"]),
    ("http", &["authz", "service", "domain", "config", "places"]),
    ("portal", &["http", "service", "moving", "domain", "authz", "wire", "description"]),
    ("api", &["http", "service", "domain", "authz", "wire", "description"]),
    ("sandbox", &["domain"]),
];

/// For each crate with a place of its own, where it may be named.
const MAY_NAME: [(&str, &[&str]); 9] = [
    ("sqlx", &["store"]),
    ("axum", &["http", "portal", "api", "sandbox", "app/start.rs"]),
    ("reqwest", &["backend", "http/identity_provider"]),
    ("openidconnect", &["http/identity_provider", "http/portal/sign_in"]),
    ("jsonwebtoken", &["http/identity_provider", "http/api/bearer"]),
    ("ipnet", &["config"]),
    ("hickory", &["dns"]),
    ("askama", &["http", "portal", "sandbox"]),
    ("clap", &["app", "main.rs"]),
];

/// Words that make a part impure.
const IMPURE: [&str; 6] = ["async fn", "tokio::", "std::fs", "std::net::Tcp", "std::time::Instant", "now_utc"];

const LONGEST: usize = 600;
/// Where text that people write stands.
const WRITTEN: [&str; 8] = ["benches", "docs", "migrations", "scripts", "src", "static", "templates", "tests"];
const WIDEST: usize = 140;
/// Files that are fetched, recorded or made by a program.
const NOT_WRITTEN: [&str; 4] = [".snap", "docs/CONFIGURATION.md", "static/htmx.min.js", "tests/contract/openapi.json"];
/// An address of so many characters cannot be broken.
const LONG_ADDRESS: usize = 80;
const NO_NAMES: [&str; 6] = ["utils", "util", "helpers", "helper", "common", "manager"];

struct Source {
    /// Path below `src`.
    path: String,
    /// Without comments and without test modules.
    code: String,
    lines: usize,
}

impl Source {
    fn part(&self) -> &str {
        let first = self.path.split('/').next().unwrap_or_default();
        first.strip_suffix(".rs").unwrap_or(first)
    }

    fn is_below(&self, place: &str) -> bool {
        self.path.strip_prefix(place).is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '.']))
    }
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, found);
        } else {
            found.push(path);
        }
    }
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    files(&root, &mut found);
    found.retain(|path| path.extension().is_some_and(|extension| extension == "rs"));
    found.sort();
    assert!(found.len() > 80);
    found
        .into_iter()
        .filter(|path| {
            path.file_name().is_none_or(|name| name != "tests.rs") && !path.to_string_lossy().contains("/tests/")
        })
        .map(|path| {
            let text = fs::read_to_string(&path).unwrap();
            // A test module stands at the end of its file.
            let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
            let code: Vec<&str> = code.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
            Source {
                path: path.strip_prefix(&root).unwrap().to_string_lossy().into_owned(),
                code: code.join("\n"),
                lines: text.lines().count(),
            }
        })
        .collect()
}

/// The parts of this crate that a text names behind `crate::`.
fn imports(code: &str) -> BTreeSet<String> {
    let word = |text: &str| text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
    let mut found = BTreeSet::new();
    for (at, _) in code.match_indices("crate::") {
        if code[..at].ends_with('$') {
            continue;
        }
        let rest = &code[at + "crate::".len()..];
        match rest.strip_prefix('{') {
            None => {
                found.insert(word(rest));
            }
            Some(group) => {
                // The first word of each member of the group, nested groups skipped.
                let (mut depth, mut member) = (0, String::new());
                for c in group.chars() {
                    match c {
                        '{' => depth += 1,
                        '}' if depth == 0 => break,
                        '}' => depth -= 1,
                        ',' if depth == 0 => found.extend([word(std::mem::take(&mut member).trim())]),
                        _ if depth == 0 => member.push(c),
                        _ => {}
                    }
                }
                found.insert(word(member.trim()));
            }
        }
    }
    found.remove("");
    found
}

#[test]
fn parts_know_only_whom_they_may() {
    let mut broken = Vec::new();
    for source in sources() {
        let Some((_, allowed)) = MAY_IMPORT.iter().find(|(part, _)| *part == source.part()) else { continue };
        for import in imports(&source.code) {
            let known = MAY_IMPORT.iter().any(|(part, _)| *part == import)
                || ["app", "config", "telemetry"].contains(&import.as_str());
            if known && import != source.part() && !allowed.contains(&import.as_str()) {
                broken.push(format!("src/{} imports {import}; {} may import {allowed:?}", source.path, source.part()));
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn every_part_has_its_law() {
    let free = ["app", "config", "lib", "main", "telemetry"];
    for source in sources() {
        let part = source.part();
        assert!(
            free.contains(&part) || MAY_IMPORT.iter().any(|(known, _)| *known == part),
            "src/{} has no law",
            source.path
        );
    }
}

#[test]
fn crates_are_named_where_they_belong() {
    let mut broken = Vec::new();
    for source in sources() {
        for (name, places) in MAY_NAME {
            let named = source
                .code
                .match_indices(&format!("{name}::"))
                .any(|(at, _)| !source.code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_'));
            if named && !places.iter().any(|place| source.is_below(place)) {
                broken.push(format!("src/{} names {name}, which belongs in {places:?}", source.path));
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn the_domain_the_rights_the_wire_and_the_description_are_pure() {
    let mut broken = Vec::new();
    for source in sources().iter().filter(|source| ["domain", "authz", "wire", "description"].contains(&source.part()))
    {
        broken.extend(
            IMPURE
                .iter()
                .filter(|word| source.code.contains(**word))
                .map(|word| format!("src/{} says {word}", source.path)),
        );
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

/// Whoever accepts connections bounds their number, in all and for one address, and how slow they may be. The sandbox is on
/// loopback, for trying things out.
#[test]
fn connections_are_accepted_where_they_are_bounded() {
    for source in sources() {
        if source.code.contains(".accept()") || source.code.contains("axum::serve(") {
            let places = ["http/listener/serve", "dns/tcp", "sandbox"];
            assert!(places.iter().any(|place| source.is_below(place)), "src/{} accepts connections", source.path);
            let bounded = source.code.contains("Places::new(") || source.part() == "sandbox";
            assert!(bounded, "src/{} accepts connections without places for them", source.path);
        }
    }
}

#[test]
fn no_file_is_too_long_and_none_has_a_name_without_meaning() {
    let mut broken = Vec::new();
    for source in sources() {
        if source.lines > LONGEST {
            broken.push(format!("src/{} has {} lines; {LONGEST} are the most", source.path, source.lines));
        }
        for part in source.path.split('/') {
            if NO_NAMES.contains(&part.trim_end_matches(".rs")) {
                broken.push(format!("src/{}: call it by what it holds, not {part}", source.path));
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

/// True where breaking the line would spoil it: a row of a Markdown table, or a long address.
fn cannot_be_broken(path: &str, line: &str) -> bool {
    let table = Path::new(path).extension().is_some_and(|end| end == "md");
    let row = table && line.trim_start().starts_with('|');
    row || line.split_whitespace().any(|word| word.contains("://") && word.chars().count() >= LONG_ADDRESS)
}

#[test]
fn no_line_is_too_wide_to_be_read() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = vec![root.join("Cargo.toml"), root.join("README.md"), root.join(".ci/run")];
    for folder in WRITTEN {
        files(&root.join(folder), &mut found);
    }
    assert!(found.len() > 400);
    let mut broken = Vec::new();
    for path in found {
        let name = path.strip_prefix(root).unwrap().to_string_lossy().into_owned();
        // What is not text is a picture.
        let Ok(text) = fs::read_to_string(&path) else { continue };
        if NOT_WRITTEN.iter().any(|end| name.ends_with(end)) {
            continue;
        }
        for (index, line) in text.lines().enumerate() {
            let width = line.chars().count();
            if width > WIDEST && !cannot_be_broken(&name, line) {
                broken.push(format!("{name}:{} has {width} characters; {WIDEST} are the most", index + 1));
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

/// The name that a line makes public, where it makes one.
fn made_public(line: &str) -> Option<&str> {
    let mut words =
        line.trim_start().split(|c: char| !(c.is_alphanumeric() || c == '_')).filter(|word| !word.is_empty());
    if !line.trim_start().starts_with("pub") || words.next() != Some("pub") {
        return None;
    }
    let mut kind = None;
    for word in words {
        match (kind, word) {
            (_, "fn" | "struct" | "enum" | "static" | "trait" | "type" | "const") => kind = Some(word),
            (None, "crate" | "super" | "in") | (_, "async" | "unsafe") => {}
            (None, _) => return None,
            (Some(_), name) => return Some(name),
        }
    }
    None
}

/// The compiler says nothing of a public item that nobody uses.
#[test]
fn what_is_public_is_used() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let sources = sources();
    let mut texts: Vec<String> = sources.iter().map(|source| source.code.clone()).collect();
    let mut found = Vec::new();
    for folder in ["templates", "tests/integration", "tests/faults", "benches"] {
        files(&root.join(folder), &mut found);
    }
    texts.extend(found.iter().filter_map(|path| fs::read_to_string(path).ok()));
    let mut named: BTreeMap<&str, usize> = BTreeMap::new();
    for word in texts.iter().flat_map(|text| text.split(|c: char| !(c.is_alphanumeric() || c == '_'))) {
        *named.entry(word).or_default() += 1;
    }
    let mut unused = Vec::new();
    for source in &sources {
        for name in source.code.lines().filter_map(made_public) {
            if named.get(name).is_none_or(|count| *count < 2) {
                unused.push(format!("src/{}: nobody uses {name}", source.path));
            }
        }
    }
    assert!(unused.is_empty(), "{}", unused.join("\n"));
}

#[test]
fn the_configuration_page_is_up_to_date() {
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/CONFIGURATION.md")).unwrap();
    assert!(page == nmp::config::reference(), "write it anew: nmp config reference > docs/CONFIGURATION.md");
}

#[test]
fn the_laws_are_read_right() {
    let code = "use crate::domain::{a, b};\nuse crate::{store, http::{x, y}, authz};\nlet x = crate::service::go();";
    let expected = ["authz", "domain", "http", "service", "store"].map(str::to_owned);
    assert_eq!(imports(code), BTreeSet::from(expected));
    assert_eq!(made_public("    pub(crate) const fn nearest(a: u8) -> u8 {"), Some("nearest"));
    assert_eq!(made_public("pub async fn sweep() {"), Some("sweep"));
    assert_eq!(made_public("pub use crate::store;"), None);
    assert_eq!(made_public("public: fn x"), None);
}
