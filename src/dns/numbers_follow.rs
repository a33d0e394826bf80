//! Keeping up with the numbers: all of them once, then what changes, as a program does that keeps a copy of them.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::numbers::{Change, Contents, EnumOptions, Numbers};
use super::{NameServer, kept};
use crate::domain::Service;
use crate::store::{Db, Position, Result, Tx};

/// The database is asked this often for what changed.
const POLL: Duration = Duration::from_millis(250);
/// A pause after the database failed.
const PAUSE: Duration = Duration::from_secs(1);
/// Numbers read at once in the beginning, and changes afterwards.
const ALL_AT_ONCE: i64 = 50_000;
const CHANGES_AT_ONCE: usize = 5_000;
/// What is on disk is at most so much older than what is answered.
const KEEP_EVERY: Duration = Duration::from_secs(30);

/// The first word of the file. Another form has another number.
const FORM: &str = "nmp-enum-1";

/// Follows the database until the stop.
pub(super) async fn follow(server: NameServer, options: EnumOptions, db: Db) {
    let stop = server.shared.stop.clone();
    let mut follower = Follower { server, options, read: None, kept_at: None, kept: None };
    let mut was_away = false;
    while !stop.is_cancelled() {
        match stop.run_until_cancelled(follower.go_on(&db)).await {
            None => return,
            Some(Ok(true)) => was_away = false,
            Some(Ok(false)) => {
                was_away = false;
                let _ = stop.run_until_cancelled(tokio::time::sleep(POLL)).await;
            }
            Some(Err(error)) => {
                // Once for each time it is away.
                if !std::mem::replace(&mut was_away, true) {
                    tracing::warn!(%error, "the database does not answer; ENUM goes on with the numbers it has");
                }
                let _ = stop.run_until_cancelled(tokio::time::sleep(PAUSE)).await;
            }
        }
    }
}

struct Follower {
    server: NameServer,
    options: EnumOptions,
    /// What was read, and up to where. There is nothing in the beginning, or when it has to be read anew.
    read: Option<(Position, Contents)>,
    kept_at: Option<Instant>,
    /// The serial of what is on disk.
    kept: Option<u32>,
}

impl Follower {
    /// Reads what there is to read now, and tells whether more is known to follow.
    async fn go_on(&mut self, db: &Db) -> Result<bool> {
        let mut tx = db.read().await?;
        let more = match &mut self.read {
            None => {
                self.read = Some(all(&mut tx, self.options.needs_label()).await?);
                true
            }
            Some((position, contents)) => match tx.touched_since(position, CHANGES_AT_ONCE).await? {
                None => {
                    tracing::warn!("the database is another than before; the numbers for ENUM are read anew");
                    self.read = None;
                    return Ok(true);
                }
                Some(touched) => {
                    let found = tx.routed_among(&touched.numbers).await?;
                    let needs_label = self.options.needs_label();
                    let mut found = found.iter().peekable();
                    let changes: Vec<(i64, Change<'_>)> = touched
                        .numbers
                        .iter()
                        .map(|number| {
                            let now = found.next_if(|found| found.telephone_number == *number);
                            let direct = now.filter(|now| now.services.contains(Service::DirectRouting));
                            let label = direct.and_then(|now| Some(now.subdomain.as_ref()?.label.as_str()));
                            let change = match (needs_label, now, label) {
                                (true, _, Some(label)) => Change::Leads(Some(label)),
                                (false, Some(_), _) => Change::Leads(None),
                                _ => Change::Goes,
                            };
                            (number.as_i64(), change)
                        })
                        .collect();
                    if !changes.is_empty() {
                        contents.change(&changes);
                    }
                    *position = touched.next;
                    touched.more
                }
            },
        };
        drop(tx);
        self.show();
        if !more {
            self.keep().await;
        }
        Ok(more)
    }

    /// Puts what was read in use.
    fn show(&self) {
        let Some((position, contents)) = &self.read else { return };
        let serial = u32::try_from(position.serial() & i64::from(u32::MAX)).unwrap_or_default();
        let shown =
            self.server.shared.numbers.borrow().as_ref().map(|numbers| (numbers.serial(), numbers.are_loaded()));
        if shown != Some((serial, true)) {
            self.server.put_numbers(&self.options, serial, Some(contents.clone()));
        }
    }

    async fn keep(&mut self) {
        let (Some(path), Some((_, contents))) = (&self.options.kept, &self.read) else { return };
        let Some(serial) = self.server.shared.numbers.borrow().as_ref().map(|numbers| numbers.serial()) else { return };
        if self.kept == Some(serial) || self.kept_at.is_some_and(|at| at.elapsed() < KEEP_EVERY) {
            return;
        }
        let (path, contents, head) = (path.clone(), contents.clone(), head(&self.options));
        let writing = move || kept::write(&path, &written(&head, serial, &contents));
        self.kept_at = Some(Instant::now());
        match self.server.shared.tasks.spawn_blocking(writing).await {
            Ok(Ok(())) => self.kept = Some(serial),
            Ok(Err(error)) => tracing::warn!(%error, "the numbers for ENUM could not be kept on disk"),
            Err(error) => tracing::warn!(%error, "the numbers for ENUM could not be kept on disk"),
        }
    }
}

/// Every number, with the position of whoever has read them.
async fn all(tx: &mut Tx, needs_label: bool) -> Result<(Position, Contents)> {
    // First of all: what changes while the numbers are read is among the changes behind it.
    let position = tx.changes_end().await?;
    let (mut contents, mut behind) = (Contents::default(), 0);
    loop {
        tx.take_time().await?;
        let runs = tx.routed_runs(behind, ALL_AT_ONCE).await?;
        let mut seen = 0;
        for run in runs {
            seen += run.count;
            behind = behind.max(run.first + run.count - 1);
            match (needs_label, &run.label) {
                (true, Some(label)) => contents.append(run.first, run.count, Some(label)),
                (true, None) => {}
                (false, _) => contents.append(run.first, run.count, None),
            }
        }
        if seen < ALL_AT_ONCE {
            return Ok((position, contents));
        }
    }
}

impl NameServer {
    pub(super) fn put_numbers(&self, options: &EnumOptions, serial: u32, contents: Option<Contents>) {
        if let Some(contents) = &contents {
            metrics::gauge!("nmp_dns_enum_serial").set(f64::from(serial));
            metrics::gauge!("nmp_dns_enum_numbers").set(f64::from(u32::try_from(contents.count()).unwrap_or(u32::MAX)));
        }
        self.shared.numbers.send_replace(Some(Arc::new(Numbers::new(options, serial, contents))));
    }

