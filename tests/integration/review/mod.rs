//! Reviews against reality: what the backends hold of the numbers of a draft, how old that is, and their emergency addresses.

mod addresses;
mod freshness;
mod kinds;
mod pages;
mod recheck;

use nmp::domain::{BackendInfo, NumberSettings, Outside, Service};
use nmp::service::orders::{self, Decision, Submitted};
use nmp::service::staging::UploadForm;
use nmp::store::{Described, Observed};

use crate::harness::world::{World, number, origin, right, tenant, upload_form};

const OC: &str = "operator-connect";

/// What a backend says of numbers with these settings.
fn described(settings: &NumberSettings, service: Service) -> Described {
    Described { service: service.key().to_owned(), settings: settings.part(service), leaving: None }
}

fn seen(text: &str, described: &Described, assigned: bool) -> Observed {
    Observed { number: number(text), described: described.clone(), assigned }
}

/// The settings that this form gives.
async fn settings_of(world: &World, form: &UploadForm) -> NumberSettings {
    let order = world.stage_form(form).await;
    let review = world.review(order).await;
    let range = review.ranges.first().or(review.adopted.first()).or(review.unknown.first());
    let settings = range.unwrap().settings.clone();
    orders::discard(&world.ctx, &right(nmp::domain::OrderKind::Upload), order).await.unwrap();
    settings
}

/// A pull of a tenant's whole list, which says this and went through.
async fn pull(world: &World, backend: &str, of: &str, list: &[Observed]) {
    world.clock.advance(time::Duration::seconds(1));
    let (now, of) = (world.clock.now(), tenant(of));
    let numbers: Vec<_> = list.iter().map(|seen| seen.number).collect();
    let mut tx = world.db.begin().await.unwrap();
    let round = tx.begin_round(backend, &of).await.unwrap();
    tx.observe(round, list, now).await.unwrap();
    assert_eq!(tx.miss(round, (0, i64::MAX), &numbers, now).await.unwrap(), None);
    assert!(!tx.forget_missing(round).await.unwrap());
    tx.end_round(round, now).await.unwrap();
    tx.commit().await.unwrap();
}

/// What a draft is submitted with when everything was agreed to.
const AGREED: Decision = Decision { good_only: true, lose_address: true, change_assigned: true, seen: None };

async fn submit(world: &World, order: i64, decision: impl Into<Decision>) -> nmp::service::Result<Submitted> {
    let kind = world.order(order).await.kind;
    orders::submit(&world.ctx, &right(kind), &origin(), order, decision).await
}

/// How many numbers of a draft are new, at the backend already, different there, and not known there.
async fn kinds(world: &World, order: i64) -> [i64; 4] {
    let review = world.review(order).await;
    let [equal, different, unknown] =
        [Outside::Equal, Outside::Different, Outside::Unknown].map(|outside| review.held(outside));
    [review.plain(nmp::domain::Verdict::New), equal, different, unknown]
}

fn form(numbers: &str) -> UploadForm {
    upload_form("contoso", numbers)
}

/// A backend without a directory.
fn plain_backend(name: &str, service: Service) -> BackendInfo {
    BackendInfo {
        name: name.to_owned(),
        label: format!("The {name} backend"),
        services: service.into(),
        offers: nmp::domain::Offers::NOTHING,
    }
}

/// The fields of problems of a form.
fn fields(outcome: nmp::service::Result<Submitted>) -> Vec<&'static str> {
    match outcome {
        Err(nmp::service::Error::Invalid(problems)) => problems.iter().map(|problem| problem.field).collect(),
        other => panic!("not refused: {other:?}"),
    }
}
