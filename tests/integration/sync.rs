//! The sync engine against the sandbox over HTTP: what is stored here becomes true there, once.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use nmp::backend::{OperatorConnect, OperatorConnectOptions, Properties};
use nmp::domain::OPERATOR_CONNECT;
use nmp::domain::{DriftKind, E164, ItemState, OrderKind, OrderStatus, SyncState};
use nmp::sandbox::{Sandbox, SandboxOptions};
use nmp::service::accounts::Deleted;
use nmp::service::consents::{RelationshipForm, update_relationship};
use nmp::service::drift::{self, DriftFilter};
use nmp::service::orders::{self, ItemSelection, ReleaseSelection};
use nmp::service::{accounts, consents, numbers};
use nmp::store::{Page, WorkKind};
use nmp::sync::{Engine, Engines, SyncOptions};
use serde_json::{Value, json};
use time::OffsetDateTime;
use tokio_util::sync::CancellationToken;

use crate::harness::database;
use crate::harness::world::{CONTOSO, World, grant, number, origin, right, tenant};
use crate::harness::{eventually, on_both_databases};

/// The sandbox, and an engine that works on the world's database.
pub(crate) struct Outside {
    url: String,
    http: reqwest::Client,
    pub(crate) engine: Engine,
    stop: CancellationToken,
}

impl Drop for Outside {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl Outside {
    pub(crate) async fn new(world: &World) -> Self {
        Self::with(world, Properties::default()).await
    }

    #[expect(clippy::disallowed_methods, reason = "the outside world has its own clock, client and task")]
    async fn with(world: &World, properties: Properties) -> Self {
        let (sandbox, listener) =
            Sandbox::bind("127.0.0.1:0".parse().unwrap(), SandboxOptions { examples: true, state: None })
                .await
                .unwrap();
        let stop = CancellationToken::new();
        let (url, token_url, stopped) = (sandbox.operator_connect_url(), sandbox.token_url(), stop.clone());
        tokio::spawn(async move { sandbox.serve(listener, stopped).await });
        let backend = OperatorConnect::new(OperatorConnectOptions {
            info: world.ctx.policy.backends.iter().next().unwrap().clone(),
            base_url: url.parse().unwrap(),
            token_url: Some(token_url.parse().unwrap()),
            client_id: "nmp-operator-connect".into(),
            client_secret: "sandbox".into(),
            scope: None,
            now: OffsetDateTime::now_utc,
        })
        .unwrap();
        let engine = Engine::new(world.ctx.clone(), backend.into_backend(properties), SyncOptions::default());
        let outside = Self { url, http: reqwest::Client::new(), engine, stop };
        outside.faults(json!({"jobSeconds": 0})).await;
        outside
    }

    pub(crate) async fn faults(&self, faults: Value) {
        let answer = self.http.put(format!("{}/_faults", self.url)).json(&faults).send().await.unwrap();
        assert!(answer.status().is_success(), "{answer:?}");
    }

    pub(crate) async fn post(&self, what: &str, body: Value) {
        let answer = self.http.post(format!("{}/{what}", self.url)).json(&body).send().await.unwrap();
        assert!(answer.status().is_success(), "{answer:?}");
    }

    /// The numbers the outside holds for contoso.
    pub(crate) async fn numbers(&self) -> BTreeMap<String, Value> {
        let state: Value = self.http.get(format!("{}/_state", self.url)).send().await.unwrap().json().await.unwrap();
        serde_json::from_value(state["tenants"][CONTOSO]["numbers"].clone()).unwrap()
    }

