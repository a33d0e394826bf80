//! "Show as API call": the command that a page shows, run by a shell for real, does what the page's own button does.

use std::fmt::Write as _;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::harness::caller::{Caller, Reply, token};
use crate::harness::portal::{OF_CONTOSO, Portal, stage_release, stage_upload, upload_form};
use crate::harness::visitor::{Answer, Visitor};
use crate::harness::world::{CONTOSO, FABRIKAM};
use crate::harness::{eventually, runtime};

const VERSION: &str = "api-version=2024-02-29-preview";
/// What a shell would trip over, in a text that people may type.
const NASTY: &str = "it's \"O'Neil\" $HOME `id` $(id) \\ ! * # é";
/// A ticket that no form takes: everything else stands, and the form comes back.
const LONG: &str = "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx";

/// The demo with an administrator at the portal, and the program `bss-admin` with its token.
struct Both {
    portal: Portal,
    caller: Caller,
    token: String,
}

impl Both {
    async fn start() -> Self {
        let portal = Portal::start().await;
        let token = token(&portal.demo.issuer, "bss-admin").await;
        Self { caller: Caller::with_token(&portal.demo.api, token.clone()), token, portal }
    }

    /// Runs a command as it was copied from a page; gives the status and the body of the answer.
    fn run(&self, command: &str) -> (u16, Value) {
        let script = format!("curl() {{ command curl --silent --write-out '\\n%{{http_code}}' \"$@\"; }}\n{command}\n");
        let output = shell(&["-c", &script], Some(&self.token));
        assert!(output.status.success() && output.stderr.is_empty(), "{output:?}\n{command}");
        let output = String::from_utf8(output.stdout).unwrap();
        let (body, status) = output.rsplit_once('\n').unwrap();
        let body = if body.is_empty() { Value::Null } else { serde_json::from_str(body).unwrap() };
        (status.parse().unwrap(), body)
    }

    async fn get(&self, path: &str) -> Reply {
        self.caller.get(&format!("{path}?{VERSION}")).await
    }

    /// What a program may set of a resource.
    async fn desired(&self, path: &str) -> Value {
        let reply = self.get(path).await;
        assert_eq!(reply.status, StatusCode::OK, "{reply:?}");
        let mut resource = reply.json();
        let members = resource.as_object_mut().unwrap();
        members.retain(|name, _| !["name", "telephoneNumber", "accountName"].contains(&name.as_str()));
        members.retain(|name, _| !name.starts_with("serviceProvisioning"));
        resource
    }
}

fn shell(words: &[&str], token: Option<&str>) -> Output {
    let mut command = Command::new("sh");
    command.args(words).stdin(Stdio::null()).env_remove("TOKEN");
    if let Some(token) = token {
        command.env("TOKEN", token);
    }
    command.output().unwrap()
}

/// The commands that a page shows.
fn commands(page: &Answer) -> Vec<String> {
    let html = scraper::Html::parse_document(&page.text);
    let code = scraper::Selector::parse("details.api-call pre code[id]").unwrap();
    html.select(&code).map(|code| code.text().collect()).collect()
}

/// The only command that a page shows.
fn command(page: &Answer) -> String {
    let mut all = commands(page);
    assert_eq!(all.len(), 1, "{} {} {all:?}\n{}", page.status, page.url, page.text);
    all.remove(0)
}

/// What stands in a hidden field of a form of the page.
fn hidden(page: &Answer, name: &str) -> String {
    let html = scraper::Html::parse_document(&page.text);
    let field = scraper::Selector::parse(&format!("main input[type=hidden][name={name}]")).unwrap();
    html.select(&field).next().unwrap().attr("value").unwrap().to_owned()
}

/// Submits a draft with the review as it was shown; the review made anew says what there is left to do.
async fn left_to_do(admin: &mut Visitor, order: i64) -> String {
    let shown = hidden(&admin.get(&format!("/orders/{order}/review")).await, "shown");
    let again = admin.post(&format!("/orders/{order}/submit"), &[("shown", &shown), ("good_only", "true")]).await;
    assert_eq!(again.status, StatusCode::CONFLICT, "{}", again.text);
    // What stands for the accounts is no count.
    hidden(&again, "shown").split(" parties.").next().unwrap_or_default().to_owned()
}

