//! What a push of an account would change at its backends, on the account's page.

use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;

use crate::authz::{AccountsRead, Grant, NumbersWrite};
use crate::domain::{Account, ReconcileState, ReconcileWhy};
use crate::http::{Flash, FormBody, Granted, Info, PathPart, PortalState, Problem, Routes, needs, see_other_with};
use crate::portal::origin;
use crate::portal::review::{SourceRow, TheirRow, theirs_said};
use crate::portal::show::{Moment, count, counted};
use crate::service::accounts::{self, Confirmed, Reconcile};
use crate::service::orders::{CHANGE_ASSIGNED, Decision, LOSE_ADDRESS};
use crate::service::{Ctx, Error, Result};

pub(super) fn routes() -> Routes {
    Routes::new().post("/accounts/{name}/push", needs::<NumbersWrite>(), confirm)
}

/// One line of what would change.
pub(super) struct PlanLine {
    pub(super) word: &'static str,
    pub(super) count: String,
    pub(super) note: &'static str,
}

/// The comparison with one backend.
pub(super) struct ComparedView {
    pub(super) key: String,
    pub(super) table: String,
    pub(super) caption: String,
    pub(super) backend: String,
    pub(super) title: String,
    pub(super) why: &'static str,
    pub(super) is_comparing: bool,
    pub(super) is_held: bool,
    pub(super) lines: Vec<PlanLine>,
    /// What would be replaced, while it waits for a person.
    pub(super) replaced: Vec<TheirRow>,
    pub(super) replaced_table: String,
    /// What of it is told; empty where that is all.
    pub(super) replaced_said: String,
    /// What has to be agreed to: the name of each tick and its label.
    pub(super) ticks: Vec<(&'static str, String)>,
    pub(super) changes: i64,
    pub(super) button: String,
    /// As of when the backend's list is.
    pub(super) looked_at: Option<Moment>,
    /// How old that is and how its pull stands, while it waits for a person.
    pub(super) source: Option<SourceRow>,
    pub(super) asked_at: Moment,
    pub(super) confirmed: String,
}

impl ComparedView {
    /// Whether it rests on a list that is being pulled, so that the page goes on by itself.
    pub(super) fn waits(&self) -> bool {
        self.source.as_ref().is_some_and(|source| source.is_busy)
    }
}

/// What there is to say of an account.
pub(super) async fn views(ctx: &Ctx, grant: &Grant<AccountsRead>, account: &Account) -> Result<Vec<ComparedView>> {
    let compared = accounts::comparisons(ctx, grant, account).await?;
    let mut views = Vec::new();
    for one in compared {
        let held = one.state == ReconcileState::Held && one.plan.different > 0;
        let (replaced, places) =
            if held { accounts::replaced(ctx, grant, account, &one.backend).await? } else { Default::default() };
        let rows = replaced.shown.iter().map(|there| TheirRow::new(there, &ctx.policy.backends, &places)).collect();
        let source = accounts::plan_rests_on(ctx, grant, account, &one).await?;
        let source = source.map(|source| SourceRow::new(&source, ctx.clock.now()));
        let replaced_said = theirs_said(replaced.shown.len() as i64, (replaced.kinds, replaced.left()));
        let view = ComparedView { replaced: rows, replaced_said, source, ..view(ctx, one) };
        // One that found nothing to do is no news.
        if view.is_comparing || view.is_held || !view.lines.is_empty() {
            views.push(view);
        }
    }
    Ok(views)
}

fn view(ctx: &Ctx, compared: Reconcile) -> ComparedView {
    let named = ctx.policy.backends.iter().find(|backend| backend.name == compared.backend);
    let backend = named.map_or_else(|| compared.backend.clone(), |backend| backend.label.clone());
    let changes = compared.plan.changes();
    let many = counted(changes, "change", "changes");
    ComparedView {
        title: match compared.state {
            ReconcileState::Comparing => format!("Comparing with {backend}"),
            ReconcileState::Held => format!("{many} at {backend} to be confirmed"),
            ReconcileState::Going => format!("Compared with {backend}"),
        },
        button: format!("Confirm {many}"),
        why: match compared.why {
            ReconcileWhy::Synced => "A service of this account is synced from now on.",
            ReconcileWhy::Tenant => "The account has got this tenant.",
            ReconcileWhy::Restored => "The database was restored, or nothing was synced for a while.",
        },
        is_comparing: compared.state == ReconcileState::Comparing,
        is_held: compared.state == ReconcileState::Held,
        lines: lines(&compared),
        replaced: Vec::new(),
        replaced_said: String::new(),
        replaced_table: format!("replaced-table-{}", compared.backend),
        ticks: ticks(&compared),
        changes,
        looked_at: compared.looked_at.map(Moment::from),
        source: None,
        asked_at: compared.asked_at.into(),
        confirmed: compared.confirmed.map(|(who, _)| who).unwrap_or_default(),
        table: format!("compared-table-{}", compared.backend),
        caption: format!("What waited, compared with {backend}"),
        key: compared.backend,
        backend,
    }
}

fn lines(compared: &Reconcile) -> Vec<PlanLine> {
    let plan = &compared.plan;
    [
        ("Already as they should be", plan.alike, "Nothing is sent for them."),
        ("New there", plan.fresh, "The tenant does not have them yet."),
        ("Different there", plan.different, "Theirs is replaced by yours."),
        ("Different and assigned", plan.in_use, "Somebody uses these numbers now."),
        ("Lose their emergency address", plan.address_lost, "Theirs has an address, yours has none."),
        ("Held by another tenant", plan.elsewhere, "They fail, and nothing is sent for them."),
        ("Released", plan.released, "They are taken from the tenant."),
    ]
    .into_iter()
    .filter(|(_, many, _)| *many > 0)
    .map(|(word, many, note)| PlanLine { word, count: count(many), note })
    .collect()
}

fn ticks(compared: &Reconcile) -> Vec<(&'static str, String)> {
    let plan = &compared.plan;
    let lost = counted(plan.address_lost, "number may lose its", "numbers may lose their");
    let used = counted(plan.in_use, "number in use", "numbers in use");
    [
        (plan.address_lost, LOSE_ADDRESS, format!("{lost} emergency address")),
        (plan.in_use, CHANGE_ASSIGNED, format!("{used} may change")),
    ]
    .into_iter()
    .filter(|(many, ..)| *many > 0)
    .map(|(_, name, label)| (name, label))
    .collect()
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct SentConfirmation {
    backend: String,
    changes: i64,
    lose_address: bool,
    change_assigned: bool,
}

/// `POST /accounts/{name}/push`
async fn confirm(
    State(state): State<PortalState>,
    Granted(grant): Granted<NumbersWrite>,
    PathPart(name): PathPart<String>,
    Info(info): Info,
    FormBody(sent): FormBody<SentConfirmation>,
) -> std::result::Result<Response, Problem> {
    let agreed = Decision {
        lose_address: sent.lose_address,
        change_assigned: sent.change_assigned,
        good_only: false,
        seen: None,
    };
    let confirmed = Confirmed { account: &name, backend: &sent.backend, changes: sent.changes, agreed };
    let flash = match accounts::confirm_changes(state.ctx(), &grant, &origin(&info), confirmed).await {
        Ok(()) => Flash::success("The changes are on their way to the backend."),
        Err(Error::Conflict(why)) => Flash::warning(why),
        Err(error) => return Err(error.into()),
    };
    Ok(see_other_with(&format!("/accounts/{name}"), flash))
}
