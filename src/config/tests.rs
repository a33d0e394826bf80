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
        r#"
        api.public_url = "http://provapi.example.com/v1"
        api.audience = "portal"
        api.algorithms = ["HS256"]
        api.allowed_networks = ["10.0.0.0/40"]
        api.rate_burst = 0"#,
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
fn the_name_server_has_its_own_rules() {
    let with = |more: &str| problems(&format!("{more}\n{GOOD}"), &[]);
    let good = r#"
        direct_routing.base_domain = "PSTN.example.net."
        direct_routing.regions = [{ label = "1R1", addresses = ["192.0.2.1", "2001:db8::1"], srv = [
            { service = "_sip._tls", port = 5061, target = "sbc.example.net" },
        ] }]
        dns.name_servers = [{ name = "ns1.pstn.example.net.", addresses = ["192.0.2.53"] }, { name = "ns.example.org" }]
        dns.catalog_file = "/var/lib/nmp/zone"
    "#;
    let more = format!(
        "{good}dns.secondaries = \"192.0.2.54, [2001:db8::53]:5353\"\ndns.transfer_key_name = \"transfer_1\"\ndns.transfer_key = \"{}\"",
        "aGFyZGx5IGEgc2VjcmV0IGF0IGFsbA=="
    );
    assert_eq!(with(&more), Vec::<String>::new());
    let config = Config::load(sources(&format!("{more}\n{GOOD}"), &[]), Purpose::Production).unwrap();
    assert_eq!(config.zones().unwrap().names("contoso"), ["contoso.1r1.pstn.example.net"]);
    assert_eq!(config.layout().unwrap().contact, "hostmaster@pstn.example.net");
    assert_eq!(config.dns.secondaries[0].0.port(), 53);
    assert_eq!(config.dns.transfer_key.bytes().unwrap(), b"hardly a secret at all");
    // Without a base domain there is nothing to answer for.
    assert_eq!(Config::load(sources(GOOD, &[]), Purpose::Production).unwrap().zones(), None);

    let found = with(
        r#"
        direct_routing.base_domain = "pstn.example_net"
        direct_routing.regions = [
            { label = "1r1" },
            { label = "1R1", srv = [{ service = "sip", port = 1, target = "x" }] },
            { label = "-" },
        ]
        dns.name_servers = [
            { name = "ns1.pstn.example_net" },
            { name = "a.1r1.pstn.example_net", addresses = ["192.0.2.1"] },
        ]
        dns.contact = "hostmaster"
        dns.secondaries = ["ns.example.net"]
        dns.transfer_key = "c2hvcnQ="
        dns.resolver = "8.8"
        "#,
    );
    let starts = [
        "dns.secondaries: \u{201c}ns.example.net\u{201d} is not an IP address",
        "dns.resolver: \u{201c}8.8\u{201d} is not an IP address",
        "direct_routing.regions: names 3 regions",
        "direct_routing.regions: \u{201c}1r1\u{201d} is named twice",
        "direct_routing.regions: \u{201c}sip\u{201d} is not a service",
        "direct_routing.regions: \u{201c}x\u{201d} is not a full name",
        "direct_routing.regions: \u{201c}-\u{201d} is not a label",
        "direct_routing.base_domain: \u{201c}pstn.example_net\u{201d}: \u{201c}example_net\u{201d} is not a label",
        "dns.name_servers: \u{201c}ns1.pstn.example_net\u{201d}",
        "dns.name_servers: ns1.pstn.example_net is inside the zone and has no addresses",
        "dns.name_servers: \u{201c}a.1r1.pstn.example_net\u{201d}",
        "dns.name_servers: a.1r1.pstn.example_net stands among the customers' names",
        "dns.contact: \u{201c}hostmaster\u{201d} is not a mail address",
        "dns.catalog_file: is missing",
    ];
    assert_eq!(found.len(), starts.len(), "{found:#?}");
    for (line, start) in found.iter().zip(starts) {
        assert!(line.starts_with(start), "{line}\n{start}");
    }

    let found = with(&good.replace("PSTN", &"p".repeat(36)).replace("ns1.pstn.example.net.", "ns1.example.org"));
    assert!(found.len() == 1 && found[0].starts_with("direct_routing.base_domain: ") && found[0].contains("no room"));
    let found = with(&good.replace("dns.", "#"));
    assert_eq!(found.len(), 2, "{found:#?}");
    assert!(found[0].starts_with("dns.name_servers: is empty") && found[1].starts_with("dns.catalog_file"));
    let update = "direct_routing.base_domain = \"pstn.example.net\"\n\
                  dynamic_update = { primary = \"192.0.2.1\", zone = \"example.org\", key = \"c2hvcnQ=\" }";
    let starts = [
        "dynamic_update.key_name: is missing",
        "dynamic_update.key: is not base64 of at least 16",
        "dynamic_update.zone: example.org does not hold",
    ];
    let found = with(update);
    assert!(found.len() == 3 && found.iter().zip(starts).all(|(line, start)| line.starts_with(start)), "{found:#?}");
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

const MOBILE: &str = r#"
    [[backends]]
    name = "mobile"
    label = "Mobile core"
    services = ["teamsPhoneMobile"]
    base_url = "https://mobile.example.com/"
    token_url = "https://login.example.com/token"
    client_id = "portal"
    client_secret = "hush"
    batch_size = 200
    requests_per_second = 20
"#;

#[test]
fn a_deployment_has_none_one_or_several_backends() {
    let names = |file: &str| {
        let config = Config::load(sources(file, &[]), Purpose::Production).unwrap();
        assert!(!format!("{config:?}").contains("hush"));
        config.backends().iter().map(|backend| backend.info.name.clone()).collect::<Vec<_>>()
    };
    assert_eq!(names(GOOD), ["operator-connect"]);
    let both = format!("{GOOD}{MOBILE}")
        .replace("base_url = \"https://oc", "services = [\"operatorConnect\"]\n    base_url = \"https://oc");
    assert_eq!(names(&both), ["operator-connect", "mobile"]);
    let (none, _) = GOOD.split_once("[operator_connect]").unwrap();
    assert_eq!(names(&format!("operator_connect.services = []\n{none}")), [""; 0]);
}

#[test]
fn backends_that_do_not_fit_each_other_are_told_by_name() {
    let found = problems(&format!("{GOOD}{MOBILE}"), &[]);
    assert_eq!(
        found,
        ["backends: teamsPhoneMobile is among the services of operator-connect and of mobile; \
             its numbers go to one backend. Take it from one of them"]
    );
    let with = |entries: &str| problems(&format!("backends = {entries}\n{GOOD}"), &[]);
    let found = with(r#"[{ name = "Zoom 1", services = [], offers = ["consents", "moods"], batch_size = 0 }]"#);
    let starts = [
        "backends: Zoom 1: offers holds \u{201c}moods\u{201d}",
        "backends: Zoom 1: batch_size is 0; write a whole number from 1 to 10000",
        "backends: Zoom 1: base_url is missing; write the base address of the Zoom 1 backend",
        "backends: Zoom 1: token_url is missing",
        "backends: Zoom 1: client_id is missing",
        "backends: Zoom 1: client_secret is missing",
        "backends: the name \u{201c}Zoom 1\u{201d} must be 1 to 40",
        "backends: Zoom 1: services is empty",
        "backends: consents is among what operator-connect and Zoom 1 offer",
    ];
    assert_eq!(found.len(), starts.len(), "{found:#?}");
    for (line, start) in found.iter().zip(starts) {
        assert!(line.starts_with(start), "{line}\n{start}");
    }
    let found = with(
        r#"[{ name = "both", services = ["zoomPhoneCloudPeering", "azureOperatorCallProtection"],
        base_url = "https://a.example/", token_url = "https://a.example/", client_id = "a", client_secret = "hush" }]"#,
    );
    assert_eq!(
        found,
        ["backends: both: a number may have zoomPhoneCloudPeering and azureOperatorCallProtection at once, \
             and a backend holds it for one service; give them a backend each"]
    );
    // What is no secret's business is not repeated.
    let found = with(r#"[{ name = "zoom", services = ["zoomPhoneCloudPeering"], client_secret = 271828 }]"#);
    assert!(
        found[0].starts_with("backends: client_secret must be a text") && !found[0].contains("271828"),
        "{found:#?}"
    );
    assert!(with(r#"[{ name = "zoom", services = ["zoomPhoneCloudPeering"], colour = 1 }]"#)[0].contains("colour"));
}

#[test]
fn the_reference_is_up_to_date() {
    assert_eq!(
        include_str!("../../docs/CONFIGURATION.md"),
        reference(),
        "run: nmp config reference > docs/CONFIGURATION.md"
    );
}
