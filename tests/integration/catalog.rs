//! The interface's catalogue: every part and every page pattern, rendered for checks in a browser.
//!
//! The pages are written to the target folder (`tmp/catalog/`), with the static files beside them.

use std::path::Path;

use askama::Template;

struct Person {
    name: &'static str,
    roles_text: &'static str,
}

struct Flash {
    kind: &'static str,
    text: &'static str,
}

struct Shell {
    theme: &'static str,
    path: &'static str,
    active: &'static str,
    person: Option<Person>,
    may_audit: bool,
    search: String,
    flash: Option<Flash>,
    icons: &'static str,
    version: &'static str,
}

impl Shell {
    fn asset(&self, name: &str) -> String {
        format!("/static/{name}?v={}", self.version)
    }
}

struct Choice {
    value: &'static str,
    label: &'static str,
    hint: &'static str,
    selected: bool,
}

struct FieldError {
    field: &'static str,
    message: &'static str,
}

struct Pill {
    label: &'static str,
    value: &'static str,
    href: &'static str,
}

struct NumberRow {
    e164: &'static str,
    shown: &'static str,
    account: &'static str,
    usage: &'static str,
    kind: &'static str,
    state: &'static str,
    assignment: &'static str,
}

struct OrderRow {
    id: u32,
    what: &'static str,
    kind: &'static str,
    status: &'static str,
}

struct Problem {
    status: u16,
    title: &'static str,
    detail: &'static str,
    request_id: &'static str,
}

#[derive(Template)]
#[template(path = "catalog/numbers.html")]
struct Numbers {
    shell: Shell,
    accounts: Vec<Choice>,
    states: Vec<Choice>,
    pills: Vec<Pill>,
    rows: Vec<NumberRow>,
}

#[derive(Template)]
#[template(path = "catalog/order.html", blocks = ["progress"])]
struct Order {
    shell: Shell,
}

#[derive(Template)]
#[template(path = "catalog/form.html")]
struct Form {
    shell: Shell,
    errors: Vec<FieldError>,
    accounts: Vec<Choice>,
    states: Vec<Choice>,
    services: Vec<Choice>,
    capabilities: Vec<Choice>,
}

#[derive(Template)]
#[template(path = "catalog/review.html")]
struct Review {
    shell: Shell,
    refusal: Vec<Choice>,
}

#[derive(Template)]
#[template(path = "catalog/consent.html")]
struct Consent {
    shell: Shell,
    states: Vec<Choice>,
}

#[derive(Template)]
#[template(path = "catalog/overview.html")]
struct Overview {
    shell: Shell,
    orders: Vec<OrderRow>,
}

#[derive(Template)]
#[template(path = "catalog/parts.html")]
struct Parts {
    shell: Shell,
    api: ApiCalls,
}

struct ApiCalls {
    calls: Vec<ApiCall>,
    notes: Vec<&'static str>,
    script: &'static str,
}

struct ApiCall {
    what: &'static str,
    role: &'static str,
    command: &'static str,
}

#[derive(Template)]
#[template(path = "error.html")]
struct ErrorPage {
    shell: Shell,
    problem: Problem,
}

fn shell(active: &'static str) -> Shell {
    Shell {
        theme: "auto",
        path: "/",
        active,
        person: Some(Person { name: "Wanda Writer", roles_text: "ReadUser, WriteUser" }),
        may_audit: true,
        search: String::new(),
        flash: None,
        icons: "/static/icons.svg",
        version: env!("CARGO_PKG_VERSION"),
    }
}

fn choice(value: &'static str, label: &'static str, hint: &'static str, selected: bool) -> Choice {
    Choice { value, label, hint, selected }
}

fn accounts() -> Vec<Choice> {
    vec![choice("contoso", "contoso", "", true), choice("fabrikam", "fabrikam", "", false)]
}

fn states() -> Vec<Choice> {
    vec![choice("synced", "Synced", "", false), choice("failed", "Failed", "", false)]
}

fn number(shown: &'static str, e164: &'static str, kind: &'static str, state: &'static str) -> NumberRow {
    let assignment = if kind == "ok" { "Assigned" } else { "Unassigned" };
    NumberRow { e164, shown, account: "contoso", usage: "CallingUserAssignment", kind, state, assignment }
}

fn order(id: u32, what: &'static str, kind: &'static str, status: &'static str) -> OrderRow {
    OrderRow { id, what, kind, status }
}

