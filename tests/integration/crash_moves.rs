//! `kill -9` in the middle of moves to another enterprise: no number is lost between the two, none is released or uploaded
//! twice, and in the end the backend and the database say the same.
//!
//! Numbers go to and fro between two enterprises, each time in one order that releases them here and uploads them there. The
//! process dies while the order is written, while the backend releases, and while it takes the numbers for the other one.
//! `NMP_TEST_SEED` repeats the choices of a run that failed.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use reqwest::StatusCode;

use crate::crash::{Sandbox, Seed, What, faults, meanwhile, moment, none, order, post, take_on};
use crate::harness::database::{Kind, Place, numbers, texts};
use crate::harness::served::Served;
use crate::harness::visitor::Visitor;
use crate::harness::world::{CONTOSO, FABRIKAM, check_invariants};
use crate::harness::{eventually, runtime};

/// How often the process dies.
const ROUNDS: usize = 24;
const FIRST: u64 = 441_632_700_000;
const SIZE: u64 = 60;
const ACCOUNTS: [(&str, &str); 2] = [("contoso", CONTOSO), ("fabrikam", FABRIKAM)];

/// An order that moves all numbers, whose number a person saw.
#[derive(Clone, Copy, Debug)]
struct Moved {
    id: i64,
    /// Which account gets them.
    to: usize,
    /// The portal said that it has taken the order.
    accepted: bool,
}

fn list() -> Vec<String> {
    (FIRST..FIRST + SIZE).map(|number| format!("+{number}")).collect()
}

/// Stages the move, and lets the numbers out of quarantine where that holds them.
async fn stage(person: &mut Visitor, to: &str) -> i64 {
    let text = list().join("\n");
    let fields = [("numbers", text.as_str()), ("to", to), ("allow_tenant_address_update", "yes")];
    let staged = person.upload("/numbers/move", &fields, None).await.unwrap();
    assert_eq!(staged.status, StatusCode::SEE_OTHER, "{}", staged.text);
    let review = staged.location.unwrap();
    let id = review.trim_start_matches("/orders/").trim_end_matches("/review").parse().unwrap();
    if person.get(&review).await.text.contains("Override quarantine") {
        let form = [("all", "true"), ("reason", "The enterprises have merged")];
        let answer = post(person, &format!("/orders/{id}/quarantine"), &form).await.unwrap();
        assert_eq!(answer.location, Some(review), "{}", answer.text);
    }
    id
}