async fn upload(admin: &mut Visitor, account: &str, numbers: &str, file: Option<&[u8]>) -> i64 {
    let staged = admin.upload("/numbers/upload", &upload_form(account, numbers), file).await.unwrap();
    let review = staged.location.unwrap_or_else(|| panic!("{}", staged.text));
    review.strip_prefix("/orders/").and_then(|rest| rest.strip_suffix("/review")).unwrap().parse().unwrap()
}

#[test]
fn the_command_of_an_account_makes_the_account_that_the_form_makes() {
    runtime().block_on(async {
        let mut both = Both::start().await;
        let form = |name: &'static str, ticket: &'static str| {
            let typed = [("name", name), ("tenant", CONTOSO), ("correlation_id", NASTY), ("ticket", ticket)];
            [
                &typed[..],
                &[("service", "operatorConnect"), ("service", "teamsPhoneMobile"), ("sync", "teamsPhoneMobile")],
            ]
            .concat()
        };
        let refused = both.portal.admin.post("/accounts/new", &form("by-call", LONG)).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
        let create = command(&refused);
        assert_eq!(both.run(&create).0, 201, "{create}");
        both.portal.admin.post("/accounts/new", &form("by-form", "")).await;
        let by_form = both.desired("/accounts/by-form").await;
        assert_eq!(by_form["correlationId"], NASTY);
        assert_eq!(both.desired("/accounts/by-call").await, by_form);
        // A name that is taken: neither takes the account over.
        let taken = command(&both.portal.admin.post("/accounts/new", &form("fabrikam", "")).await);
        let before = both.get("/accounts/fabrikam").await.text;
        assert_eq!(both.run(&taken).0, 412);
        assert_eq!(both.get("/accounts/fabrikam").await.text, before);

        // The page of the account puts it there as it is, also what no form offers.
        let mut own = both.get("/accounts/by-call").await.json();
        own["serviceDetails"]["zoomPhoneCloudPeering"] = json!({ "enabled": true, "syncEnabled": true });
        own["serviceDetails"]["azureOperatorCallProtection"] = json!({ "enabled": false });
        for name in ["by-call", "by-form"] {
            own["name"] = name.into();
            let put = both.caller.request(reqwest::Method::PUT, &format!("/accounts/{name}?{VERSION}")).json(&own);
            assert_eq!(Reply::to(put).await.status, StatusCode::OK);
        }
        let before = both.get("/accounts/by-call").await;
        let keep = command(&both.portal.admin.get("/accounts/by-call").await);
        assert_eq!(both.run(&keep), (200, before.json()));
        assert_eq!(both.get("/accounts/by-call").await.header("etag"), before.header("etag"));

        // The form of a change, refused once and taken once.
        for (name, ticket) in [("by-call", LONG), ("by-form", "")] {
            let version = hidden(&both.portal.admin.get(&format!("/accounts/{name}/edit")).await, "version");
            let change = [
                ("tenant", FABRIKAM),
                ("service", "operatorConnect"),
                ("sync", "operatorConnect"),
                ("service", "zoomPhoneCloudPeering"),
                ("service", "directRouting"),
                ("call_screening", "true"),
                ("subdomain", name),
                ("token1", "MS=ms10000001"),
            ];
            let change = [&change[..], &[("version", version.as_str()), ("ticket", ticket)]].concat();
            let answer = both.portal.admin.post(&format!("/accounts/{name}/edit"), &change).await;
            if !ticket.is_empty() {
                assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
                assert_eq!(both.run(&command(&answer)).0, 200);
            }
        }
        let by_form = both.desired("/accounts/by-form").await;
        assert_eq!(by_form["serviceDetails"]["zoomPhoneCloudPeering"]["enabled"], true);
        let routing = &by_form["serviceDetails"]["teamsDirectRouting"]["configuration"];
        assert_eq!(routing["subdomainTokens"], json!({ "region1Token": "MS=ms10000001", "region2Token": "-" }));
        assert_eq!(by_form["serviceDetails"]["teamsTenantId"], FABRIKAM);
        // Each has a subdomain of its own.
        let (mut by_call, mut by_form) = (both.desired("/accounts/by-call").await, by_form);
        for (name, account) in [("by-call", &mut by_call), ("by-form", &mut by_form)] {
            let subdomain = account["serviceDetails"]["teamsDirectRouting"]["configuration"]["subdomain"].take();
            assert_eq!(subdomain, name);
        }
        assert_eq!(by_call, by_form);

        // A name that no address could hold has no command; any other mistake is the API's to refuse.
        assert!(commands(&both.portal.admin.post("/accounts/new", &form("a b", "")).await).is_empty());
        let wrong = [("name", "wrong"), ("tenant", "no tenant"), ("service", "operatorConnect")];
        let wrong = command(&both.portal.admin.post("/accounts/new", &wrong).await);
        let (status, body) = both.run(&wrong);
        assert_eq!((status, &body["error"]["target"]), (400, &json!("serviceDetails.teamsTenantId")), "{body}");
    });
}

