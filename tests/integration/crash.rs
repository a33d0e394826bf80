//! `kill -9` at any moment: no accepted order is lost, none is done twice, and in the end the backend and the database
//! say the same.
//!
//! In every round somebody uploads, changes or releases numbers in the portal, or deletes an account that has some, while
//! the sync engine works off what was ordered before, against a backend that errs, stalls and loses its answers; then the
//! process dies. `NMP_TEST_SEED` repeats the choices of a run that failed.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::harness::database::{Kind, Place, execute, numbers, texts};
use crate::harness::program::{finished, nmp};
use crate::harness::served::Served;
use crate::harness::visitor::Visitor;
use crate::harness::world::{CONTOSO, FABRIKAM, check_invariants};
use crate::harness::{eventually, runtime};

const ROUNDS: usize = 32;
/// Every so many rounds an account is deleted.
const LEAVES: usize = 4;
/// Numbers of one order.
const SIZE: u64 = 150;
const ACCOUNTS: [(&str, &str); 2] = [("contoso", CONTOSO), ("fabrikam", FABRIKAM)];

/// What somebody ordered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum What {
    /// Give the account these numbers; with this choice of capabilities.
    Upload { outbound: bool },
    /// Take them back.
    Release,
}

/// An order whose number a person saw.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ordered {
    pub(crate) id: i64,
    what: What,
    /// The portal said that it has taken the order.
    pub(crate) accepted: bool,
}

/// Numbers in a row that are only ever ordered together.
#[derive(Debug)]
struct Batch {
    account: usize,
    first: u64,
    orders: Vec<Ordered>,
}

impl Batch {
    fn numbers(&self) -> impl Iterator<Item = String> + use<> {
        (self.first..self.first + SIZE).map(|number| format!("+{number}"))
    }

    /// The orders that were taken, by what the database says of them.
    fn taken<'a>(&'a self, statuses: &'a BTreeMap<i64, String>) -> impl DoubleEndedIterator<Item = &'a Ordered> {
        self.orders.iter().filter(|order| statuses[&order.id] != "draft")
    }

    /// What may be ordered next: nothing while an order is on its way.
    fn next(&self, statuses: &BTreeMap<i64, String>, random: &mut StdRng) -> Option<What> {
        if self.taken(statuses).any(|order| statuses[&order.id] != "complete") {
            return None;
        }
        Some(match self.taken(statuses).next_back().map(|order| order.what) {
            None | Some(What::Release) => What::Upload { outbound: random.random() },
            Some(What::Upload { outbound }) if random.random_bool(0.5) => What::Upload { outbound: !outbound },
            Some(What::Upload { .. }) => What::Release,
        })
    }
}

/// An account that is taken on with numbers, only to be deleted.
#[derive(Debug)]
struct Leaver {
    name: String,
    first: u64,
    /// The order that gave it its numbers.
    uploaded: i64,
    /// The portal said that the account goes.
    accepted: bool,
    /// The order that takes its numbers back, by what the database says.
    released: Option<i64>,
}

impl Leaver {
    async fn arrive(person: &mut Visitor, round: u64) -> Self {
        let (name, first) = (format!("leaver-{round}"), 441_632_800_000 + 1_000 * round);
        take_on(person, &name, CONTOSO).await;
        let numbers: Vec<_> = (first..first + SIZE).map(|number| format!("+{number}")).collect();
        let ordered = order(person, &name, &numbers, What::Upload { outbound: false }).await.unwrap();
        assert!(ordered.accepted);
        Self { name, first, uploaded: ordered.id, accepted: false, released: None }
    }

    async fn leave(&mut self, person: &mut Visitor) {
        if let Some(answer) = post(person, &format!("/accounts/{}/delete", self.name), &[("release", "true")]).await {
            assert_eq!(answer.status, StatusCode::SEE_OTHER, "{self:?}: {}", answer.text);
            self.accepted = true;
        }
    }

    /// The process is dead. The deletion was taken with all that belongs to it, or not at all.
    async fn look(&mut self, served: &Served) {
        let db = served.place.open().await;
        let name = &self.name;
        let stays = format!("SELECT COUNT(*) FROM accounts WHERE name = '{name}' AND NOT deleting");
        let stays = numbers(&db, &stays).await == [1];
        assert!(!(self.accepted && stays), "the deletion was accepted and is lost: {self:?}");
        let untouched = format!(
            "SELECT COUNT(*) FROM numbers WHERE telephone_number BETWEEN {} AND {} AND state <> 'releasing'",
            self.first,
            self.first + SIZE
        );
        let expected = if stays { SIZE.cast_signed() } else { 0 };
        assert_eq!(numbers(&db, &untouched).await, [expected], "numbers that stay: {self:?}");
        let audited = format!(
            "
            SELECT COUNT(*)
            FROM audit
            WHERE action = 'account.delete'
              AND subject = '{name}'"
        );
        assert_eq!(numbers(&db, &audited).await, [i64::from(!stays)], "audit entries: {self:?}");
        let orders = format!("SELECT id FROM orders WHERE kind = 'release' AND accounts = '{name}'");
        let orders = numbers(&db, &orders).await;
        assert_eq!(orders.len(), usize::from(!stays), "orders that take the numbers back: {self:?}");
        self.released = orders.first().copied();
        db.close().await;
    }