async fn killed_in_the_middle_of_moves(kind: Kind) {
    let seed = std::env::var("NMP_TEST_SEED").ok().map_or_else(rand::random, |seed| seed.parse().unwrap());
    let _told = Seed(seed);
    let mut random = StdRng::seed_from_u64(seed);
    let mut served = Served::start(Place::new(kind).await, &["portal", "sync"]).await;
    let sandbox = Sandbox::of(&served);
    let mut person = served.sign_in("admin").await;
    for (name, tenant) in ACCOUNTS {
        take_on(&mut person, name, tenant).await;
    }
    let uploaded = order(&mut person, ACCOUNTS[0].0, &list(), What::Upload { outbound: true }).await.unwrap();
    assert!(uploaded.accepted);
    let mut moves: Vec<Moved> = Vec::new();
    // Where the numbers are, or go.
    let mut owner = 0;
    let mut statuses = meanwhile(&served, false).await;
    for round in 0..ROUNDS {
        let is_open = statuses.values().any(|status| matches!(status.as_str(), "pending" | "in-progress"));
        if is_open {
            // The order is under way: the backend errs, and the process dies once more.
            sandbox.faults(faults(&mut random)).await;
            tokio::time::sleep(moment(&mut random)).await;
            served.kill();
        } else {
            let to = 1 - owner;
            let id = stage(&mut person, ACCOUNTS[to].0).await;
            sandbox.faults(faults(&mut random)).await;
            let path = format!("/orders/{id}/submit");
            let (answer, ()) = tokio::join!(post(&mut person, &path, &[]), async {
                tokio::time::sleep(moment(&mut random)).await;
                served.kill();
            });
            if let Some(answer) = &answer {
                assert_eq!(answer.status, StatusCode::SEE_OTHER, "round {round}: {}", answer.text);
            }
            moves.push(Moved { id, to, accepted: answer.is_some() });
        }
        statuses = meanwhile(&served, random.random_bool(0.9)).await;
        for one in moves.iter().filter(|one| one.accepted) {
            assert_ne!(statuses[&one.id], "draft", "round {round}: {one:?} was accepted and is lost");
        }
        let taken = moves.iter().rev().find(|one| statuses[&one.id] != "draft");
        owner = taken.map_or(0, |one| one.to);
        served.start_again();
    }
    sandbox.faults(none()).await;
    let db = served.place.open().await;
    eventually("every order is final", Duration::from_mins(4), async || {
        let open = "SELECT COUNT(*) FROM orders WHERE status IN ('pending', 'in-progress')";
        (numbers(&db, open).await == [0]).then_some(())
    })
    .await;
    served.kill();
    statuses = meanwhile(&served, false).await;
    let taken: Vec<Moved> = moves.into_iter().filter(|one| statuses[&one.id] != "draft").collect();
    assert!(!taken.is_empty(), "no move was taken: the moments are too early");
    for one in &taken {
        assert_eq!(statuses[&one.id], "complete", "{one:?}");
    }
    nothing_lost_or_doubled(&db, &sandbox, &taken, owner).await;
    db.close().await;
}

async fn nothing_lost_or_doubled(db: &nmp::store::Db, sandbox: &Sandbox, taken: &[Moved], owner: usize) {
    check_invariants(db).await;
    let world = sandbox.state().await;
    // Each move releases a number at one enterprise and uploads it at the other; the first has it from an upload.
    let changes = |account: usize| taken.len() + usize::from(account == 0);
    for number in list() {
        let row = format!(
            "SELECT a.name || ' ' || n.state FROM numbers n JOIN accounts a ON a.id = n.account_id WHERE n.telephone_number = {}",
            &number[1..]
        );
        assert_eq!(texts(db, &row).await, [format!("{} synced", ACCOUNTS[owner].0)], "{number}");
        for (account, (_, tenant)) in ACCOUNTS.iter().enumerate() {
            let of = &world["tenants"][*tenant];
            let (held, released) = (&of["numbers"][&number], &of["released"][&number]);
            if account == owner {
                assert_eq!(held["changes"], changes(account), "{number} at {tenant}: {held} {released}");
            } else {
                assert!(held.is_null(), "{number} is at both enterprises: {held}");
                assert_eq!(released["changes"], changes(account), "{number} at {tenant}: {released}");
            }
        }
    }
    let count = format!("SELECT number_count FROM accounts WHERE name = '{}'", ACCOUNTS[owner].0);
    assert_eq!(numbers(db, &count).await, [SIZE.cast_signed()]);
    let ended = numbers(db, "SELECT COUNT(*) FROM holdings").await;
    assert_eq!(ended, [SIZE.cast_signed() * taken.len() as i64], "each move ends one holding of each number");
    assert_eq!(numbers(db, "SELECT COUNT(*) FROM pushes").await, [0]);
    let audited = numbers(db, "SELECT order_id FROM audit WHERE action = 'order.submit' ORDER BY order_id").await;
    let orders: Vec<i64> = taken.iter().map(|one| one.id).collect();
    assert_eq!(audited.get(1..), Some(orders.as_slice()), "one audit entry for each order");
}

#[test]
fn killed_in_the_middle_of_moves_on_sqlite() {
    runtime().block_on(killed_in_the_middle_of_moves(Kind::Sqlite));
}

#[test]
fn killed_in_the_middle_of_moves_on_postgres() {
    runtime().block_on(killed_in_the_middle_of_moves(Kind::Postgres));
}