#[test]
fn the_command_of_a_deletion_deletes() {
    runtime().block_on(async {
        let mut both = Both::start().await;
        let empty = [("name", "empty"), ("tenant", CONTOSO), ("service", "operatorConnect")];
        both.portal.admin.post("/accounts/new", &empty).await;
        for (name, query) in [("empty", "?api-version"), ("contoso", "?deleteNumbers=true&api-version")] {
            let delete = command(&both.portal.admin.get(&format!("/accounts/{name}/delete")).await);
            assert!(delete.contains(query), "{delete}");
            assert_eq!(both.run(&delete), (204, Value::Null));
            let path = format!("/accounts/{name}");
            eventually("the account is gone", Duration::from_secs(30), async || {
                (both.portal.admin.get(&path).await.status == StatusCode::NOT_FOUND).then_some(())
            })
            .await;
        }
    });
}

#[test]
fn the_commands_of_a_number_read_it_and_put_it_back() {
    runtime().block_on(async {
        let mut both = Both::start().await;
        let path = format!("/accounts/contoso/numbers/{OF_CONTOSO}");
        let synced = async || {
            let reply = both.get(&path).await;
            (reply.json()["serviceProvisioningStatus"]["status"] == "synced"
                || reply.json()["serviceProvisioningStatus"] == "synced")
                .then_some(reply)
        };
        let before = eventually("the number is synced", Duration::from_secs(30), synced).await;
        let page = both.portal.admin.get(&format!("/numbers/{OF_CONTOSO}")).await;
        let both_commands = commands(&page);
        let [read, put] = both_commands.as_slice() else { panic!("{}", page.text) };
        assert_eq!(both.run(read), (200, before.json()));
        assert_eq!(both.run(put), (200, before.json()), "it is as it was");
        let manage = both.portal.admin.get(&format!("/numbers/{OF_CONTOSO}/edit")).await;
        assert_eq!(commands(&manage), [read.clone(), put.clone()]);

        let wanted = both.desired(&path).await;
        let delete = both.caller.request(reqwest::Method::DELETE, &format!("{path}?{VERSION}"));
        assert_eq!(Reply::to(delete).await.status, StatusCode::NO_CONTENT);
        let (shown, put) = (format!("/numbers/{OF_CONTOSO}"), put.clone());
        eventually("the number is released", Duration::from_secs(30), async || {
            let page = both.portal.admin.get(&shown).await;
            assert!(commands(&page).is_empty(), "a number that goes or is gone has no command");
            page.text.contains("is on no account now").then_some(())
        })
        .await;
        assert_eq!(both.run(&put).0, 201);
        assert_eq!(both.desired(&path).await, wanted);
    });
}