    /// In the end the account is gone, here and there, or has everything.
    async fn check(&self, db: &nmp::store::Db, statuses: &BTreeMap<i64, String>, world: &Value) {
        let states = format!(
            "
            SELECT a.name || ' ' || n.state
            FROM numbers n
            JOIN accounts a ON a.id = n.account_id
            WHERE n.telephone_number BETWEEN {} AND {}",
            self.first,
            self.first + SIZE
        );
        let states = texts(db, &states).await;
        let held = (self.first..self.first + SIZE)
            .filter(|n| !world["tenants"][CONTOSO]["numbers"][format!("+{n}")].is_null());
        let account = numbers(db, &format!("SELECT COUNT(*) FROM accounts WHERE name = '{}'", self.name)).await;
        match self.released {
            None => {
                assert_eq!(states, vec![format!("{} synced", self.name); usize::try_from(SIZE).unwrap()], "{self:?}");
                assert_eq!(
                    (held.count() as u64, account, statuses[&self.uploaded].as_str()),
                    (SIZE, vec![1], "complete")
                );
            }
            Some(order) => {
                assert_eq!(states, Vec::<String>::new(), "{self:?}");
                assert_eq!((held.count(), account, statuses[&order].as_str()), (0, vec![0], "complete"), "{self:?}");
            }
        }
    }
}

/// Creates an account whose numbers are synced.
pub(crate) async fn take_on(person: &mut Visitor, name: &str, tenant: &str) {
    let form = [("name", name), ("tenant", tenant), ("service", "operatorConnect"), ("sync", "operatorConnect")];
    let created = post(person, "/accounts/new", &form).await.unwrap();
    assert_eq!(created.status, StatusCode::SEE_OTHER, "{}", created.text);
}

/// Says how to repeat a run that failed.
pub(crate) struct Seed(pub(crate) u64);

impl Drop for Seed {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let _ = writeln!(std::io::stderr(), "repeat this run with NMP_TEST_SEED={}", self.0);
        }
    }
}

/// A person's two steps: stage the order, then submit what the review shows. Ends early when the portal is gone.
pub(crate) async fn order(person: &mut Visitor, account: &str, numbers: &[String], what: What) -> Option<Ordered> {
    let staged = match what {
        What::Upload { outbound } => {
            let text = numbers.join("\n");
            let mut form = vec![
                ("account", account),
                ("service", "operatorConnect"),
                ("usage", "CallingUserAssignment"),
                ("capability", "InboundCalling"),
                ("allow_tenant_address_update", "true"),
                ("numbers", &text),
            ];
            form.extend(outbound.then_some(("capability", "OutboundCalling")));
            person.upload("/numbers/upload", &form, None).await.ok()
        }
        What::Release => {
            let ticked: Vec<_> = numbers.iter().map(|number| ("number", number.as_str())).collect();
            post(person, "/numbers/release", &ticked).await
        }
    }?;
    assert_eq!(staged.status, StatusCode::SEE_OTHER, "{what:?}: {}", staged.text);
    let review = staged.location.unwrap();
    let id = review.strip_prefix("/orders/").and_then(|rest| rest.strip_suffix("/review")).unwrap().parse().unwrap();
    let accepted = match post(person, &format!("/orders/{id}/submit"), &[]).await {
        None => false,
        Some(answer) => {
            assert_eq!(answer.status, StatusCode::SEE_OTHER, "{what:?}: {}", answer.text);
            assert_eq!(answer.location, Some(format!("/orders/{id}")));
            true
        }
    };
    Some(Ordered { id, what, accepted })
}

/// `None` when the portal died meanwhile.
pub(crate) async fn post(
    person: &mut Visitor,
    path: &str,
    form: &[(&str, &str)],
) -> Option<crate::harness::visitor::Answer> {
    let url = person.url(path);
    person.once(Method::POST, url, Some(form)).await.ok()
}

pub(crate) struct Sandbox {
    url: String,
    http: reqwest::Client,
}

impl Sandbox {
    pub(crate) fn of(served: &Served) -> Self {
        let http = reqwest::Client::builder().build().unwrap();
        Self { url: format!("{}/operator-connect", served.sandbox.base), http }
    }

    pub(crate) async fn faults(&self, faults: Value) {
        let answer = self.http.put(format!("{}/_faults", self.url)).json(&faults).send().await.unwrap();
        assert!(answer.status().is_success(), "{answer:?}");
    }

