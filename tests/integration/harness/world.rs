//! A database with services on it, and the people, enterprises and numbers that tests are about.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use nmp::authz::{Grant, Permission, Principal, Role, Via};
use nmp::domain::direct_routing::Zones;
use nmp::domain::{
    Account, AccountForm, CapabilityPlan, CivicAddress, Consent, DirectRoutingForm, E164, Offers, Order, OrderKind,
    Service, ServiceSet, TenantId,
};
use nmp::service::orders::{self, OrderRight, Review, Submitted};
use nmp::service::staging::{UploadForm, stage_upload};
use nmp::service::{Clock, Ctx, Origin, Policy, accounts};
use nmp::store::{Db, Page, PushOutcome, at};
use time::Duration;

use super::database::{self, Place};

/// A tenant of the examples.
pub(crate) const CONTOSO: &str = "a7f4bd5c-cc01-40f4-8baa-2b6bdb272b8a";
/// Another tenant.
pub(crate) const FABRIKAM: &str = "1f0c3d6e-5b7a-4c1d-9e21-7a4b8c2d9f10";
/// The first of February 2026, in microseconds.
const START: i64 = 1_769_904_000_000_000;

/// A clock that stands still until it is moved.
#[derive(Clone)]
pub(crate) struct TestClock(Arc<AtomicI64>);

impl TestClock {
    fn new() -> Self {
        Self(Arc::new(AtomicI64::new(START)))
    }

    pub(crate) fn now(&self) -> time::OffsetDateTime {
        at(self.0.load(Ordering::SeqCst))
    }

    pub(crate) fn advance(&self, by: Duration) {
        self.0.fetch_add(i64::try_from(by.whole_microseconds()).unwrap(), Ordering::SeqCst);
    }
}

/// A database of its own with the services on it.
pub(crate) struct World {
    pub(crate) place: Place,
    pub(crate) db: Db,
    pub(crate) ctx: Ctx,
    pub(crate) clock: TestClock,
}

/// A person with these roles.
pub(crate) fn person(name: &str, roles: &[Role]) -> Principal {
    Principal {
        issuer: "https://idp.example".into(),
        subject: name.into(),
        name: name.into(),
        roles: roles.iter().copied().collect(),
        via: Via::Portal,
    }
}

/// Where the tests' requests come from.
pub(crate) fn origin() -> Origin {
    Origin { surface: "portal", client: std::net::Ipv4Addr::LOCALHOST.into(), request_id: "request-1".to_owned() }
}

/// A right of somebody who has them all.
pub(crate) fn grant<P: Permission>() -> Grant<P> {
    person("Alex Admin", &[Role::AdminUser]).grant().unwrap()
}

/// The right to orders of a kind.
pub(crate) fn right(kind: OrderKind) -> OrderRight {
    OrderRight::of(&person("Alex Admin", &[Role::AdminUser]), kind).unwrap()
}

/// A tenant's identifier.
pub(crate) fn tenant(id: &str) -> TenantId {
    TenantId::parse(id).unwrap()
}

/// A number of the range that is kept free for fiction.
pub(crate) fn number(text: &str) -> E164 {
    E164::parse_wire(text).unwrap()
}

/// What is said of Direct Routing, with a token for each region.
pub(crate) fn direct_routing(subdomain: &str) -> DirectRoutingForm {
    DirectRoutingForm {
        call_screening: true,
        subdomain: subdomain.to_owned(),
        tokens: ["MS=ms10000001".to_owned(), "MS=ms10000002".to_owned()],
    }
}

/// The form for an account with Operator Connect; other services may be ticked.
pub(crate) fn account_form(name: &str, tenant: &str) -> AccountForm {
    AccountForm {
        name: name.to_owned(),
        tenant_id: tenant.to_owned(),
        services: Service::OperatorConnect.into(),
        synced: Service::ALL.into_iter().collect(),
        direct_routing: direct_routing(name.get(..10).unwrap_or(name)),
        ..AccountForm::default()
    }
}

/// The form for an upload of numbers that need nothing from a tenant.
pub(crate) fn upload_form(account: &str, numbers: &str) -> UploadForm {
    UploadForm {
        account: account.to_owned(),
        service: "operatorConnect".to_owned(),
        usage: "CallingUserAssignment".to_owned(),
        capability: vec!["InboundCalling".to_owned(), "OutboundCalling".to_owned()],
        allow_tenant_address_update: true,
        country: "GB".to_owned(),
        numbers: numbers.to_owned(),
        ..UploadForm::default()
    }
}

impl World {
    pub(crate) async fn new(place: Place) -> Self {
        let db = place.open().await;
        db.migrate().await.unwrap();
        let clock = TestClock::new();
        let read = clock.clone();
        let zones = Zones { base: "pstn.example.net".into(), regions: vec!["1r1".into(), "1r2".into()] };
        let policy = Policy { zones: Some(zones), services: ServiceSet::ALL, ..Policy::default() };
        let ctx = Ctx::new(db.clone(), Clock::new(move || read.now()), policy);
        Self { place, db, ctx, clock }
    }