#[test]
fn the_commands_of_a_review_leave_nothing_to_do() {
    runtime().block_on(async {
        let mut both = Both::start().await;
        // A short one stands there whole.
        let order = stage_upload(&mut both.portal.admin, "contoso", "+441632960100-0104").await;
        let review = both.portal.admin.get(&format!("/orders/{order}/review")).await;
        assert!(!review.text.contains("api-call.sh"));
        let (status, body) = both.run(&command(&review));
        assert_eq!((status, body["numbers"].as_array().unwrap().len()), (200, 5), "{body}");
        assert_eq!(left_to_do(&mut both.portal.admin, order).await, "unchanged.5");

        // A long one is a script: two accounts, numbers that are new, changed, unchanged and refused.
        let heading = |setting: &str| format!("serviceDetails_teamsOperatorConnect_{setting}");
        let headings = [
            "enabled",
            "configuration_usage",
            "configuration_choosableCapabilities",
            "configuration_allowTenantAddressUpdate",
            "configuration_displayedCountryCode",
        ];
        let line = |number: &str, account: &str| {
            format!("{number},{account},true,CallingUserAssignment,InboundCalling,true,GB\r\n")
        };
        let mut file = format!("telephoneNumber,accountName,{}\r\n", headings.map(heading).join(","));
        file.extend((0..20).map(|n| line(&format!("+121255501{n:02}"), "fabrikam")));
        file.extend((0..230).map(|n| line(&format!("+441632960{n:03}"), "contoso")));
        file.push_str(&line("+12125550123", "contoso"));
        let order = upload(&mut both.portal.admin, "", "", Some(file.as_bytes())).await;
        let review = both.portal.admin.get(&format!("/orders/{order}/review")).await;
        let shown = command(&review);
        assert_eq!(shown.matches("telephoneNumber").count(), 3, "{shown}");
        assert!(review.text.contains("3 numbers of 244"), "{}", review.text);
        let script = both.portal.admin.get(&format!("/orders/{order}/api-call.sh")).await;
        assert_eq!(script.headers["content-type"], "text/x-shellscript; charset=utf-8");
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path().join("it's a script.sh");
        let path = at.to_str().unwrap();
        for (text, token) in [
            (script.text.as_str(), None),
            (script.text.strip_suffix("# end\n").unwrap(), Some(both.token.as_str())),
            (&script.text[..script.text.len() / 2], Some(both.token.as_str())),
        ] {
            std::fs::write(&at, text).unwrap();
            let output = shell(&[path], token);
            assert!(!output.status.success() && output.stdout.is_empty(), "{output:?}");
        }
        std::fs::write(&at, &script.text).unwrap();
        let output = shell(&[path], Some(&both.token));
        assert!(output.status.success(), "{output:?}");
        assert_eq!(String::from_utf8(output.stderr).unwrap(), "1 of 4\n2 of 4\n3 of 4\n4 of 4\n");
        assert_eq!(String::from_utf8(output.stdout).unwrap().matches("\"telephoneNumber\"").count(), 244);
        assert_eq!(left_to_do(&mut both.portal.admin, order).await, "unchanged.250 other-account.1");
        // A call that is refused ends it.
        std::fs::write(&at, script.text.replacen("\"enabled\":true", "\"enabled\":1", 1)).unwrap();
        let output = shell(&[path], Some(&both.token));
        assert!(!output.status.success() && output.stderr.starts_with(b"1 of 4\n"), "{output:?}");
        assert!(String::from_utf8(output.stdout).unwrap().contains("\"error\""));
        let submitted = both.portal.admin.post(&format!("/orders/{order}/discard"), &[]).await;
        assert_eq!(submitted.status, StatusCode::OK);
        let gone = both.portal.admin.get(&format!("/orders/{order}/api-call.sh")).await;
        assert_eq!(gone.url.path(), format!("/orders/{order}"), "there is nothing to do any more");
    });
}

