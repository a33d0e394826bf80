//! The connections to the backends: what was pulled when, what waits, what went wrong.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;
use time::OffsetDateTime;

use super::pull::PullState;
use super::show::{Chip, Moment, count, counted};
use crate::authz::{ConsentsRead, SyncWrite};
use crate::domain::TenantId;
use crate::domain::field::filled;
use crate::http::{
    Flash, FormBody, Granted, Partial, PortalState, Problem, ReturnTo, Routes, Shell, fragment, needs, page,
    see_other_with,
};
use crate::service::sync_status::{
    self, BackendStatus, COUNTED, KindStatus, LeftBehind, Piece, Pull, SHOWN, Subject, UnreadList, WorkKind,
};

pub(super) fn routes() -> Routes {
    Routes::new().get("/connection", needs::<ConsentsRead>(), get).post(
        "/connection/pull",
        needs::<SyncWrite>(),
        pull_now,
    )
}

/// What the work of a kind is called and does.
const fn words(kind: WorkKind) -> (&'static str, &'static str) {
    match kind {
        WorkKind::Account => ("Sending numbers", "Uploads and releases of each account, on their way to the backend."),
        WorkKind::Relationship => {
            ("Sending relationship statuses", "Where you stand with an enterprise, told to the backend.")
        }
        WorkKind::Consents => ("Pulling consents", "Which enterprises picked you, and for which countries."),
        WorkKind::CivicAddresses => {
            ("Pulling civic addresses", "Emergency addresses and capability plans of each enterprise.")
        }
        WorkKind::Numbers => ("Pulling assignments", "Which numbers the enterprises have given to users."),
    }
}

/// The section of one backend.
struct BackendView {
    name: String,
    label: String,
    services: String,
    state: Chip,
    /// What stands behind the time below.
    since_words: &'static str,
    since: Option<Moment>,
    open: String,
    kinds: Vec<Kind>,
    unread: Vec<UnreadView>,
}

/// What could not be read of one list.
struct UnreadView {
    title: &'static str,
    /// Whose list it is; nothing where it is everybody's.
    of: String,
    total: String,
    lines: Vec<String>,
    at: Moment,
}

impl From<UnreadList> for UnreadView {
    fn from(list: UnreadList) -> Self {
        let what =
            |item: String| if item.is_empty() { "an item that says nothing of what it is".to_owned() } else { item };
        let line = |(item, member): (String, Option<String>)| match member {
            Some(member) => format!("{}: {member}", what(item)),
            None => format!("{}: left out", what(item)),
        };
        Self {
            title: words(list.kind).0,
            of: list.key,
            total: counted(list.total, "part could not be read", "parts could not be read"),
            lines: list.named.into_iter().map(line).collect(),
            at: list.at.into(),
        }
    }
}

/// What waits for a backend that is not configured any more.
struct Orphan {
    name: String,
    waiting: String,
    numbers: Option<String>,
}

struct Kind {
    id: String,
    title: &'static str,
    what: &'static str,
    state: Chip,
    rows: Vec<Row>,
    caption: String,
}