fn pages() -> askama::Result<Vec<(&'static str, String)>> {
    let numbers = Numbers {
        shell: Shell {
            flash: Some(Flash { kind: "ok", text: "Order 1041 is complete: 12 numbers released." }),
            ..shell("numbers")
        },
        accounts: accounts(),
        states: states(),
        pills: vec![
            Pill { label: "Account", value: "contoso", href: "/numbers?status=failed" },
            Pill { label: "Starts with", value: "+441632", href: "/numbers?account=contoso" },
        ],
        rows: vec![
            number("+44 1632 960000", "+441632960000", "ok", "Synced"),
            number("+44 1632 960001", "+441632960001", "ok", "Synced"),
            number("+44 1632 960002", "+441632960002", "pending", "Pending"),
            number("+44 1632 960003", "+441632960003", "bad", "Failed"),
            number("+44 1632 960004", "+441632960004", "release", "Releasing"),
            number("+49 30 23125000", "+493023125000", "ok", "Synced"),
            number("+1 201 555 0123", "+12015550123", "pending", "Pending"),
        ],
    };
    let form = Form {
        shell: shell("numbers"),
        errors: vec![
            FieldError { field: "usage", message: "Choose what the numbers are for" },
            FieldError { field: "capability", message: "Tick at least one capability" },
            FieldError {
                field: "numbers",
                message: "Line 2: 01632 961000 has no country code. Write it as +44 1632 961000.",
            },
            FieldError { field: "custom_sip_header", message: "Use only letters, digits, - and _" },
        ],
        accounts: accounts(),
        states: states(),
        services: vec![
            choice("teamsOperatorConnect", "Operator Connect", "", true),
            choice("teamsPhoneMobile", "Teams Phone Mobile", "", false),
        ],
        capabilities: vec![
            choice("InboundCalling", "Inbound calling", "People outside can call the number", false),
            choice("OutboundCalling", "Outbound calling", "The number can call people outside", false),
        ],
    };
    let review = Review {
        shell: shell("orders"),
        refusal: vec![
            choice("none", "Upload nothing until they are put right", "Correct the file and upload it again", true),
            choice("skip", "Upload the good lines only", "The 4 lines stay in the report", false),
        ],
    };
    let overview = Overview {
        shell: shell("overview"),
        orders: vec![
            order(1043, "Upload of 1,366 lines", "draft", "Draft"),
            order(1042, "Upload of 5,000 numbers", "busy", "In progress"),
            order(1041, "Release of 12 numbers", "ok", "Complete"),
            order(1040, "Upload of 200 numbers", "warn", "Complete with errors"),
            order(1039, "Upload of 1 number", "bad", "Failed"),
        ],
    };
    let api = ApiCalls {
        calls: vec![ApiCall {
            what: "Read the number",
            role: "ProvisioningAPI.Read",
            command: "curl 'https://api.example/accounts/contoso/numbers/+441632960000?api-version=2024-02-29-preview' \\\n  \
                      -H \"Authorization: Bearer $TOKEN\"",
        }],
        notes: vec!["The API takes no ticket."],
        script: "/orders/1043/api-call.sh",
    };
    let error = ErrorPage {
        shell: Shell { person: None, ..shell("") },
        problem: Problem {
            status: 404,
            title: "There is no such page",
            detail: "The address may be mistyped, or what it showed is gone.",
            request_id: "0193a1f2-5d0e-7c55-b0a4-2f9c6f0f3c11",
        },
    };
    Ok(vec![
        ("numbers", numbers.render()?),
        ("order", Order { shell: shell("orders") }.render()?),
        ("form", form.render()?),
        ("review", review.render()?),
        ("consent", Consent { shell: shell("consents"), states: states() }.render()?),
        ("overview", overview.render()?),
        ("parts", Parts { shell: shell("accounts"), api }.render()?),
        ("error", error.render()?),
    ])
}

#[test]
fn every_pattern_has_one_heading_unique_ids_and_known_symbols() {
    let sprite = std::fs::read_to_string("static/icons.svg").unwrap();
    let select = |css: &str| scraper::Selector::parse(css).unwrap();
    for (name, html) in pages().unwrap() {
        let page = scraper::Html::parse_document(&html);
        assert_eq!(page.select(&select("h1")).count(), 1, "{name}: one h1");
        let mut ids = std::collections::BTreeSet::new();
        for element in page.select(&select("[id]")) {
            let id = element.attr("id").unwrap();
            assert!(ids.insert(id), "{name}: id {id} twice");
        }
        for reference in page.select(&select("label[for]")) {
            assert!(ids.contains(reference.attr("for").unwrap()), "{name}: label without input");
        }
        for link in page.select(&select(".summary a")) {
            assert!(ids.contains(link.attr("href").unwrap().trim_start_matches('#')), "{name}: summary to nowhere");
        }
        for icon in page.select(&select("use")) {
            let symbol = icon.attr("href").unwrap().split_once('#').unwrap().1;
            assert!(sprite.contains(&format!("id=\"{symbol}\"")), "{name}: no symbol {symbol}");
        }
        assert_eq!(page.select(&select("[style], style, script:not([src]), button:not([type])")).count(), 0, "{name}");
    }
}

#[test]
fn a_fragment_is_the_same_markup_as_in_its_page() {
    let fragment = Order { shell: shell("orders") }.as_progress().render().unwrap();
    assert!(fragment.starts_with("<section id=\"progress\""));
    assert!(Order { shell: shell("orders") }.render().unwrap().contains(&fragment));
}

#[test]
fn the_catalogue_is_written_for_browser_checks() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("catalog");
    std::fs::create_dir_all(folder.join("static")).unwrap();
    for (name, html) in pages().unwrap() {
        std::fs::write(folder.join(format!("{name}.html")), html).unwrap();
    }
    for file in std::fs::read_dir("static").unwrap() {
        let file = file.unwrap();
        std::fs::copy(file.path(), folder.join("static").join(file.file_name())).unwrap();
    }
}
