use super::*;

fn sources(file: &str, environment: &[(&str, &str)]) -> Sources {
    let environment = environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Sources { file: Some(file.to_owned()), environment, flags: Vec::new() }
}

const GOOD: &str = r#"
    portal.public_url = "https://portal.example.com/"
    api = { public_url = "https://provapi.example.com/", audience = "nmp-api" }
    database.url = "postgres://nmp:hush@db.example.com/nmp"
    [identity]
    issuer = "https://login.example.com/"
    client_id = "portal"
    client_secret = "hush"
    [operator_connect]
    base_url = "https://oc.example.com/"
    token_url = "https://login.example.com/token"
    client_id = "portal"
    client_secret = "hush"
"#;

fn problems(file: &str, environment: &[(&str, &str)]) -> Vec<String> {
    match Config::load(sources(file, environment), Purpose::Production) {
        Ok(_) => Vec::new(),
        Err(problems) => problems.iter().map(ToString::to_string).collect(),
    }
}

#[test]
fn a_good_file_loads_and_hides_its_secrets() {
    let config = Config::load(sources(GOOD, &[]), Purpose::Production).unwrap();
    assert_eq!(config.portal.session_idle, Duration::from_mins(30));
    assert_eq!(config.relationship_statuses, RelationshipChoice::defaults());
    assert!(!format!("{config:?}").contains("hush"));
}

#[test]
fn later_layers_win() {
    let mut sources = sources(
        &format!("uploads.max_numbers = 5\nlog.level = \"warn\"\n{GOOD}"),
        &[("NMP_UPLOADS__MAX_NUMBERS", "6"), ("NMP_LOG__LEVEL", "debug"), ("PATH", "x")],
    );
    sources.flags.push(("log.level", "error".to_owned()));
    let config = Config::load(sources, Purpose::Production).unwrap();
    assert_eq!((config.uploads.max_numbers, config.log.level.as_str()), (6, "error"));
}

#[test]
fn every_problem_is_reported_at_once_with_its_key() {
    let file = r#"
        portal = { listen = "8080", public_url = "http://portal.example.com/", sesion_idle_minutes = 3 }
        database.url = "mysql://hush@x/y"
        identity = { issuer = "https://login.example.com/{tenantid}/v2.0", algorithms = ["none"] }
        operator_connect = { base_url = "http://127.0.0.1:8090/operator-connect" }
        uploads.max_numbers = "many"
        roles.run = ["portal", "sync", "web"]
        log.format = "xml"
        wholly.unknown = 1
    "#;
    let found = problems(
        file,
        &[
            ("NMP_DNS__LISTEN", "here"),
            ("NMP_PORTAL_LISTEN", "127.0.0.1:1"),
            ("NMP_OPERATOR_CONNECT__CLIENT_SECRET_FILE", "/nonexistent/x"),
        ],
    );
    let starts = [
        "portal.listen: \u{201c}8080\u{201d} is not an IP address and port",
        "portal.public_url: http://portal.example.com/ is plain HTTP",
        "portal.sesion_idle_minutes: no such setting; did you mean portal.session_idle_minutes?",
        "database.url: must be sqlite:",
        "identity.issuer: https://login.example.com/{tenantid}/v2.0 stands for many issuers",
        "identity.client_id: is missing",
        "identity.algorithms: \u{201c}none\u{201d} is not one of RS256",
        "api.audience: is missing",
        "operator_connect.base_url: http://127.0.0.1:8090/operator-connect is the sandbox",
        "operator_connect.token_url: is missing",
        "operator_connect.client_id: is missing",
        "NMP_OPERATOR_CONNECT__CLIENT_SECRET_FILE: cannot read /nonexistent/x",
        "uploads.max_numbers: \u{201c}many\u{201d} is not a whole number from 1 to 10000000",
        "roles.run: \u{201c}web\u{201d} is not one of portal, api, sync, dns",
        "log.format: \u{201c}xml\u{201d} is not one of json, text",
        "wholly.unknown: no such setting; \u{201c}nmp config reference\u{201d}",
        "NMP_DNS__LISTEN: \u{201c}here\u{201d} is not",
        "NMP_PORTAL_LISTEN: no such setting; did you mean NMP_PORTAL__LISTEN?",
    ];
    for start in starts {
        assert_eq!(found.iter().filter(|line| line.starts_with(start)).count(), 1, "{start}\n{found:#?}");
    }
    assert_eq!(found.len(), starts.len(), "{found:#?}");
    assert!(found.iter().all(|line| !line.contains('\n') && !line.contains("hush")));
}

#[test]
fn the_api_has_its_own_rules() {
    let with = |api: &str| {
        let file = GOOD.replace(r#"api = { public_url = "https://provapi.example.com/", audience = "nmp-api" }"#, api);
        problems(&file, &[])
    };
    assert_eq!(with(r#"api.audience = ["one", "two"]"#), Vec::<String>::new());
    let found = with(
        r#"api = { public_url = "http://provapi.example.com/v1", audience = "portal", algorithms = ["HS256"], allowed_networks = ["10.0.0.0/40"], rate_burst = 0 }"#,
    );
    let starts = [
        "api.allowed_networks: \u{201c}10.0.0.0/40\u{201d} is not an IP address or a network",
        "api.rate_burst: 0 is not a whole number from 1",
        "api.public_url: http://provapi.example.com/v1 is plain HTTP; tokens would travel unprotected",
        "api.public_url: http://provapi.example.com/v1 has a path",
        "api.audience: is identity.client_id too",
        "api.algorithms: \u{201c}HS256\u{201d} is not one of RS256",
    ];
    assert_eq!(found.len(), starts.len(), "{found:#?}");
    for (line, start) in found.iter().zip(starts) {
        assert!(line.starts_with(start), "{line}");
    }
    assert!(with("")[0].starts_with("api.audience: is missing"));
    assert_eq!(problems(&GOOD.replace("api = {", "roles.run = [\"portal\", \"sync\"]\n#"), &[]), Vec::<String>::new());
}

#[test]
fn a_secret_comes_from_a_file() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "from a file\n").unwrap();
    let path = file.path().to_str().unwrap();
    let config =
        Config::load(sources(GOOD, &[("NMP_IDENTITY__CLIENT_SECRET_FILE", path)]), Purpose::Production).unwrap();
    assert_eq!(secrecy::ExposeSecret::expose_secret(&config.identity.client_secret.unwrap()), "from a file");
    // Only secrets have that variant.
    assert_eq!(problems(GOOD, &[("NMP_LOG__LEVEL_FILE", path)]).len(), 1);
}

#[test]
fn a_folder_that_is_not_there_is_named() {
    let file = GOOD.replace("postgres://nmp:hush@db.example.com/nmp", "sqlite:/nonexistent/nmp.db");
    assert_eq!(
        problems(&file, &[]),
        ["database.url: the folder /nonexistent does not exist; create it, writable for this user"]
    );
}

#[test]
fn tables_come_from_the_environment_too() {
    let statuses = r#"[{ label = "Signed", value = "AgreementSigned" }]"#;
    let config = Config::load(sources(GOOD, &[("NMP_RELATIONSHIP__STATUSES", statuses)]), Purpose::Production).unwrap();
    assert_eq!(
        config.relationship_statuses,
        [RelationshipChoice { label: "Signed".into(), value: "AgreementSigned".into(), needs_reason: false }]
    );
}

#[test]
fn the_reference_is_up_to_date() {
    assert_eq!(
        include_str!("../../docs/CONFIGURATION.md"),
        reference(),
        "run: nmp config reference > docs/CONFIGURATION.md"
    );
}