    /// What a tenant allows: a plan for calling users, one address with one location.
    pub(crate) async fn facts(&self, id: &str) {
        let tenant = tenant(id);
        let now = self.clock.now();
        let plan: CapabilityPlan = serde_json::from_value(serde_json::json!({
            "name": "Calling users", "offerTypes": ["Calling"], "usage": "CallingUserAssignment",
            "mandatoryCapabilities": ["UserAssignment"],
            "choosableCapabilities": ["InboundCalling", "OutboundCalling", "Mobile"], "supportsTollFree": false
        }))
        .unwrap();
        let address: CivicAddress = serde_json::from_value(serde_json::json!({
            "id": "address-1", "country": "GB", "houseNumber": "1", "streetName": "High Street", "cityOrTown": "Bath",
            "companyName": "Contoso Ltd", "defaultLocationId": "location-1", "validationStatus": "validated",
            "locations": [{"id": "location-1", "civicAddressId": "address-1", "isDefault": true}]
        }))
        .unwrap();
        let mut tx = self.db.begin().await.unwrap();
        tx.set_capability_plans(&tenant, &[plan], now).await.unwrap();
        tx.upsert_civic_addresses(&tenant, &[address], now).await.unwrap();
        tx.commit().await.unwrap();
    }

    /// Takes in a consent as a pull would.
    pub(crate) async fn consent(&self, id: &str, company: &str, status: &str) -> Consent {
        let consent: Consent = serde_json::from_value(serde_json::json!({
            "id": format!("consent of {id}"), "tenantId": id, "productContext": "teams", "status": status,
            "consentedOn": "2026-01-12T09:30:00Z", "lastModifiedOn": "2026-01-12T09:30:00Z",
            "consentedCountries": ["UK", "US"],
            "contacts": [{"fullName": "Megan Bowen", "email": "megan@contoso.example", "companyName": company}],
            "customerRelationship": {"status": "ConsentAcknowledged", "lastModifiedOn": "2026-01-12T09:30:00Z"}
        }))
        .unwrap();
        self.pull_consent(&consent).await;
        consent
    }

    pub(crate) async fn pull_consent(&self, consent: &Consent) {
        let mut tx = self.db.begin().await.unwrap();
        tx.upsert_consents(std::slice::from_ref(consent), Offers::EVERYTHING, self.clock.now()).await.unwrap();
        tx.commit().await.unwrap();
    }

    /// An account with Operator Connect, pushed to the backend.
    pub(crate) async fn account(&self, name: &str) -> Account {
        self.create(&account_form(name, CONTOSO)).await
    }

    /// An account whose numbers stay with us: they are in sync as soon as they are submitted.
    pub(crate) async fn local_account(&self, name: &str) -> Account {
        self.create(&AccountForm { synced: ServiceSet::default(), ..account_form(name, CONTOSO) }).await
    }

    pub(crate) async fn create(&self, form: &AccountForm) -> Account {
        accounts::create(&self.ctx, &grant(), &origin(), form).await.unwrap()
    }

    pub(crate) async fn get(&self, name: &str) -> Account {
        accounts::get(&self.ctx, &grant(), name).await.unwrap()
    }

    /// Stages an upload of a text field.
    pub(crate) async fn stage(&self, account: &str, numbers: &str) -> i64 {
        self.stage_form(&upload_form(account, numbers)).await
    }

    pub(crate) async fn stage_form(&self, form: &UploadForm) -> i64 {
        stage_upload(&self.ctx, &grant(), form, None).await.unwrap()
    }

    pub(crate) async fn review(&self, order: i64) -> Review {
        orders::review(&self.ctx, &grant(), order).await.unwrap()
    }

    pub(crate) async fn order(&self, id: i64) -> Order {
        orders::get(&self.ctx, &grant(), id).await.unwrap()
    }

    pub(crate) async fn submit(&self, order: i64) -> Submitted {
        let kind = self.order(order).await.kind;
        orders::submit(&self.ctx, &right(kind), &origin(), order, false).await.unwrap()
    }

    /// Uploads numbers up to the point where the backend would be called.
    pub(crate) async fn upload(&self, account: &str, numbers: &str) -> i64 {
        let order = self.stage(account, numbers).await;
        assert!(matches!(self.submit(order).await, Submitted::Done));
        order
    }