struct Row {
    href: String,
    word: String,
    state: Chip,
    pull: PullState,
    error_at: Option<Moment>,
    attempts: String,
    /// What can be pulled with a button: kind and tenant.
    pulled: Option<(&'static str, String)>,
}

impl BackendView {
    fn new(status: BackendStatus, now: OffsetDateTime) -> Self {
        let (failing, last_ok, is_away) = (status.failing(), status.last_ok_at(), status.is_away());
        let (state, since_words) = match (is_away, failing, last_ok) {
            (true, ..) => (Chip::new("bad", "Does not answer"), "Nothing has gone through since"),
            (false, 0, None) => (Chip::new("pending", "Not asked yet"), ""),
            (false, 0, Some(_)) => (Chip::new("ok", "Answers"), "Last went through"),
            (false, ..) => (Chip::new("warn", "Answers in part"), "Last went through"),
        };
        let info = status.info;
        Self {
            services: info.services.labels().into_owned(),
            open: counted(status.open_pushes, "request is under way", "requests are under way"),
            since: last_ok.map(Moment::from),
            kinds: status.kinds.into_iter().map(|kind| Kind::new(&info.name, kind, now)).collect(),
            unread: status.unread.into_iter().map(UnreadView::from).collect(),
            name: info.name,
            label: info.label,
            state,
            since_words,
        }
    }
}

/// A count that is exact up to [`COUNTED`].
pub(super) fn counted_up(value: i64) -> String {
    if value > COUNTED { format!("over {}", count(COUNTED)) } else { count(value) }
}

impl Kind {
    fn new(backend: &str, status: KindStatus, now: OffsetDateTime) -> Self {
        let (title, what) = words(status.kind);
        let failing = status.failing;
        let slow =
            status.pieces.iter().filter(|piece| piece.row.last_error.is_some() && piece.row.attempt == 0).count();
        let rows: Vec<Row> = status.pieces.into_iter().map(|piece| Row::new(piece, now)).collect();
        let state = if failing > 0 {
            Chip::new("bad", format!("{} not going through", counted_up(failing)))
        } else if slow > 0 {
            Chip::new("pending", format!("{slow} slow"))
        } else if rows.iter().any(|row| row.pull.busy) {
            Chip::new("busy", "Working")
        } else if rows.is_empty() {
            Chip::new("off", "Nothing to do")
        } else {
            Chip::new("ok", "Fine")
        };
        let caption = if status.all > SHOWN {
            format!("{title}: {SHOWN} of {}, those that do not go through first", counted_up(status.all))
        } else {
            title.to_owned()
        };
        Self { id: format!("backend-{backend}-{}", status.kind.key()), title, what, state, caption, rows }
    }
}

impl Row {
    fn new(piece: Piece, now: OffsetDateTime) -> Self {
        let Piece { row, subject } = piece;
        let pull = PullState::of(Some(&row), now);
        let state = match (&row.last_error, pull.busy) {
            (_, true) => Chip::new("busy", "Working"),
            // Work that takes long without a failure has a note.
            (Some(_), false) if row.attempt == 0 => Chip::new("pending", "Slow"),
            (Some(_), false) => Chip::new("bad", "Failed"),
            (None, false) if row.last_ok_at.is_some() => Chip::new("ok", "Fine"),
            (None, false) => Chip::new("pending", "Waiting"),
        };
        let (href, word) = match &subject {
            Subject::Everything => ("/consents".to_owned(), "All consents".to_owned()),
            Subject::Account(name) => (format!("/accounts/{name}"), name.clone()),
            Subject::Tenant(tenant, Some(company)) => (format!("/consents/{tenant}"), company.clone()),
            Subject::Tenant(tenant, None) => (format!("/accounts?tenant={tenant}"), tenant.to_string()),
            Subject::Gone => (String::new(), "No longer there".to_owned()),
        };
        let tenant = if let Subject::Tenant(tenant, _) = &subject { tenant.to_string() } else { String::new() };
        let pulled = matches!(row.kind, WorkKind::Consents | WorkKind::CivicAddresses | WorkKind::Numbers);
        Self {
            attempts: if row.attempt > 0 {
                format!("{} in a row", counted(row.attempt, "failure", "failures"))
            } else {
                String::new()
            },
            error_at: row.last_error_at.filter(|_| row.last_error.is_some()).map(Moment::from),
            pulled: (pulled && subject != Subject::Gone).then(|| (row.kind.key(), tenant)),
            href,
            word,
            state,
            pull,
        }
    }
}

impl From<LeftBehind> for Orphan {
    fn from(left: LeftBehind) -> Self {
        Self {
            name: left.name,
            waiting: counted(left.waiting, "account or relationship waits", "accounts and relationships wait"),
            numbers: (left.numbers > 0).then(|| counted(left.numbers, "number has", "numbers have")),
        }
    }
}

#[derive(Template)]
#[template(path = "connection.html", blocks = ["status"])]
struct ConnectionPage {
    shell: Shell,
    backends: Vec<BackendView>,
    orphans: Vec<Orphan>,
    looked: Moment,
    may_pull: bool,
}

/// `GET /connection`
async fn get(
    State(state): State<PortalState>,
    Granted(grant): Granted<ConsentsRead>,
    Partial(partial): Partial,
    shell: Shell,
) -> Result<Response, Problem> {
    let ctx = state.ctx();
    let status = sync_status::get(ctx, &grant).await?;
    let now = ctx.clock.now();
    let template = ConnectionPage {
        shell: shell.at("connection"),
        backends: status.backends.into_iter().map(|backend| BackendView::new(backend, now)).collect(),
        orphans: status.left_behind.into_iter().map(Orphan::from).collect(),
        looked: now.into(),
        may_pull: grant.principal().may::<SyncWrite>(),
    };
    Ok(if partial { fragment(&template.as_status()) } else { page(&template) })
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Wanted {
    kind: String,
    tenant: String,
    backend: String,
    return_to: Option<ReturnTo>,
}

/// `POST /connection/pull`
async fn pull_now(
    State(state): State<PortalState>,
    Granted(grant): Granted<SyncWrite>,
    FormBody(wanted): FormBody<Wanted>,
) -> Result<Response, Problem> {
    let tenant = TenantId::parse(&wanted.tenant);
    let no_tenant =
        || Problem::bad_request("Say which enterprise's data to pull: its tenant ID is missing or damaged.");
    let (pull, what) = match wanted.kind.as_str() {
        "consents" => (Pull::Consents, "The consents"),
        "civic-addresses" => (Pull::CivicAddresses(tenant.as_ref().map_err(|_| no_tenant())?), "The civic addresses"),
        "numbers" => (Pull::Numbers(tenant.as_ref().map_err(|_| no_tenant())?), "The assignments of the numbers"),
        _ => return Err(Problem::bad_request("Only consents, civic addresses and numbers can be pulled.")),
    };
    sync_status::pull_now(state.ctx(), &grant, filled(&wanted.backend), pull).await?;
    let back = wanted.return_to.unwrap_or_else(|| ReturnTo::new("/connection"));
    let text = format!("{what} are being pulled. It takes a few seconds; the page then shows them.");
    Ok(see_other_with(back.as_str(), Flash::info(text)))
}
