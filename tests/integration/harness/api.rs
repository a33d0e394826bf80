//! The whole program on a database of its own, called by programs at its Provisioning API.

use std::fmt::Write as _;
use std::time::Duration;

use nmp::store::Db;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::caller::{Caller, Reply, switch};
use super::database::{Kind, Place, numbers, texts};
use super::program::{Demo, finished, nmp};
use super::world::{CONTOSO, check_invariants};
use super::{eventually, runtime};

/// Longer than a push takes, on a machine that is busy with other tests.
pub(crate) const SOON: Duration = Duration::from_mins(1);
/// The error form of the contract's example for a number without a usage.
pub(crate) const MISSING_USAGE: &str = "Invalid/missing required configuration attributes: Usage";

/// `nmp demo` on a database of the test's choice, with a backend that answers at once and no rate limit.
pub(crate) struct Api {
    pub(crate) demo: Demo,
    pub(crate) place: Place,
    /// The same database, looked at from outside.
    pub(crate) db: Db,
    /// A program that may do everything.
    pub(crate) admin: Caller,
}

/// Runs a test with the whole program; afterwards what must always hold is looked at.
pub(crate) fn run<F: Future<Output = Api>>(kind: Kind, test: impl FnOnce(Api) -> F) {
    runtime().block_on(async {
        let api = test(Api::start(kind).await).await;
        check_invariants(&api.db).await;
        let counts = "
            SELECT s.account_id
            FROM account_services s
            WHERE s.numbers <> (
                SELECT COUNT(*)
                FROM numbers n
                JOIN settings t ON t.id = n.settings_id
                WHERE n.account_id = s.account_id
                  AND t.services = s.services
            )";
        assert_eq!(numbers(&api.db, counts).await, Vec::<i64>::new(), "accounts whose services are miscounted");
        let verified = finished(nmp().args(["audit", "verify"]).env("NMP_DATABASE__URL", &api.place.url));
        assert!(verified.status.success(), "{verified:?}");
        api.db.close().await;
    });
}

impl Api {
    pub(crate) async fn start(kind: Kind) -> Self {
        let place = Place::new(kind).await;
        let settings = vec![("NMP_DATABASE__URL", place.url.clone()), ("NMP_API__RATE_PER_SECOND", "0".to_owned())];
        let demo = Demo::with(settings);
        let db = place.open().await;
        let admin = Caller::new(&demo.api, &demo.issuer, "bss-admin").await;
        let api = Self { demo, place, db, admin };
        api.backend(json!({ "jobSeconds": 0.0 })).await;
        api
    }

    pub(crate) async fn caller(&self, client: &str) -> Caller {
        Caller::new(&self.demo.api, &self.demo.issuer, client).await
    }

    /// Changes how the backend behaves.
    pub(crate) async fn backend(&self, faults: Value) {
        switch(&format!("{}/_faults", self.demo.operator_connect), &faults).await;
    }

    /// What the backend holds for contoso, by number.
    pub(crate) async fn held(&self) -> Value {
        let url = format!("{}/_state", self.demo.operator_connect);
        let state = reqwest::Client::builder().build().unwrap().get(url).send().await.unwrap();
        state.json::<Value>().await.unwrap()["tenants"][CONTOSO]["numbers"].clone()
    }

    /// Puts an account that must be taken.
    pub(crate) async fn account(&self, name: &str, services: &[&str]) -> Value {
        let reply = self.admin.put(&format!("/accounts/{name}"), &account(name, services)).await;
        assert!(reply.status.is_success(), "{reply:?}");
        reply.json()
    }

    /// Puts numbers that must be taken.
    pub(crate) async fn upload(&self, account: &str, items: &[Value]) -> Value {
        let reply = self.admin.post(&format!("/accounts/{account}:createOrUpdateNumbers"), &batch(items)).await;
        assert_eq!(reply.status, StatusCode::OK, "{reply:?}");
        reply.json()
    }

    /// The number once the backend has answered.
    pub(crate) async fn settled(&self, path: &str) -> Value {
        eventually("the backend has answered", SOON, async || {
            let number = self.admin.read(path).await;
            (number["serviceProvisioningStatus"] != "pending").then_some(number)
        })
        .await
    }

    /// Waits until nothing is on its way to a backend any more.
    pub(crate) async fn quiet(&self) {
        let waiting = "SELECT COUNT(*) FROM numbers WHERE state IN ('pending', 'releasing')";
        eventually("nothing is on its way", SOON, async || (numbers(&self.db, waiting).await == [0]).then_some(()))
            .await;
    }

    /// Waits until the facts of contoso's tenant are known, and the consents.
    pub(crate) async fn know_tenants(&self) {
        let known = format!(
            "
            SELECT COUNT(*)
            FROM consents c
            JOIN capability_plans p ON p.tenant_id = c.tenant_id
            JOIN work w ON w.kind = 'civic-addresses' AND w.key = c.tenant_id
            WHERE c.tenant_id = '{CONTOSO}'
              AND w.last_ok_at IS NOT NULL"
        );
        eventually("the tenants are known", SOON, async || (numbers(&self.db, &known).await == [1]).then_some(()))
            .await;
    }