    /// Plays the sync engine and the backend: every waiting number of the account gets this outcome.
    pub(crate) async fn backend_answers(&self, account: &Account, kind: OrderKind, outcome: impl Fn(E164) -> bool) {
        let now = self.clock.now();
        loop {
            let request_id = format!("request {account} {kind:?} {}", self.push_count().await, account = account.name);
            let tenant_id = account.tenant_id.as_ref().unwrap();
            let backends = &self.ctx.policy.backends;
            let new = nmp::store::NewPush {
                backend: backends.iter().next().unwrap(),
                pushed: account.pushed(backends.provisioned()),
                request_id,
                account_id: account.id,
                tenant_id,
                kind,
                size: 1_000,
            };
            let mut tx = self.db.begin().await.unwrap();
            let Some(push) = tx.plan_push(&new, now).await.unwrap() else { return };
            let id = push.id;
            tx.mark_orders_started(id).await.unwrap();
            tx.push_sent(id).await.unwrap();
            let (good, bad): (Vec<E164>, Vec<E164>) =
                tx.push_numbers(id).await.unwrap().into_iter().partition(|number| outcome(*number));
            let message = "Invalid/missing required configuration attributes: Usage";
            let error = nmp::domain::ProvisioningError::new("InvalidRequest", message, Some("oc".to_owned()));
            let error = tx.intern_error(&error).await.unwrap();
            tx.record_outcome(&push, &good, PushOutcome::Done, now).await.unwrap();
            tx.record_outcome(&push, &bad, PushOutcome::Refused(error), now).await.unwrap();
            assert!(tx.end_push_if_empty(id).await.unwrap());
            tx.commit().await.unwrap();
        }
    }

    async fn push_count(&self) -> i64 {
        let next = match &self.db {
            Db::Sqlite(_) => "SELECT next FROM sequences WHERE name = 'pushes'",
            Db::Postgres(_) => "SELECT last_value + CASE WHEN is_called THEN 1 ELSE 0 END FROM pushes_numbers",
        };
        database::numbers(&self.db, next).await[0]
    }

    /// What must hold at every moment, whatever was done.
    pub(crate) async fn check_invariants(&self) {
        check_invariants(&self.db).await;
    }

    /// Every number that is stored, with its account and state.
    pub(crate) async fn stored(&self) -> Vec<(E164, String, nmp::domain::SyncState)> {
        let mut tx = self.db.read().await.unwrap();
        let filter = nmp::store::NumberFilter::default();
        let page = tx.numbers_page(&filter, Page::First, 100_000).await.unwrap();
        page.numbers.into_iter().map(|n| (n.telephone_number, n.account.to_string(), n.state)).collect()
    }
}

/// What must hold at every moment, whatever was done.
pub(crate) async fn check_invariants(db: &Db) {
    let ctx = Ctx::new(db.clone(), Clock::system(), Policy::default());
    let counts = "
        SELECT a.id
        FROM accounts a
        WHERE a.number_count <> (SELECT COUNT(*) FROM numbers n WHERE n.account_id = a.id)";
    assert_eq!(database::numbers(db, counts).await, Vec::<i64>::new(), "accounts whose number count is wrong");
    for (column, state) in [("done", "done"), ("failed", "failed"), ("superseded", "superseded")] {
        let counters = format!(
            "
            SELECT o.id
            FROM orders o
            WHERE o.submitted_at IS NOT NULL
              AND o.{column} <> (
                  SELECT COUNT(*)
                  FROM order_items i
                  WHERE i.order_id = o.id
                    AND i.state = '{state}'
              )"
        );
        assert_eq!(
            database::numbers(db, &counters).await,
            Vec::<i64>::new(),
            "orders whose {column} is not the count of their items"
        );
    }
    let released = "
        SELECT i.telephone_number
        FROM order_items i
        JOIN orders o ON o.id = i.order_id
        WHERE o.kind = 'release'
          AND i.verdict = 'release'
          AND i.state = 'done'
          AND NOT EXISTS (
              SELECT 1
              FROM holdings h
              WHERE h.telephone_number = i.telephone_number AND h.order_id = i.order_id
          )";
    assert_eq!(database::numbers(db, released).await, Vec::<i64>::new(), "released numbers whose past is lost");
    let waiting = "
        SELECT o.id
        FROM orders o
        WHERE o.submitted_at IS NOT NULL
          AND o.total - o.done - o.failed - o.superseded <> (
              SELECT COUNT(*)
              FROM order_items i
              WHERE i.order_id = o.id
                AND i.state = 'pending'
          )";
    assert_eq!(database::numbers(db, waiting).await, Vec::<i64>::new(), "orders whose waiting items are miscounted");
    let orphans = "
        SELECT n.telephone_number
        FROM numbers n
        WHERE n.state IN ('pending', 'releasing')
          AND NOT EXISTS (
              SELECT 1
              FROM order_items i
              WHERE i.order_id = n.order_id
                AND i.telephone_number = n.telephone_number
                AND i.state = 'pending'
          )
          AND n.order_id IN (
              SELECT id
              FROM orders
              WHERE status IN ('complete', 'failed', 'complete-with-errors')
                AND finished_at IS NULL
          )";
    assert_eq!(database::numbers(db, orphans).await, Vec::<i64>::new(), "final orders without an end");
    let ids = database::numbers(db, "SELECT id FROM orders").await;
    for id in ids {
        let order = orders::get(&ctx, &grant(), id).await.unwrap();
        let submitted = order.submitted_at.is_some();
        if submitted {
            assert_eq!(order.status.is_final(), order.progress.waiting() == 0, "order {id}: {order:?}");
            assert_eq!(order.status.is_final(), order.finished_at.is_some(), "order {id}: {order:?}");
        }
    }
}
