//! The next free numbers: a hundred in a row among a million that are taken, kept for whoever asks.

use std::path::Path;
use std::time::{Duration, Instant};

use nmp::store::{Db, PoolSize};
use reqwest::Method;

use crate::program::Program;
use crate::report::{Outcome, at_most, say};
use crate::visitor::Visitor;
use crate::{millis, postgres, seed};

/// So often the numbers are asked for and given back.
const ASKED: usize = 20;
const FORM: [(&str, &str); 3] = [("account", "contoso"), ("count", "100"), ("row", "row")];
/// Where the package of the server is.
const SERVER: &str = "/usr/lib/postgresql";

pub async fn run() -> Outcome<()> {
    let folder = tempfile::tempdir()?;
    let file = format!("sqlite:{}", folder.path().join("nmp.db").display());
    among_a_million("SQLite", folder.path(), &file).await?;
    if !Path::new(SERVER).exists() {
        say("next free numbers on PostgreSQL", "not measured", "its package is not installed");
        return Ok(());
    }
    let folder = tempfile::tempdir()?;
    among_a_million("PostgreSQL", folder.path(), &postgres::new_database().await).await
}

/// First the million is one row, then one in 50 of it is free, which is never a hundred in a row.
async fn among_a_million(name: &str, folder: &Path, url: &str) -> Outcome<()> {
    let db = seed::first(url).await?;
    let rows = "
        WITH RECURSIVE digit (d) AS (SELECT 0 UNION ALL SELECT d + 1 FROM digit WHERE d < 999)
        INSERT INTO numbers (telephone_number, account_id, settings_id, country, state, rev, order_id, changed_at)
        SELECT 442000000000 + a.d * 1000 + b.d, c.id, s.id, 'GB', 'synced', 1, 1, 0
        FROM digit a, digit b, accounts c, settings s";
    seed::execute(&db, rows).await?;
    let block = "
        INSERT INTO blocks (first_number, last_number, country, kind, note, rev)
        VALUES (442000000000, 442001999999, 'GB', 'geographic', '', 1)";
    seed::execute(&db, block).await?;
    db.close().await;
    asked(&format!("next free 100 behind 1,000,000 in a row ({name})"), folder, url).await?;
    let db = Db::open(url, PoolSize::default()).await?;
    seed::execute(&db, "DELETE FROM numbers WHERE telephone_number >= 442000000000 AND telephone_number % 50 = 0")
        .await?;
    db.close().await;
    asked(&format!("  behind 1,000,000 with 20,000 gaps ({name})"), folder, url).await
}

/// Asks for them, again and again, and says how long half of the answers took at most.
async fn asked(what: &str, folder: &Path, url: &str) -> Outcome<()> {
    let program = Program::start_with(folder, true, &[("NMP_DATABASE__URL", url)])?;
    let mut visitor = Visitor::sign_in(&program.portal, "writer").await;
    let mut times = Vec::new();
    for _ in 0..ASKED {
        let (found, taken) = next_free(&mut visitor).await?;
        times.push(taken);
        let url = visitor.url(&format!("/blocks/reservations/{found}/release"));
        visitor.once(Method::POST, url, Some(&[])).await?;
    }
    times.sort_unstable();
    let half = millis(times.get(ASKED / 2).copied().unwrap_or_default());
    say(what, format!("{half:.2} ms"), &at_most(20.0, "ms", half));
    Ok(())
}

/// The reservation with the free numbers, which have to be those behind the million, and how long it took.
async fn next_free(visitor: &mut Visitor) -> Outcome<(String, Duration)> {
    let url = visitor.url("/blocks/next-free");
    let begun = Instant::now();
    let answer = visitor.once(Method::POST, url, Some(&FORM)).await?;
    let taken = begun.elapsed();
    let form = answer.location.ok_or_else(|| format!("nothing is free: {}", answer.text))?;
    let (_, reservation) = form.split_once("reservation=").ok_or("no reservation")?;
    if !visitor.get(&form).await.text.contains("+442001000000") {
        return Err("these are not the first free numbers".into());
    }
    Ok((reservation.to_owned(), taken))
}