#[test]
fn the_commands_of_a_release_release() {
    runtime().block_on(async {
        let mut both = Both::start().await;
        let order = stage_release(&mut both.portal.admin, OF_CONTOSO).await;
        let release = command(&both.portal.admin.get(&format!("/orders/{order}/review")).await);
        assert_eq!(both.run(&release), (204, Value::Null));
        let path = format!("/accounts/contoso/numbers/{OF_CONTOSO}");
        assert_eq!(both.get(&path).await.status, StatusCode::NOT_FOUND);
        let left = left_to_do(&mut both.portal.admin, order).await;
        assert!(["releasing.1", "gone.1"].contains(&left.as_str()), "{left}");

        let upload = stage_upload(&mut both.portal.admin, "contoso", "+441632960300-0419").await;
        both.portal.admin.post(&format!("/orders/{upload}/submit"), &[]).await;
        let all = both.portal.admin.post("/numbers/release", &[("account", "contoso"), ("all_matching", "true")]).await;
        let order = all.url.path().strip_prefix("/orders/").and_then(|rest| rest.strip_suffix("/review")).unwrap();
        let script = both.portal.admin.get(&format!("/orders/{order}/api-call.sh")).await.text;
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), script).unwrap();
        let output = shell(&[file.path().to_str().unwrap()], Some(&both.token));
        assert!(output.status.success() && output.stderr == b"1 of 2\n2 of 2\n", "{output:?}");
        eventually("the numbers are gone", Duration::from_secs(30), async || {
            let account = both.get("/accounts/contoso").await.json();
            (account["serviceDetails"]["teamsOperatorConnect"]["numberCount"] == 0).then_some(())
        })
        .await;
    });
}

#[test]
fn the_command_of_a_consent_says_what_the_form_says() {
    runtime().block_on(async {
        let mut both = Both::start().await;
        let relationship = async |both: &Both, tenant: &str| {
            let mut relationship =
                both.get(&format!("/teamsRequestsForInformation/{tenant}")).await.json()["customerRelationship"].take();
            relationship.as_object_mut().unwrap().remove("lastModifiedOn");
            relationship
        };
        let reason = format!("{NASTY}\nJSON\nsecond line");
        for reason in [reason.as_str(), ""] {
            for (tenant, ticket) in [(CONTOSO, LONG), (FABRIKAM, "")] {
                let path = format!("/consents/{tenant}");
                let version = hidden(&both.portal.admin.get(&path).await, "version");
                let form =
                    [("status", "AgreementSigned"), ("reason", reason), ("ticket", ticket), ("version", &version)];
                let answer = both.portal.admin.post(&format!("{path}/relationship"), &form).await;
                if !ticket.is_empty() {
                    assert_eq!(both.run(&command(&answer)).0, 200);
                }
            }
            let by_call = relationship(&both, CONTOSO).await;
            assert_eq!(by_call, relationship(&both, FABRIKAM).await);
            assert_eq!(by_call.get("comment").and_then(Value::as_str), Some(reason).filter(|text| !text.is_empty()));
        }
    });
}

#[test]
fn a_command_is_shown_to_whoever_may_do_it() {
    runtime().block_on(async {
        let mut portal = Portal::start().await;
        let upload = stage_upload(&mut portal.admin, "contoso", "+441632960100").await;
        let release = stage_release(&mut portal.admin, OF_CONTOSO).await;
        let pages = [
            "/accounts/contoso".to_owned(),
            "/accounts/contoso/delete".to_owned(),
            format!("/numbers/{OF_CONTOSO}"),
            format!("/numbers/{OF_CONTOSO}/edit"),
            format!("/consents/{CONTOSO}"),
            format!("/orders/{upload}/review"),
            format!("/orders/{release}/review"),
        ];
        let mut seen = String::new();
        for person in ["reader", "writer", "deleter", "admin"] {
            let mut visitor = portal.sign_in(person).await;
            let mut methods = Vec::new();
            for page in &pages {
                let words = |command: String| command.split(" -X ").nth(1).map_or("GET", |rest| &rest[..3]).to_owned();
                let shown: Vec<String> = commands(&visitor.get(page).await).into_iter().map(words).collect();
                methods.push(if shown.is_empty() { "-".to_owned() } else { shown.join("+") });
            }
            writeln!(seen, "{person:8} {}", methods.join(" ")).unwrap();
        }
        insta::assert_snapshot!(seen, @"
        reader   - - GET - - - -
        writer   PUT - GET+PUT GET+PUT PAT POS -
        deleter  - DEL GET - - - POS
        admin    PUT DEL GET+PUT GET+PUT PAT POS POS
        ");
    });
}
