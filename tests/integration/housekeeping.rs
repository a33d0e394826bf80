//! What nobody needs any more is cleared away, and nothing else.

use std::collections::BTreeMap;
use std::time::Duration as Within;

use nmp::domain::OrderStatus;
use nmp::service::housekeeping::{Swept, sweep};
use nmp::service::orders;
use nmp::service::{Ctx, Policy};
use nmp::store::{Db, PoolSize, RepeatRow};
use reqwest::StatusCode;
use time::Duration;

use crate::harness::database::{Kind, Place, execute, numbers, texts};
use crate::harness::portal::{OF_CONTOSO, Portal, stage_upload};
use crate::harness::world::{World, right};
use crate::harness::{eventually, on_both_databases, runtime};

on_both_databases![old_drafts_go_with_all_their_lines, answers_that_cannot_be_asked_for_go,];

async fn rows(world: &World, table: &str) -> i64 {
    numbers(&world.db, &format!("SELECT COUNT(*) FROM {table}")).await[0]
}

async fn old_drafts_go_with_all_their_lines(world: World) {
    world.local_account("contoso").await;
    let kept = world.upload("contoso", "+441632970000-0009").await;
    let audit = rows(&world, "audit").await;
    // More lines than one transaction takes, of both kinds.
    let problems: Vec<String> = (0..2_500).map(|n| format!("nonsense{n}")).collect();
    let large = world.stage("contoso", &format!("+441632960000-+441632964999\n{}", problems.join("\n"))).await;
    let discarded = world.stage("contoso", "+441632980000").await;
    orders::discard(&world.ctx, &right(nmp::domain::OrderKind::Upload), discarded).await.unwrap();
    assert!(rows(&world, "order_items").await > 5_000 && rows(&world, "order_problems").await > 2_000);
    world.clock.advance(Duration::days(29));
    let young = world.stage("contoso", "+441632980001").await;
    assert_eq!(sweep(&world.ctx).await.unwrap(), Swept::default(), "nothing is old enough");

    world.clock.advance(Duration::days(2));
    let for_ever = Policy { keep_drafts: None, ..Policy::default() };
    let for_ever = Ctx::new(world.db.clone(), world.ctx.clock.clone(), for_ever);
    assert_eq!(sweep(&for_ever).await.unwrap(), Swept::default());
    // Two processes do it at the same time.
    let (one, other) = tokio::join!(sweep(&world.ctx), sweep(&world.ctx));
    assert!(one.unwrap().drafts + other.unwrap().drafts >= 2);
    let left = numbers(&world.db, "SELECT id FROM orders ORDER BY id").await;
    assert_eq!(left, [kept, young]);
    assert_eq!(numbers(&world.db, "SELECT DISTINCT order_id FROM order_items ORDER BY 1").await, [kept, young]);
    assert_eq!(rows(&world, "order_problems").await, 0);
    assert_eq!(numbers(&world.db, "SELECT DISTINCT order_id FROM order_accounts ORDER BY 1").await, [kept, young]);
    assert_eq!(rows(&world, "audit").await, audit, "the audit is never touched");
    assert_eq!(world.order(kept).await.status, OrderStatus::Complete);
    assert!(!left.contains(&large));
    world.check_invariants().await;
}

async fn answers_that_cannot_be_asked_for_go(world: World) {
    let row = RepeatRow { fingerprint: "f".to_owned(), status: 200, etag: None, changed_at: None, body: None };
    let keep = async |prefix: &str, count: u32| {
        let mut tx = world.db.begin().await.unwrap();
        for n in 0..count {
            let now = world.clock.now();
            assert!(
                tx.keep_repeat(("client", &format!("{prefix}{n}")), &row, now - Duration::days(1), now).await.unwrap()
            );
            // Not all in one instant.
            world.clock.advance(Duration::microseconds(i64::from(n % 2)));
        }
        tx.commit().await.unwrap();
    };
    keep("old", 4_500).await;
    world.clock.advance(Duration::hours(23));
    keep("new", 3).await;
    assert_eq!(sweep(&world.ctx).await.unwrap(), Swept::default());
    world.clock.advance(Duration::hours(2));
    assert_eq!(sweep(&world.ctx).await.unwrap(), Swept { repeats: 4_500, ..Swept::default() });
    assert_eq!(texts(&world.db, "SELECT id FROM repeats ORDER BY id").await, ["new0", "new1", "new2"]);
}