    /// Everything that requests can change, as text. The first pull of the consents changes that too, so it is waited for.
    pub(crate) async fn stored(&self) -> String {
        const TABLES: [(&str, &str); 8] = [
            (
                "accounts",
                "name || ' ' || services || ' ' || synced || ' ' || COALESCE(tenant_id, '') || ' ' || \
                 COALESCE(correlation_id, '') || ' ' || rev || ' ' || number_count",
            ),
            ("numbers", "telephone_number || ' ' || account_id || ' ' || settings_id || ' ' || rev"),
            ("orders", "id || ' ' || kind || ' ' || accounts"),
            ("order_items", "order_id || ' ' || telephone_number"),
            ("subdomains", "label || ' ' || account_id"),
            ("consents", "tenant_id || ' ' || relationship || ' ' || COALESCE(comment, '')"),
            ("audit", "seq || ' ' || action || ' ' || subject"),
            ("repeats", "client || ' ' || id"),
        ];
        let pulled = "SELECT COUNT(*) FROM work WHERE kind = 'consents' AND last_ok_at IS NOT NULL";
        eventually("the consents are pulled", SOON, async || (numbers(&self.db, pulled).await == [1]).then_some(()))
            .await;
        let mut all = String::new();
        for (table, row) in TABLES {
            let rows = texts(&self.db, &format!("SELECT {row} FROM {table} ORDER BY 1")).await;
            writeln!(all, "{table}\n  {}", rows.join("\n  ")).unwrap();
        }
        all
    }

    /// Asserts that what an account says of its services is what a count says.
    pub(crate) async fn counts_are_right(&self, name: &str) {
        let account = self.admin.read(&format!("/accounts/{name}")).await;
        for (service, details) in account["serviceDetails"].as_object().unwrap() {
            if service == "teamsTenantId" {
                continue;
            }
            let filter = format!("serviceDetails/{service}/enabled%20eq%20true");
            let path = format!("/accounts/{name}/numbers?maxpagesize=1&countRecords=true&filter={filter}");
            let listed = self.admin.call(Method::GET, &path, &[], None).await;
            let counted: i64 = listed.header("x-ms-record-count").parse().unwrap_or_else(|_| panic!("{listed:?}"));
            assert_eq!(details["numberCount"], counted, "{service} of {account}");
        }
    }
}

/// Every service of the contract.
pub(crate) const SERVICES: [&str; 5] = [
    "teamsOperatorConnect",
    "teamsDirectRouting",
    "teamsPhoneMobile",
    "zoomPhoneCloudPeering",
    "azureOperatorCallProtection",
];

/// An account of contoso's tenant with these services, synced where that can be.
pub(crate) fn account(name: &str, services: &[&str]) -> Value {
    let mut details = json!({ "teamsTenantId": CONTOSO });
    for service in services {
        details[service] = match *service {
            "azureOperatorCallProtection" => json!({ "enabled": true }),
            "teamsDirectRouting" => json!({
                "syncEnabled": true, "enabled": true,
                "configuration": {
                    "callScreening": true, "subdomain": name.to_lowercase(),
                    "subdomainTokens": { "region1Token": "region1TokenValue", "region2Token": "region2TokenValue" }
                }
            }),
            _ => json!({ "syncEnabled": true, "enabled": true }),
        };
    }
    json!({ "name": name, "serviceDetails": details })
}

/// A number with this service, with settings that the backend takes.
pub(crate) fn number(account: &str, number: &str, service: &str) -> Value {
    let details = match service {
        "teamsOperatorConnect" | "teamsPhoneMobile" => json!({ "enabled": true, "configuration": {
            "usage": "CallingUserAssignment", "choosableCapabilities": ["InboundCalling", "OutboundCalling"],
            "allowTenantAddressUpdate": true
        }}),
        _ => json!({ "enabled": true }),
    };
    json!({ "telephoneNumber": number, "accountName": account, "serviceDetails": { service: details } })
}

/// The body of a batch.
pub(crate) fn batch(numbers: &[Value]) -> Value {
    json!({ "numbers": numbers })
}

/// The body of a batch of numbers alone.
pub(crate) fn identifiers(numbers: &[&str]) -> Value {
    batch(&numbers.iter().map(|number| json!({ "telephoneNumber": number })).collect::<Vec<_>>())
}

/// The path of a number.
pub(crate) fn path_of(account: &str, number: &str) -> String {
    format!("/accounts/{account}/numbers/{number}")
}

/// What an error says of each item, as code and target.
pub(crate) fn details(reply: &Reply) -> Vec<(String, String)> {
    let body = reply.json();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let details = body["error"]["details"].as_array().unwrap_or_else(|| panic!("no details: {reply:?}"));
    details.iter().map(|detail| (text(&detail["code"]), text(&detail["target"]))).collect()
}
