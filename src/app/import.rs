//! `nmp import`: moving in from the command line.

use std::fmt::Write as _;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use secrecy::SecretString;

use super::cli::ImportOptions;
use super::clock::{self, ServerClock};
use super::database;
use super::failure::Failure;
use super::{print, start};
use crate::authz::{Principal, Role, Via};
use crate::backend::contract::Contract;
use crate::config::{Config, SettingProblem};
use crate::domain::field::counted;
use crate::domain::moving::{Counts, Tally};
use crate::domain::upload::Encoding;
use crate::moving::files::{self, File};
use crate::moving::live::{self, Ended};
use crate::service::moving::{Import, ImportKind, Mover, PROBLEMS_KEPT, Report, Source, from_backend};
use crate::service::{Clock, Ctx, Origin, beside};

/// The longest token that is read, in bytes.
const TOKEN_MOST: u64 = 64 * 1024;

/// What is read.
enum From {
    Service(Contract, PathBuf),
    Files(Vec<File>),
    Backend,
}

/// Takes over what another system has, or looks it through.
pub(super) async fn run(config: &Config, options: ImportOptions) -> Result<(), Failure> {
    let (from, source) = from(&options)?;
    let database = database::open(config).await?;
    let clock = ServerClock::of(&database.db)
        .await
        .map_err(|error| Failure::Line(format!("the database does not tell the time: {error}")))?;
    let clock = clock.as_ref().map_or_else(Clock::system, ServerClock::clock);
    let ctx = Ctx::new(database.db.clone(), clock, start::policy(config));
    let apply = options.apply;
    // Reading and comparing a million numbers is work for a thread of its own.
    let work = {
        let (ctx, name) = (ctx.clone(), source.name.clone());
        async move { (take_in(&ctx, from, source, apply).await, name) }
    };
    let (ended, name) = beside(work).await.map_err(|error| Failure::Line(error.to_string()))?;
    database.db.close().await;
    let (report, stopped) = ended?;
    print(&told(&report, &name, apply, stopped.as_deref()))?;
    match (stopped, report.counts.problems) {
        (Some(reason), _) => Err(Failure::Line(format!(
            "stopped: {reason}. What went through is kept; the same command goes on where it stopped"
        ))),
        (None, 0) => Ok(()),
        (None, problems) => {
            let found = counted(problems as i64, "problem was", "problems were");
            Err(Failure::Line(format!("{found} found; they are told above")))
        }
    }
}

fn wrong(key: &str, message: String) -> Failure {
    Failure::Configuration(vec![SettingProblem { key: key.to_owned(), message }])
}

fn from(options: &ImportOptions) -> Result<(From, Source), Failure> {
    if let (Some(address), Some(token)) = (&options.source.from, &options.token_file) {
        let service = Contract::new(address, clock::now()).map_err(|error| wrong("--from", error.to_string()))?;
        token_in(token).map_err(|reason| wrong("--token-file", reason))?;
        let name = service.address().to_owned();
        return Ok((From::Service(service, token.clone()), Source { kind: ImportKind::Api, name }));
    }
    if options.source.backend {
        return Ok((From::Backend, Source { kind: ImportKind::Backend, name: "the backend".to_owned() }));
    }
    let mut found = Vec::new();
    for path in &options.source.paths {
        let unreadable = |error: std::io::Error| wrong("PATH", format!("cannot read {}: {error}", path.display()));
        if path.metadata().map_err(unreadable)?.is_dir() {
            found.extend(files::in_folder(path).map_err(unreadable)?);
        } else {
            found.push(File::on_disk(path.clone()));
        }
    }
    if found.is_empty() {
        return Err(wrong("PATH", "there is no file there that can be read: .json, .csv, .tsv or .xlsx".to_owned()));
    }
    let encoding = Encoding::from_key(options.encoding.as_deref().unwrap_or_default());
    let found = found.into_iter().map(|file| file.read_as(encoding)).collect();
    let paths: Vec<String> = options.source.paths.iter().map(|path| path.display().to_string()).collect();
    Ok((From::Files(found), Source { kind: ImportKind::Files, name: paths.join(", ") }))
}