#[test]
fn the_program_does_it_and_says_so() {
    runtime().block_on(async {
        let Portal { mut demo, mut admin } = Portal::start().await;
        let draft = stage_upload(&mut admin, "contoso", OF_CONTOSO).await;
        let page = format!("/orders/{draft}/review");
        assert_eq!(admin.get(&page).await.status, StatusCode::OK);
        assert!(demo.stop().success());
        let file = format!("sqlite:{}", demo.folder.path().join("nmp.db").display());
        let db = Db::open(&file, PoolSize::default()).await.unwrap();
        execute(&db, "UPDATE orders SET created_at = created_at - 31 * 86400000000 WHERE status = 'draft'").await;
        execute(
            &db,
            "
            INSERT INTO repeats (client, id, fingerprint, status, told_at)
            VALUES ('c', 'i', 'f', 200, 1)",
        )
        .await;
        db.close().await;
        demo.start_again();
        let gone = eventually("the draft is gone", Within::from_secs(30), async || {
            let answer = admin.get(&page).await;
            (answer.status == StatusCode::NOT_FOUND).then_some(answer)
        })
        .await;
        assert!(gone.text.contains("kept for 30 days"), "{}", gone.text);
        let db = Db::open(&file, PoolSize::default()).await.unwrap();
        assert_eq!(numbers(&db, "SELECT COUNT(*) FROM repeats").await, [0]);
        db.close().await;
    });
}

/// What keeps each table from growing for ever. A new table has to be here, and what is said of it has to be so.
const BOUNDED_BY: [(&str, &str); 53] = [
    ("account_services", "goes with its account"),
    ("accounts", "grows with accepted changes"),
    ("answers", "grows with answers of backends, for whoever follows the numbers"),
    ("audit", "grows with accepted changes, and is never shortened"),
    ("blocks", "10,000"),
    ("capability_plans", "one for each tenant"),
    ("civic_addresses", "what the last pull found"),
    ("consents", "what pulls found"),
    ("draft_texts", "goes with its draft, at the latest when it is submitted"),
    ("drift", "what the last comparisons found"),
    ("errors", "each text once"),
    ("given_up_labels", "grows with accepted changes"),
    ("hand_over_steps", "goes with its account"),
    ("heading_choices", "one for each person and set of headings; swept when not used for 400 days"),
    ("holders", "grows with accepted changes: one for each account, and for each tenant it goes over to"),
    ("holdings", "grows with accepted changes: one for each release of a number"),
    ("import_files", "goes when its import is made, or with it"),
    ("import_problems", "10,000 for each import"),
    ("imports", "those that were not made are swept; the others are accepted changes"),
    ("keys", "one"),
    ("number_parts", "goes when every backend of a number has answered"),
    ("numbers", "grows with accepted changes"),
    ("observed", "what pulls found"),
    ("observed_lists", "one for each tenant of a backend"),
    ("observed_settings", "each description once"),
    ("order_accounts", "goes with its order"),
    ("order_items", "goes with its order"),
    ("order_notes", "goes with its order"),
    ("order_problems", "goes with its order"),
    ("orders", "drafts are swept; the others are accepted changes"),
    ("pushes", "goes when every number has its answer"),
    ("quarantine", "swept: one at most for each number, until its time has passed"),
    ("quarantine_overridden", "goes with its order"),
    ("quarantine_overrides", "goes with its order"),
    ("quarantine_periods", "one for each country of the configuration"),
    ("reconciles", "one for each account and backend, gone with its account"),
    ("repeats", "swept"),
    ("reservations", "20 for each person at once; swept when their time is over"),
    ("reserved", "goes with its reservation"),
    ("seen", "one for a page of a list on which something has changed; swept after 400 days"),
    ("sequences", "one for each kind"),
    ("sessions", "swept at each sign-in"),
    ("as_sent", "each combination once"),
    ("settings", "each combination once"),
    ("settings_services", "each combination once"),
    ("subdomain_checks", "goes with its subdomain"),
    ("subdomains", "goes with its account"),
    ("told_names", "one for each name"),
    ("unread", "one for each list of a backend"),
    ("waiting_files", "goes with its upload"),
    ("waiting_uploads", "one for each person; swept after a day"),
    ("work", "one for each thing to look after"),
    ("zone", "one"),
];

#[test]
fn every_table_says_what_bounds_it() {
    runtime().block_on(async {
        let db = Place::new(Kind::Sqlite).await;
        let db = db.open().await;
        db.migrate().await.unwrap();
        let known: BTreeMap<&str, &str> = BOUNDED_BY.into_iter().collect();
        let tables = "
            SELECT name
            FROM sqlite_master
            WHERE type = 'table'
              AND name NOT LIKE 'sqlite_%'
              AND name <> '_sqlx_migrations'";
        for table in texts(&db, tables).await {
            assert!(known.contains_key(table.as_str()), "what keeps {table} from growing for ever?");
        }
        db.close().await;
    });
}
