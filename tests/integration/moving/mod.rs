//! Moving in: what another system has is looked through, taken over as it is, and never pushed.

mod backend;
mod files;
mod live;
mod page;
mod program;
mod service;

use nmp::service::moving::{Import, ImportKind, Mover, Report, Source};
use serde_json::{Value, json};

use crate::harness::database::{numbers, texts};
use crate::harness::world::{CONTOSO, World, grant, origin};

/// Somebody who may import.
fn mover() -> Mover {
    Mover::new(&grant(), origin()).unwrap()
}

fn source(kind: ImportKind) -> Source {
    Source { kind, name: "a test".to_owned() }
}

fn dry_run(world: &World, kind: ImportKind) -> Import {
    Import::dry_run(&world.ctx, mover(), source(kind))
}

async fn run(world: &World, kind: ImportKind) -> (Import, Option<String>) {
    Import::run(&world.ctx, mover(), source(kind)).await.unwrap()
}

/// What a report says, line by line.
fn told(report: &Report) -> String {
    let (accounts, numbers) = (report.counts.accounts, report.counts.numbers);
    let mut lines = vec![format!("accounts: {accounts:?}"), format!("numbers: {numbers:?}")];
    lines.extend(
        report
            .problems
            .iter()
            .map(|problem| format!("{} \u{201c}{}\u{201d}: {}", problem.whereabouts(), problem.value, problem.reason)),
    );
    lines.join("\n")
}

/// An account as a list has it.
fn account(name: &str, tenant: &str) -> Value {
    json!({
        "name": name, "correlationId": format!("crm {name}"), "serviceProvisioningStatus": "synced",
        "serviceDetails": {
            "teamsTenantId": tenant,
            "teamsOperatorConnect": { "enabled": true, "syncEnabled": true, "numberCount": 3 }
        }
    })
}

/// The same with Direct Routing.
fn routed(name: &str, label: &str) -> Value {
    let mut account = account(name, CONTOSO);
    account["serviceDetails"]["teamsDirectRouting"] = json!({
        "enabled": true, "syncEnabled": false, "subdomainStatus": "provisioned",
        "configuration": {
            "callScreening": false, "subdomain": label,
            "subdomainTokens": { "region1Token": "MS=ms1", "region2Token": "MS=ms2" }
        }
    });
    account
}

/// A number of Operator Connect as a list has it.
fn number(account: &str, number: &str, status: &str) -> Value {
    let errors = if status == "failed" {
        json!([{ "code": "InvalidRequest", "message": format!("Not {number}."), "target": "oc" }])
    } else {
        json!([])
    };
    json!({
        "telephoneNumber": number, "accountName": account,
        "serviceProvisioningStatus": status, "serviceProvisioningErrors": errors,
        "serviceDetails": { "teamsOperatorConnect": {
            "enabled": true, "assignmentStatus": if number.ends_with('1') { "assigned" } else { "unassigned" },
            "configuration": {
                "usage": "CallingUserAssignment", "choosableCapabilities": ["OutboundCalling", "InboundCalling"],
                "acquiredCapabilities": ["InboundCalling"], "civicAddressId": "an address that was never pulled",
                "allowTenantAddressUpdate": false
            }
        } }
    })
}

fn page(items: &[Value]) -> String {
    json!({ "value": items }).to_string()
}

/// Everything that an import can change, but for its own record.
async fn stored(world: &World) -> Vec<String> {
    let mut rows = Vec::new();
    for question in [
        "SELECT name || ' ' || COALESCE(tenant_id, '') || ' ' || services || ' ' || synced || ' ' || number_count
         FROM accounts ORDER BY 1",
        "SELECT telephone_number || ' ' || account_id || ' ' || settings_id || ' ' || state || ' ' || order_id
         FROM numbers ORDER BY 1",
        "SELECT 'order ' || id || ' ' || status || ' ' || source || ' ' || total || ' ' || failed FROM orders ORDER BY 1",
        "SELECT label || ' ' || region1_token || ' ' || region2_token FROM subdomains ORDER BY 1",
    ] {
        rows.extend(texts(&world.db, question).await);
    }
    rows
}

/// Nothing waits for a backend.
async fn nothing_is_pushed(world: &World) {
    let waiting = "SELECT COUNT(*) FROM numbers WHERE state IN ('pending', 'releasing')";
    assert_eq!(numbers(&world.db, waiting).await, [0]);
    assert_eq!(numbers(&world.db, "SELECT COUNT(*) FROM pushes").await, [0]);
    assert_eq!(texts(&world.db, "SELECT DISTINCT kind FROM work WHERE kind = 'account'").await, Vec::<String>::new());
    world.check_invariants().await;
}