/// The token in a file; looked up for each page, so that it can be replaced meanwhile.
fn token_in(path: &Path) -> Result<SecretString, String> {
    use std::io::Read as _;
    let mut text = String::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(TOKEN_MOST).read_to_string(&mut text))
        .map_err(|error| format!("cannot read {}: {error}", path.display()))?;
    let token = text.trim();
    let token = token.strip_prefix("Bearer ").unwrap_or(token).trim();
    if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(format!("{} holds no token: one line of letters, digits and punctuation", path.display()));
    }
    Ok(token.into())
}

/// Who does it, for the audit: the user of this machine.
fn mover() -> Result<Mover, Failure> {
    let user = ["SUDO_USER", "USER", "LOGNAME"].into_iter().find_map(|name| std::env::var(name).ok());
    let user = user.filter(|user| !user.is_empty()).unwrap_or_else(|| "unknown".to_owned());
    let person = Principal {
        issuer: "nmp import".into(),
        subject: user.as_str().into(),
        name: format!("nmp import ({user})").into(),
        roles: [Role::AdminUser].into_iter().collect(),
        via: Via::Portal,
    };
    let origin =
        Origin { surface: "command line", client: Ipv4Addr::LOCALHOST.into(), request_id: "nmp import".to_owned() };
    let missing = |missing: crate::authz::Missing| Failure::Line(missing.to_string());
    Mover::new(&person.grant().map_err(missing)?, origin).map_err(missing)
}

async fn take_in(ctx: &Ctx, from: From, source: Source, apply: bool) -> Result<(Report, Option<String>), Failure> {
    let mover = mover()?;
    let (mut import, stopped_at) = if apply {
        Import::run(ctx, mover, source).await.map_err(failed)?
    } else {
        (Import::dry_run(ctx, mover, source), None)
    };
    if let Some(place) = &stopped_at {
        print(&format!("Going on where the last import from there stopped: {place}\n"))?;
    }
    import = import.telling(Arc::new(|counts: &Counts| {
        let accounts = counted(counts.accounts.read as i64, "account", "accounts");
        let numbers = counted(counts.numbers.read as i64, "number", "numbers");
        let _ = print(&format!("  {accounts} and {numbers} read\n"));
    }));
    let taken = match from {
        From::Service(service, token) => live::take_in(&mut import, &service, &|| token_in(&token), stopped_at).await,
        From::Files(files) => files::take_in(&mut import, files).await.map(|()| Ended::Whole),
        From::Backend => from_backend(&mut import).await.map(|()| Ended::Whole),
    };
    match taken {
        Ok(Ended::Whole) => Ok((import.finish().await.map_err(failed)?, None)),
        Ok(Ended::Stopped(reason)) => Ok((import.stop(&reason).await.map_err(failed)?, Some(reason))),
        Err(error) => Err(failed(error)),
    }
}

#[expect(clippy::needless_pass_by_value, reason = "what map_err calls")]
fn failed(error: crate::service::Error) -> Failure {
    Failure::Line(format!("{error}; what went through is kept, and the same command goes on"))
}

fn told(report: &Report, source: &str, apply: bool, stopped: Option<&str>) -> String {
    let counts = &report.counts;
    let mut text = match (apply, stopped) {
        (false, _) => format!("Dry run of {source}: nothing was changed.\n"),
        (true, None) => format!("Imported from {source}. Nothing was sent to a backend.\n"),
        (true, Some(_)) => format!("Imported in part from {source}. Nothing was sent to a backend.\n"),
    };
    for (what, Tally { read, new, here, repeated, left_out }) in
        [("accounts", counts.accounts), ("numbers", counts.numbers)]
    {
        let _ = writeln!(
            text,
            "  {what}: {read} read, {new} new, {here} here already, {repeated} repeated, {left_out} left out"
        );
    }
    if !report.problems.is_empty() {
        let _ = writeln!(text, "Problems: {}", counts.problems);
    }
    for problem in &report.problems {
        let value =
            if problem.value.is_empty() { String::new() } else { format!(" \u{201c}{}\u{201d}", problem.value) };
        let _ = writeln!(text, "  {}{value}: {}", problem.whereabouts(), problem.reason);
    }
    if counts.problems > report.problems.len() as u64 {
        let _ = writeln!(text, "  The first {PROBLEMS_KEPT} are told.");
    }
    if !apply {
        text.push_str("Run it again with --apply to import.\n");
    }
    text
}