    pub(crate) async fn state(&self) -> Value {
        self.http.get(format!("{}/_state", self.url)).send().await.unwrap().json().await.unwrap()
    }
}

/// Another way for the backend to behave.
pub(crate) fn faults(random: &mut StdRng) -> Value {
    let rate = |random: &mut StdRng| if random.random_bool(0.5) { random.random_range(0.05..0.4) } else { 0.0 };
    let refuses = random.random_bool(0.4);
    json!({
        "jobSeconds": one_of(random, [0.0, 0.3, 1.0, 2.0]),
        "latencyMs": one_of(random, [0, 0, 30, 150]),
        "status": refuses.then(|| one_of(random, [429, 500, 503])),
        "statusRate": refuses.then(|| random.random_range(0.1..0.5)),
        "retryAfter": random.random_bool(0.3).then_some(1),
        "dropResponseRate": rate(random),
        "garbageRate": rate(random),
    })
}

/// A backend that does what it is asked for.
pub(crate) fn none() -> Value {
    json!({
        "status": null,
        "statusRate": null,
        "retryAfter": null,
        "dropResponseRate": null,
        "garbageRate": null,
        "latencyMs": null,
    })
}

fn one_of<T: Copy, const N: usize>(random: &mut StdRng, choices: [T; N]) -> T {
    choices[random.random_range(0..N)]
}

/// When to die: as often while a person's request is being answered as while the engine works.
pub(crate) fn moment(random: &mut StdRng) -> Duration {
    Duration::from_millis(if random.random_bool(0.5) {
        random.random_range(0..250)
    } else {
        random.random_range(250..2_500)
    })
}

/// The process is dead. Reads how far the orders are, and usually lets the half minute pass that a dead worker's claims
/// last.
pub(crate) async fn meanwhile(served: &Served, wait_for_leases: bool) -> BTreeMap<i64, String> {
    let db = served.place.open().await;
    if wait_for_leases {
        execute(
            &db,
            "
            UPDATE work
            SET next_at = CASE WHEN next_at = lease_until THEN next_at - 30000000 ELSE next_at END,
                lease_until = lease_until - 30000000
            WHERE lease_until > 0",
        )
        .await;
    }
    let ids = numbers(&db, "SELECT id FROM orders ORDER BY id").await;
    let statuses = texts(&db, "SELECT status FROM orders ORDER BY id").await;
    db.close().await;
    ids.into_iter().zip(statuses).collect()
}