    /// Works, and lets time pass, until the order has its end.
    pub(crate) async fn until_final(&self, world: &World, order: i64) -> OrderStatus {
        eventually("the order is final", Duration::from_secs(20), async || {
            self.engine.run_until_idle().await.unwrap();
            let status = world.order(order).await.status;
            world.clock.advance(time::Duration::seconds(2));
            status.is_final().then_some(status)
        })
        .await
    }
}

async fn states(world: &World) -> Vec<(String, SyncState)> {
    world.stored().await.into_iter().map(|(number, _, state)| (number.to_string(), state)).collect()
}

async fn an_upload_becomes_true_outside(world: World) {
    let outside = Outside::new(&world).await;
    world.account("contoso").await;
    let order = world.upload("contoso", "+441632960100-0149").await;
    assert_eq!(world.order(order).await.status, OrderStatus::Pending);
    assert_eq!(outside.until_final(&world, order).await, OrderStatus::Complete);
    let held = outside.numbers().await;
    for (number, state) in states(&world).await {
        assert_eq!(state, SyncState::Synced, "{number}");
        assert_eq!(held[&number]["changes"], 1, "{number} was done more than once");
        assert_eq!(held[&number]["settings"]["usage"], "CallingUserAssignment");
    }
    assert_eq!(world.order(order).await.progress.done, 50);
    world.check_invariants().await;
}

async fn a_refused_number_fails_alone_with_the_backends_own_words(world: World) {
    let outside = Outside::new(&world).await;
    world.account("contoso").await;
    outside.faults(json!({"rejectNumbers": ["+441632960103"]})).await;
    let order = world.upload("contoso", "+441632960100-0109").await;
    assert_eq!(outside.until_final(&world, order).await, OrderStatus::CompleteWithErrors);
    let causes = orders::causes(&world.ctx, &grant(), order).await.unwrap();
    assert_eq!(causes.len(), 1);
    assert_eq!((causes[0].count, causes[0].retryable, causes[0].example), (1, 1, number("+441632960103")));
    assert!(!causes[0].error.message.is_empty());
    let failed = numbers::get(&world.ctx, &grant(), number("+441632960103")).await.unwrap();
    assert_eq!(failed.error.as_deref(), Some(&causes[0].error));

    outside.faults(json!({"rejectNumbers": []})).await;
    assert_eq!(orders::retry_failed(&world.ctx, &right(OrderKind::Upload), &origin(), order).await.unwrap(), 1);
    assert_eq!(world.order(order).await.status, OrderStatus::InProgress);
    assert_eq!(outside.until_final(&world, order).await, OrderStatus::Complete);
    world.check_invariants().await;
}

async fn a_batch_refused_as_a_whole_is_halved_until_the_bad_number_stands_alone(world: World) {
    let outside = Outside::new(&world).await;
    world.account("contoso").await;
    outside.faults(json!({"refuseBatchNumbers": ["+441632960117"]})).await;
    let order = world.upload("contoso", "+441632960100-0163").await;
    assert_eq!(outside.until_final(&world, order).await, OrderStatus::CompleteWithErrors);
    let progress = world.order(order).await.progress;
    assert_eq!((progress.done, progress.failed), (63, 1));
    assert!(outside.numbers().await.values().all(|held| held["changes"] == 1));
    world.check_invariants().await;
}

async fn a_lost_answer_is_looked_up_before_anything_is_sent_again(world: World) {
    let outside = Outside::new(&world).await;
    world.account("contoso").await;
    outside.engine.run_until_idle().await.unwrap();
    let order = world.upload("contoso", "+441632960100-0119").await;
    outside.faults(json!({"dropResponseRate": 1.0})).await;
    outside.engine.run_until_idle().await.unwrap();
    assert_eq!(outside.numbers().await.len(), 20, "the work was done though the answer was lost");
    assert_eq!(world.order(order).await.progress.done, 0);
    outside.faults(json!({"dropResponseRate": 0.0})).await;
    assert_eq!(outside.until_final(&world, order).await, OrderStatus::Complete);
    assert!(outside.numbers().await.values().all(|held| held["changes"] == 1), "nothing was done twice");
    world.check_invariants().await;
}

async fn a_backend_that_asks_for_time_gets_it(world: World) {
    let outside = Outside::new(&world).await;
    let account = world.account("contoso").await;
    let order = world.upload("contoso", "+441632960100").await;
    outside.faults(json!({"status": 429, "retryAfter": 2})).await;
    outside.engine.run_until_idle().await.unwrap();
    outside.faults(json!({"status": null, "retryAfter": null})).await;
    let key = account.id.to_string();
    let row = world
        .db
        .read()
        .await
        .unwrap()
        .work_row(WorkKind::Account.at(OPERATOR_CONNECT, &key), world.clock.now())
        .await
        .unwrap()
        .unwrap();
    let due = row.next_at.unwrap();
    assert!(due - world.clock.now() > time::Duration::milliseconds(1_500), "{row:?}");
    // Somebody wants it at once: it is not done sooner for that.
    let mut tx = world.db.begin().await.unwrap();
    tx.want_work(WorkKind::Account.at(OPERATOR_CONNECT, &key), world.clock.now()).await.unwrap();
    tx.commit().await.unwrap();
    outside.engine.run_until_idle().await.unwrap();
    assert_eq!(world.order(order).await.progress.done, 0);
    assert_eq!(outside.until_final(&world, order).await, OrderStatus::Complete);
}

async fn an_answer_for_an_older_state_does_not_count_for_a_newer(world: World) {
    let outside = Outside::new(&world).await;
    world.account("contoso").await;
    outside.faults(json!({"jobSeconds": 1})).await;
    let first = world.upload("contoso", "+441632960100").await;
    outside.engine.run_until_idle().await.unwrap();
    // The job runs; meanwhile somebody changes the number.
    let mut form = crate::harness::world::upload_form("contoso", "+441632960100");
    form.capability = vec!["InboundCalling".into()];
    let second = world.stage_form(&form).await;
    world.submit(second).await;
    assert_eq!(world.order(first).await.progress.superseded, 1);
    assert_eq!(outside.until_final(&world, second).await, OrderStatus::Complete);
    assert_eq!(
        outside.numbers().await["+441632960100"]["settings"]["choosableCapabilities"],
        json!(["InboundCalling"])
    );
    assert_eq!(states(&world).await, [("+441632960100".to_owned(), SyncState::Synced)]);
    world.check_invariants().await;
}

async fn a_release_takes_numbers_back_even_assigned_ones(world: World) {
    let outside = Outside::new(&world).await;
    world.account("contoso").await;
    let order = world.upload("contoso", "+441632960100-0104").await;
    outside.until_final(&world, order).await;
    outside.post("_assign", json!({"tenantId": CONTOSO, "numbers": ["+441632960101"]})).await;
    nmp::service::sync_status::pull_now(
        &world.ctx,
        &grant(),
        None,
        nmp::service::sync_status::Pull::Numbers(&tenant(CONTOSO)),
    )
    .await
    .unwrap();
    outside.engine.run_until_idle().await.unwrap();
    assert!(numbers::get(&world.ctx, &grant(), number("+441632960101")).await.unwrap().assigned);

    let selection = ReleaseSelection::Numbers(None, vec![number("+441632960100"), number("+441632960101")]);
    let release = orders::stage_release(&world.ctx, &grant(), &selection, Some("T-1")).await.unwrap();
    assert_eq!(world.review(release).await.assigned, (1, vec![number("+441632960101")]));
    world.submit(release).await;
    assert_eq!(outside.until_final(&world, release).await, OrderStatus::Complete);
    let left: Vec<String> = outside.numbers().await.into_keys().collect();
    assert_eq!(left, ["+441632960102", "+441632960103", "+441632960104"]);
    assert_eq!(world.get("contoso").await.number_count, 3);
    world.check_invariants().await;
}

async fn a_deleted_account_goes_with_its_last_number(world: World) {
    let outside = Outside::new(&world).await;
    world.account("contoso").await;
    let order = world.upload("contoso", "+441632960100-0104").await;
    outside.until_final(&world, order).await;
    let deleted = accounts::delete(&world.ctx, &grant(), &origin(), "contoso", Some(&grant())).await.unwrap();
    let Deleted::Releasing(release) = deleted else { panic!("{deleted:?}") };
    assert!(world.get("contoso").await.deleting);
    assert_eq!(outside.until_final(&world, release).await, OrderStatus::Complete);
    assert!(accounts::get(&world.ctx, &grant(), "contoso").await.is_err());
    assert!(outside.numbers().await.is_empty());
    let history = numbers::history(&world.ctx, &grant(), number("+441632960100")).await.unwrap();
    assert_eq!(history.len(), 2, "the life of a number outlives it");
}

async fn a_consent_that_does_not_stand_stops_uploads_here(world: World) {
    let outside = Outside::new(&world).await;
    world.account("contoso").await;
    outside.engine.run_until_idle().await.unwrap();
    world.consent(CONTOSO, "Contoso", "suspended").await;
    let order = world.upload("contoso", "+441632960100-0101").await;
    assert_eq!(outside.until_final(&world, order).await, OrderStatus::Failed);
    let causes = orders::causes(&world.ctx, &grant(), order).await.unwrap();
    assert_eq!((causes[0].error.code.as_str(), causes[0].count), ("ConsentNotActive", 2));
    assert!(outside.numbers().await.is_empty(), "nothing reached the backend");
    world.check_invariants().await;
}

async fn a_relationship_reaches_the_enterprise(world: World) {
    let outside = Outside::new(&world).await;
    world.clock.advance(time::Duration::seconds(1));
    outside.engine.seed().await.unwrap();
    outside.engine.run_until_idle().await.unwrap();
    let tenant = tenant(CONTOSO);
    let before = consents::get(&world.ctx, &grant(), &tenant).await.unwrap();
    let form =
        RelationshipForm { status: "AgreementSigned".into(), version: before.rev, ..RelationshipForm::default() };
    update_relationship(&world.ctx, &grant(), &origin(), &tenant, &form).await.unwrap();
    assert_eq!(consents::get(&world.ctx, &grant(), &tenant).await.unwrap().sync_state, SyncState::Pending);
    outside.engine.run_until_idle().await.unwrap();
    let after = consents::get(&world.ctx, &grant(), &tenant).await.unwrap();
    assert_eq!(
        (after.sync_state, after.consent.customer_relationship.status.as_str()),
        (SyncState::Synced, "AgreementSigned")
    );
    // The next pull brings the same back, and nothing moves.
    world.clock.advance(time::Duration::minutes(10));
    outside.engine.run_until_idle().await.unwrap();
    assert_eq!(consents::get(&world.ctx, &grant(), &tenant).await.unwrap().rev, after.rev);
}

async fn several_engines_do_everything_once(world: World) {
    let properties = Properties { batch_size: 7, ..Properties::default() };
    let outside = Outside::with(&world, properties).await;
    outside.faults(json!({"statusRate": 0.2, "status": 503, "dropResponseRate": 0.2, "garbageRate": 0.1})).await;
    for name in ["contoso", "contoso-2", "contoso-3"] {
        world.account(name).await;
    }
    let mut uploads = Vec::new();
    for (name, range) in
        [("contoso", "+441632960000-0049"), ("contoso-2", "+441632960100-0149"), ("contoso-3", "+441632960200-0249")]
    {
        uploads.push(world.upload(name, range).await);
    }
    Box::pin(eventually("every order is final", Duration::from_mins(1), async || {
        let (a, b, c) = tokio::join!(
            outside.engine.run_until_idle(),
            outside.engine.run_until_idle(),
            outside.engine.run_until_idle()
        );
        assert!(a.is_ok() && b.is_ok() && c.is_ok());
        world.clock.advance(time::Duration::minutes(1));
        for order in &uploads {
            if !world.order(*order).await.status.is_final() {
                return None;
            }
        }
        Some(())
    }))
    .await;
    let held = outside.numbers().await;
    assert_eq!(held.len(), 150);
    assert!(held.values().all(|number| number["changes"] == 1), "nothing was done twice");
    for order in uploads {
        assert_eq!(world.order(order).await.status, OrderStatus::Complete);
        let page = orders::items(
            &world.ctx,
            &grant(),
            order,
            ItemSelection { state: Some(ItemState::Done), ..ItemSelection::default() },
            Page::<E164>::First,
        )
        .await
        .unwrap();
        assert_eq!(page.items.len(), 50);
    }
    world.check_invariants().await;
}

/// Moves the clock by so much at a time, and works, until there is an answer; tells how much time passed.
async fn after<T>(
    world: &World,
    outside: &Outside,
    step: time::Duration,
    most: time::Duration,
    mut ask: impl AsyncFnMut() -> Option<T>,
) -> (T, time::Duration) {
    let mut passed = time::Duration::ZERO;
    loop {
        outside.engine.run_until_idle().await.unwrap();
        if let Some(answer) = ask().await {
            return (answer, passed);
        }
        assert!(passed < most, "nothing after {passed}");
        world.clock.advance(step);
        passed += step;
    }
}

async fn a_backend_that_only_asks_for_patience_is_not_called_without_a_pause(world: World) {
    let outside = Outside::new(&world).await;
    world.account("contoso").await;
    let forms = [json!(0), json!("Thu, 01 Jan 2015 00:00:00 GMT"), json!("soon"), json!(""), Value::Null];
    for (index, retry_after) in forms.into_iter().enumerate() {
        outside.faults(json!({"status": 429, "retryAfter": retry_after})).await;
        world.upload("contoso", &format!("+44163296010{index}")).await;
        let mut steps = 0;
        for _ in 0..60 {
            steps +=
                tokio::time::timeout(Duration::from_secs(20), outside.engine.run_until_idle()).await.unwrap().unwrap();
            world.clock.advance(time::Duration::seconds(1));
        }
        assert!(steps < 60, "{steps} pieces of work in a minute of {retry_after}");
    }
}

async fn a_list_that_repeats_itself_is_left_and_said(world: World) {
    let outside = Outside::new(&world).await;
    world.account("contoso").await;
    outside.engine.seed().await.unwrap();
    outside.faults(json!({"repeatCursor": true})).await;
    tokio::time::timeout(Duration::from_secs(30), outside.engine.run_until_idle()).await.unwrap().unwrap();
    let row = async |kind: WorkKind, key: &str| {
        world
            .db
            .read()
            .await
            .unwrap()
            .work_row(kind.at(OPERATOR_CONNECT, key), world.clock.now())
            .await
            .unwrap()
            .unwrap()
    };
    for (kind, key) in [(WorkKind::Consents, ""), (WorkKind::CivicAddresses, CONTOSO), (WorkKind::Numbers, CONTOSO)] {
        let row = row(kind, key).await;
        assert!(row.last_error.as_deref().is_some_and(|error| error.contains("same page")), "{row:?}");
        assert!(row.next_at.unwrap() >= world.clock.now() + time::Duration::minutes(5), "not at once: {row:?}");
    }
    let known = consents::get(&world.ctx, &grant(), &tenant(CONTOSO)).await.unwrap();
    assert_eq!(known.consent.tenant_id.as_str(), CONTOSO, "what was read is kept");
    outside.faults(json!({"repeatCursor": null})).await;
    world.clock.advance(time::Duration::minutes(20));
    outside.engine.run_until_idle().await.unwrap();
    assert_eq!(row(WorkKind::Consents, "").await.last_error, None);
    assert_eq!(row(WorkKind::Numbers, CONTOSO).await.last_error, None);
}

async fn a_pull_tells_what_differs_from_ours(world: World) {
    let outside = Outside::new(&world).await;
    world.account("contoso").await;
    let order = world.upload("contoso", "+441632960100-0104").await;
    assert_eq!(outside.until_final(&world, order).await, OrderStatus::Complete);
    let drift = async || {
        let found = drift::list(&world.ctx, &grant(), &DriftFilter::default(), &Page::First).await.unwrap();
        let ours = found.rows.iter().filter(|row| row.account.is_some());
        ours.map(|row| (row.number, row.kind)).collect::<Vec<_>>()
    };
    world.clock.advance(time::Duration::minutes(20));
    outside.engine.run_until_idle().await.unwrap();
    assert_eq!(drift().await, []);
    // The enterprise's administrator gives a number up.
    outside.post("_release", json!({"tenantId": CONTOSO, "numbers": ["+441632960102"]})).await;
    world.clock.advance(time::Duration::minutes(20));
    outside.engine.run_until_idle().await.unwrap();
    assert_eq!(drift().await, [(number("+441632960102"), DriftKind::OnlyHere)]);
}

async fn a_job_that_never_ends_is_given_up_and_its_numbers_are_read_back(world: World) {
    let outside = Outside::new(&world).await;
    let account = world.account("contoso").await;
    // The backend does its work, but for one number, and never says so.
    outside.faults(json!({"jobStatus": "contemplating", "rejectNumbers": ["+441632960101"]})).await;
    let order = world.upload("contoso", "+441632960100-0104").await;
    let key = account.id.to_string();
    let (mut pauses, mut last, mut noted) = (Vec::new(), None, None);
    let (status, passed) = after(&world, &outside, time::Duration::seconds(10), time::Duration::hours(7), async || {
        let mut tx = world.db.read().await.unwrap();
        let row = tx.work_row(WorkKind::Account.at(OPERATOR_CONNECT, &key), world.clock.now()).await.unwrap().unwrap();
        if let Some(next) = row.next_at.filter(|next| Some(*next) != last) {
            pauses.push(next - world.clock.now());
            last = Some(next);
        }
        noted = row.last_error.or(noted.take());
        drop(tx);
        let status = world.order(order).await.status;
        status.is_final().then_some(status)
    })
    .await;
    assert_eq!(status, OrderStatus::CompleteWithErrors);
    assert!((21_590..=21_650).contains(&passed.whole_seconds()), "{passed}");
    assert!(pauses.len() < 1_000, "asked {} times", pauses.len());
    assert!(pauses.iter().all(|pause| *pause <= time::Duration::seconds(30)));
    assert!(noted.unwrap().contains("The backend has been at work"), "people are told meanwhile");
    let causes = orders::causes(&world.ctx, &grant(), order).await.unwrap();
    assert_eq!((causes.len(), causes[0].error.code.as_str(), causes[0].count), (1, "JobExpired", 1));
    assert!(causes[0].error.message.contains("contemplating"));
    assert_eq!(world.order(order).await.progress.done, 4);
    assert!(outside.numbers().await.values().all(|held| held["changes"] == 1));
    world.check_invariants().await;

    // A release whose job has expired: what is gone is gone.
    outside.faults(json!({"jobStatus": "expired", "rejectNumbers": ["+441632960100"]})).await;
    let selection = ReleaseSelection::Numbers(None, vec![number("+441632960100"), number("+441632960104")]);
    let release = orders::stage_release(&world.ctx, &grant(), &selection, None).await.unwrap();
    world.submit(release).await;
    assert_eq!(outside.until_final(&world, release).await, OrderStatus::CompleteWithErrors);
    let causes = orders::causes(&world.ctx, &grant(), release).await.unwrap();
    assert_eq!((causes[0].error.code.as_str(), causes[0].example), ("JobExpired", number("+441632960100")));
    world.check_invariants().await;
}

async fn what_a_backend_says_is_kept_in_measure(world: World) {
    let outside = Outside::new(&world).await;
    world.account("contoso").await;
    outside.faults(json!({"messageLength": 900_000, "garbageItems": 50})).await;
    let order = world.upload("contoso", "+441632960100-0102").await;
    assert_eq!(outside.until_final(&world, order).await, OrderStatus::Failed);
    let causes = orders::causes(&world.ctx, &grant(), order).await.unwrap();
    let error = &causes[0].error;
    assert_eq!((causes.len(), causes[0].count), (1, 3));
    let lengths = [&error.code, &error.message, error.target.as_ref().unwrap()].map(|text| text.chars().count());
    assert_eq!(lengths, [200, 2_000, 200]);
}

async fn a_clock_that_is_set_back_or_forward_delays_nothing(world: World) {
    let outside = Outside::new(&world).await;
    world.account("contoso").await;
    for (index, jump) in [-3_600, -120, 3_600, -86_400, 7_200].into_iter().enumerate() {
        outside.faults(json!({"jobSeconds": 1})).await;
        let order = world.upload("contoso", &format!("+44163296010{index}")).await;
        // The job is known, and asked about in a second.
        outside.engine.run_until_idle().await.unwrap();
        assert_eq!(world.order(order).await.status, OrderStatus::InProgress);
        world.clock.advance(time::Duration::seconds(jump));
        outside.faults(json!({"jobSeconds": 0})).await;
        let (status, passed) =
            after(&world, &outside, time::Duration::seconds(1), time::Duration::seconds(60), async || {
                tokio::time::sleep(Duration::from_millis(100)).await;
                let status = world.order(order).await.status;
                status.is_final().then_some(status)
            })
            .await;
        assert_eq!(status, OrderStatus::Complete);
        assert!(passed <= time::Duration::seconds(60), "{jump}: {passed}");
    }
    world.check_invariants().await;
}

/// An engine that runs, and is told to stop when this goes.
struct Runs(CancellationToken, nmp::sync::Workers);

impl Runs {
    fn start(world: &World, outside: &Outside) -> Self {
        let stop = CancellationToken::new();
        let engines = Engines::new(&world.ctx, vec![outside.engine.clone()]);
        let workers = engines.run(&stop, &tokio_util::task::TaskTracker::new());
        Self(stop, workers)
    }
}

impl Drop for Runs {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

async fn after_an_outage_everything_that_sleeps_is_woken_by_the_first_answer(world: World) {
    let outside = Outside::new(&world).await;
    let names: Vec<String> = (0..6).map(|index| format!("contoso-{index}")).collect();
    let mut waiting = Vec::new();
    world.account("contoso").await;
    outside.engine.run_until_idle().await.unwrap();
    // What the tenant holds is known, however long the backend is away.
    database::execute(&world.db, "UPDATE observed_lists SET looked_at = 4102444800000000").await;
    outside.faults(json!({"down": true})).await;
    for (index, name) in names.iter().enumerate() {
        world.account(name).await;
        waiting.push(world.upload(name, &format!("+4416329601{index}0")).await);
    }
    // They have failed so often that they sleep for long.
    for _ in 0..9 {
        outside.engine.run_until_idle().await.unwrap();
        world.clock.advance(time::Duration::minutes(16));
    }
    outside.engine.run_until_idle().await.unwrap();
    let running = Runs::start(&world, &outside);
    // A start makes them due, so wait until they sleep again.
    let asleep = "SELECT COUNT(*) FROM work WHERE kind = 'account' AND attempt > 9 AND lease_until = 0";
    eventually("all sleep", Duration::from_secs(20), async || {
        (database::numbers(&world.db, asleep).await == [6]).then_some(())
    })
    .await;
    assert!(
        running.1.warnings().iter().any(|said| said.starts_with("pushes: no answer")),
        "{:?}",
        running.1.warnings()
    );
    outside.faults(json!({"down": null})).await;
    // Time passes as it does, however slow the machine is: nobody wakes by himself.
    let mut last = Instant::now();
    Box::pin(eventually("every order is done", Duration::from_mins(2), async || {
        let now = Instant::now();
        world.clock.advance((now - std::mem::replace(&mut last, now)).try_into().unwrap());
        for order in &waiting {
            if world.order(*order).await.status != OrderStatus::Complete {
                return None;
            }
        }
        Some(())
    }))
    .await;
    assert!(running.1.are_running());
}

on_both_databases! {
    a_backend_that_only_asks_for_patience_is_not_called_without_a_pause,
    a_list_that_repeats_itself_is_left_and_said,
    a_job_that_never_ends_is_given_up_and_its_numbers_are_read_back,
    a_pull_tells_what_differs_from_ours,
    what_a_backend_says_is_kept_in_measure,
    a_clock_that_is_set_back_or_forward_delays_nothing,
    after_an_outage_everything_that_sleeps_is_woken_by_the_first_answer,
    an_upload_becomes_true_outside,
    a_refused_number_fails_alone_with_the_backends_own_words,
    a_batch_refused_as_a_whole_is_halved_until_the_bad_number_stands_alone,
    a_lost_answer_is_looked_up_before_anything_is_sent_again,
    a_backend_that_asks_for_time_gets_it,
    an_answer_for_an_older_state_does_not_count_for_a_newer,
    a_release_takes_numbers_back_even_assigned_ones,
    a_deleted_account_goes_with_its_last_number,
    a_consent_that_does_not_stand_stops_uploads_here,
    a_relationship_reaches_the_enterprise,
    several_engines_do_everything_once,
}