    /// Begins with the numbers that were kept on disk, if there are any.
    pub(super) async fn put_kept_numbers(&self) {
        let Some(options) = self.options.numbers.clone() else { return };
        let (path, head) = (options.kept.clone(), head(&options));
        let reading = move || path.map_or(Ok(None), |path| recall(&path, &head));
        let found = match self.shared.tasks.spawn_blocking(reading).await {
            Ok(Ok(found)) => found,
            Ok(Err(reason)) => {
                tracing::warn!(reason, "the numbers for ENUM on disk cannot be used; they are written anew");
                None
            }
            Err(_) => None,
        };
        let (serial, contents) = found.map_or((0, None), |(serial, contents)| (serial, Some(contents)));
        self.put_numbers(&options, serial, contents);
    }
}

/// What the file has to begin with to be of use.
fn head(options: &EnumOptions) -> String {
    format!("{FORM} {} {}", options.layout.base, if options.needs_label() { "labelled" } else { "all" })
}

/// A line for each stretch: its first number, how many, and the label where it has one.
fn written(head: &str, serial: u32, contents: &Contents) -> String {
    use std::fmt::Write as _;
    let mut text = format!("{head} {serial}\n");
    for (first, count, label) in contents.each() {
        let _ = writeln!(text, "{first} {count} {}", label.unwrap_or_default());
    }
    text
}

fn recall(path: &Path, head: &str) -> std::result::Result<Option<(u32, Contents)>, String> {
    let Some(text) = kept::read(path)? else { return Ok(None) };
    let (first, lines) = text.split_once('\n').ok_or("it is cut off")?;
    let Some(serial) = first.strip_prefix(head).and_then(|rest| rest.strip_prefix(' ')) else { return Ok(None) };
    let serial = serial.parse().map_err(|_| "its serial is no number")?;
    let mut contents = Contents::default();
    for line in lines.lines() {
        let mut words = line.split(' ');
        let mut number = || words.next().and_then(|word| word.parse::<i64>().ok()).ok_or("it has another form");
        let (first, count) = (number()?, number()?);
        contents.append(first, count, words.next().filter(|label| !label.is_empty()));
    }
    Ok(Some((serial, contents)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_recalled() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("numbers");
        assert!(recall(&path, "x").unwrap().is_none());
        let mut contents = Contents::default();
        contents.append(441, 3, Some("contoso"));
        contents.append(444, 1, None);
        kept::write(&path, &written("nmp-enum-1 e164.example.net labelled", 7, &contents)).unwrap();
        let (serial, found) = recall(&path, "nmp-enum-1 e164.example.net labelled").unwrap().unwrap();
        assert_eq!(serial, 7);
        assert_eq!(found.each().collect::<Vec<_>>(), contents.each().collect::<Vec<_>>());
        assert!(recall(&path, "nmp-enum-1 e164.example.net all").unwrap().is_none());
        std::fs::write(&path, "nmp-enum-1 e164.example.net all 7\n441 9\nx").unwrap();
        assert!(recall(&path, "nmp-enum-1 e164.example.net all").is_err());
    }
}