async fn killed_at_any_moment(kind: Kind) {
    let seed = std::env::var("NMP_TEST_SEED").ok().map_or_else(rand::random, |seed| seed.parse().unwrap());
    let _told = Seed(seed);
    let mut random = StdRng::seed_from_u64(seed);
    let mut served = Served::start(Place::new(kind).await, &["portal", "sync"]).await;
    let sandbox = Sandbox::of(&served);
    let mut person = served.sign_in("admin").await;
    for (name, tenant) in ACCOUNTS {
        take_on(&mut person, name, tenant).await;
    }
    let mut batches: Vec<Batch> = Vec::new();
    let mut leavers: Vec<Leaver> = Vec::new();
    let mut statuses = BTreeMap::new();
    for round in 0..ROUNDS {
        sandbox.faults(faults(&mut random)).await;
        if round % LEAVES == LEAVES - 1 {
            let mut leaver = Leaver::arrive(&mut person, round as u64).await;
            // Its numbers may wait, be on their way, or be there.
            tokio::time::sleep(moment(&mut random)).await;
            // Half of the time while the deletion is written.
            let dies = if random.random() { moment(&mut random).mul_f64(0.2) } else { moment(&mut random) };
            tokio::join!(leaver.leave(&mut person), async {
                tokio::time::sleep(dies).await;
                served.kill();
            });
            statuses = meanwhile(&served, random.random_bool(0.9)).await;
            leaver.look(&served).await;
            leavers.push(leaver);
            served.start_again();
            continue;
        }
        let rested: Vec<_> = batches
            .iter()
            .enumerate()
            .filter_map(|(index, batch)| Some((index, batch.next(&statuses, &mut random)?)))
            .collect();
        let (index, what) = if rested.is_empty() || random.random_bool(0.4) {
            let first = 441_632_900_000 + 1_000 * round as u64;
            batches.push(Batch { account: random.random_range(0..ACCOUNTS.len()), first, orders: Vec::new() });
            (batches.len() - 1, What::Upload { outbound: random.random() })
        } else {
            rested[random.random_range(0..rested.len())]
        };
        let batch = &mut batches[index];
        let list: Vec<String> = batch.numbers().collect();
        let (ordered, ()) = tokio::join!(order(&mut person, ACCOUNTS[batch.account].0, &list, what), async {
            tokio::time::sleep(moment(&mut random)).await;
            served.kill();
        });
        batch.orders.extend(ordered);
        statuses = meanwhile(&served, random.random_bool(0.9)).await;
        for order in batches.iter().flat_map(|batch| &batch.orders).filter(|order| order.accepted) {
            assert_ne!(statuses[&order.id], "draft", "round {round}: order {} was accepted and is lost", order.id);
        }
        served.start_again();
    }

    sandbox.faults(none()).await;
    let db = served.place.open().await;
    eventually("every order is final", Duration::from_mins(4), async || {
        let open = "SELECT COUNT(*) FROM orders WHERE status IN ('pending', 'in-progress')";
        (numbers(&db, open).await == [0]).then_some(())
    })
    .await;
    eventually("who was to go is gone", Duration::from_secs(30), async || {
        (numbers(&db, "SELECT COUNT(*) FROM accounts WHERE deleting").await == [0]).then_some(())
    })
    .await;
    let answer = person.get("/orders").await;
    assert_eq!(answer.status, StatusCode::OK, "the person is still signed in");
    served.kill();
    let statuses = meanwhile(&served, false).await;
    let world = sandbox.state().await;
    let mut taken = Vec::new();
    for batch in &batches {
        let (account, tenant) = ACCOUNTS[batch.account];
        for order in batch.taken(&statuses) {
            assert_eq!(statuses[&order.id], "complete", "{order:?}");
            taken.push(order.id);
        }
        let last = batch.taken(&statuses).next_back().map(|order| order.what);
        let times = batch.taken(&statuses).count();
        for number in batch.numbers() {
            let (held, released) =
                (&world["tenants"][tenant]["numbers"][&number], &world["tenants"][tenant]["released"][&number]);
            let row = format!(
                "
                SELECT a.name || ' ' || n.state
                FROM numbers n
                JOIN accounts a ON a.id = n.account_id
                WHERE n.telephone_number = {}",
                &number[1..]
            );
            let ours = texts(&db, &row).await;
            match last {
                None => assert!(held.is_null() && released.is_null() && ours.is_empty(), "{number}: nobody ordered it"),
                Some(What::Release) => {
                    assert!(held.is_null() && ours.is_empty(), "{number} was released, but: {held} {ours:?}");
                    assert_eq!(released["changes"], times, "{number} by {:?}", batch.orders);
                }
                Some(What::Upload { outbound }) => {
                    assert_eq!(ours, [format!("{account} synced")], "{number}");
                    assert_eq!(held["changes"], times, "{number} by {:?}", batch.orders);
                    let calls = held["settings"]["choosableCapabilities"].as_array().unwrap().len();
                    assert_eq!(calls, if outbound { 2 } else { 1 }, "{number}: {held}");
                }
            }
        }
    }
    for leaver in &leavers {
        leaver.check(&db, &statuses, &world).await;
        taken.push(leaver.uploaded);
        taken.extend(leaver.released);
    }
    taken.sort_unstable();
    nothing_half(&served, &db, &taken, &statuses).await;
    db.close().await;
}

/// What no order asked for is not there, drafts are whole, and every order was audited once.
async fn nothing_half(served: &Served, db: &nmp::store::Db, taken: &[i64], statuses: &BTreeMap<i64, String>) {
    check_invariants(db).await;
    let in_database: Vec<i64> = statuses.iter().filter(|(_, status)| *status != "draft").map(|(id, _)| *id).collect();
    assert_eq!(in_database, taken, "orders that nobody has sent");
    assert!(taken.len() > ROUNDS / 8, "{} of {ROUNDS} orders were taken: the moments are too early", taken.len());
    assert_eq!(numbers(db, "SELECT COUNT(*) FROM pushes").await, [0]);
    assert_eq!(numbers(db, "SELECT COUNT(*) FROM numbers WHERE push_id IS NOT NULL OR state <> 'synced'").await, [0]);
    let items = format!(
        "SELECT o.id FROM orders o WHERE (SELECT COUNT(*) FROM order_items i WHERE i.order_id = o.id) <> {SIZE}"
    );
    assert_eq!(numbers(db, &items).await, Vec::<i64>::new(), "orders and drafts that are not whole");
    let audited = numbers(db, "SELECT order_id FROM audit WHERE action = 'order.submit' ORDER BY order_id").await;
    assert_eq!(audited, taken, "one audit entry for each order");
    let verified = finished(nmp().args(["audit", "verify"]).env("NMP_DATABASE__URL", &served.place.url));
    assert!(verified.status.success(), "{verified:?}");
}

#[test]
fn killed_at_any_moment_on_sqlite() {
    runtime().block_on(killed_at_any_moment(Kind::Sqlite));
}

#[test]
fn killed_at_any_moment_on_postgres() {
    runtime().block_on(killed_at_any_moment(Kind::Postgres));
}
