//! What a draft would do, as it is shown before anything is done.

use std::collections::BTreeSet;

use time::OffsetDateTime;

use super::addresses;
use super::changes::{ChangeGroup, grouped, of_ranges};
use super::decision::{held, verdicts};
use super::find::find;
use super::recheck::recheck;
use super::refused as unread;
use super::undo::undone;
use crate::authz::{Grant, OrdersRead};
use crate::domain::country::iso;
use crate::domain::field::counted;
use crate::domain::number::content_id;
use crate::domain::upload::file_and_line;
use crate::domain::{
    Consent, DriftWay, E164, FormOf, Moves, NumberSettings, Order, OrderKind, Outside, Places, Refusal, ServiceSet,
    Verdict,
};
use crate::service::{Ctx, Result, Rules, blocks};
use crate::store::{
    ItemRange, ItemRow, NoteRow, OutsideCount, Page, ProblemRow, ProblemRun, ProposalCount, QuarantinedRange, RangesOf,
    RefusedRange, SettingsChange, TheirList, TheirSettings, TouchedThere, Tx,
};

/// Ranges of changed numbers that are looked at, to tell which numbers change alike.
const RANGES_READ: usize = 2_000;
/// Assigned numbers that a release names.
const ASSIGNED_SHOWN: i64 = 100;

/// What a review shows before anything is done.
#[derive(Clone, Debug)]
pub struct Review {
    /// The draft.
    pub order: Order,
    /// How many numbers have each verdict.
    pub counts: Vec<(Verdict, i64)>,
    /// The same, parted by what the backends hold.
    pub outside: Vec<OutsideCount>,
    /// Stands for what the numbers were that would change or go.
    pub revs: i64,
    /// Stands for its accounts and the consents of their enterprises.
    pub parties: i64,
    /// What changes for changed numbers.
    pub changes: Vec<SettingsChange>,
    /// The same by what differs, each with its numbers.
    pub groups: Vec<ChangeGroup>,
    /// What the backends hold otherwise than the draft wants it and than was known.
    pub theirs: Vec<TheirSettings>,
    /// How many different ones there are in all, and how many numbers are in those that are not among them.
    pub theirs_of: (i64, i64),
    /// Numbers whose change at a backend somebody at the enterprise notices.
    pub touched: TouchedThere,
    /// The first ranges that the backends hold just so.
    pub adopted: Vec<ItemRange>,
    /// The first ranges of which the backends could not be asked.
    pub unknown: Vec<ItemRange>,
    /// The first ranges of new numbers, or of those to release; one more than is shown where there are more.
    pub ranges: Vec<ItemRange>,
    /// The first lines that could not be taken.
    pub problems: Vec<ProblemRow>,
    /// The same, those behind each other with the same reason as one.
    pub problem_runs: Vec<ProblemRun>,
    /// The first numbers that are refused, with their verdicts.
    pub refused: Vec<ItemRow>,
    /// The first ranges that are refused for anything but quarantine.
    pub refused_ranges: Vec<RefusedRange>,
    /// The first ranges that are refused for quarantine.
    pub quarantined: Vec<QuarantinedRange>,
    /// Of a release: how many numbers are in use, and the first of them.
    pub assigned: (i64, Vec<E164>),
    /// How it settles drift, where it does.
    pub way: Option<DriftWay>,
    /// The names of the files that were read.
    pub files: Vec<String>,
    /// How many of the lines that could not be taken have a proposal, by the kind of their flaw.
    pub proposals: Vec<ProposalCount>,
    /// Whether the text was kept in which proposals can be taken over.
    pub can_be_mended: bool,
    /// The first lines that were read in a way that a person should see, and how many there are.
    pub notes: (i64, Vec<NoteRow>),
    /// What is to be said of numbers that are assigned to nobody.
    pub unassigned: Option<String>,
    /// What a person should know before deciding.
    pub warnings: Vec<String>,
    /// How many doubtful emergency addresses the warnings name, and of how many; nothing where that is all.
    pub addresses_shown: Option<(i64, i64)>,
    /// The addresses and locations of the settings shown.
    pub places: Places,
}

impl Review {
    /// The file that a line is in, where there are several.
    pub fn file_of(&self, line: i64) -> String {
        let (file, _) = file_and_line(line);
        self.files.get(file).filter(|_| self.files.len() > 1).cloned().unwrap_or_default()
    }

    /// How many numbers have this verdict.
    pub fn count(&self, verdict: Verdict) -> i64 {
        self.counts.iter().find(|(other, _)| *other == verdict).map_or(0, |(_, count)| *count)
    }

    /// How many numbers of this verdict the backends do not hold otherwise than was known here.
    pub fn plain(&self, verdict: Verdict) -> i64 {
        let is_plain = |outside: Option<Outside>| !matches!(outside, Some(Outside::Equal | Outside::Different));
        self.outside.iter().filter(|(of, outside, _)| *of == verdict && is_plain(*outside)).map(|(.., n)| n).sum()
    }

    /// How many numbers the backends hold so.
    pub fn held(&self, outside: Outside) -> i64 {
        held(&self.outside, outside)
    }

    /// How many numbers would be written.
    pub fn accepted(&self) -> i64 {
        self.count(Verdict::New) + self.count(Verdict::Changed) + self.count(Verdict::Release)
    }

    /// How many numbers and lines are refused.
    pub fn refused_count(&self) -> i64 {
        refused(&self.counts) + self.order.refused_lines
    }
}

pub(super) fn refused(counts: &[(Verdict, i64)]) -> i64 {
    counts.iter().filter(|(verdict, _)| matches!(verdict, Verdict::Refused(_))).map(|(_, count)| count).sum()
}

/// So many ranges, lines and refused numbers a review shows at once. The report has all.
pub const REVIEW_SHOWN: usize = 50;

/// Reads what a review shows before anything is done.
///
/// # Errors
/// When there is no such order, or the database fails.
pub async fn review(ctx: &Ctx, _: &Grant<OrdersRead>, id: i64) -> Result<Review> {
    let mut tx = ctx.db.read().await?;
    tx.take_time().await?;
    let order = find(&mut tx, id).await?;
    let (outside, revs) = tx.reviewed_counts(id).await?;
    let counts = verdicts(&outside);
    let parties = tx.parties(id).await?;
    let (main, of_main) = match order.kind {
        OrderKind::Upload => (RangesOf::New, Verdict::New),
        OrderKind::Release => (RangesOf::Release, Verdict::Release),
    };
    let mut refused_items = Vec::new();
    for (verdict, _) in counts.iter().filter(|(verdict, _)| matches!(verdict, Verdict::Refused(_))) {
        refused_items.extend(tx.items_page(id, (Some(*verdict), None), Page::First, REVIEW_SHOWN).await?.0);
    }
    let way = tx.drift_way(id).await?;
    let has = |wanted| counts.iter().any(|(verdict, _)| *verdict == wanted);
    let assigned = match way {
        Some(_) => tx.drifted_in_use(id, ASSIGNED_SHOWN).await?,
        None if has(Verdict::Release) => tx.assigned_items(id, ASSIGNED_SHOWN).await?,
        None => (0, Vec::new()),
    };
    let their_list = their_list(&mut tx, id, &outside).await?;
    let theirs_of = (their_list.kinds, their_list.left());
    let theirs = their_list.shown;
    let changed = if has(Verdict::Changed) { tx.changed_ranges(id, RANGES_READ).await? } else { Vec::new() };
    let changes = match way {
        Some(DriftWay::Push) if !theirs.is_empty() => Vec::new(),
        Some(DriftWay::Push) => tx.drift_changes(id).await?,
        _ if changed.len() < RANGES_READ => of_ranges(&changed),
        _ => tx.settings_changes(id).await?,
    };
    let ranges = if has(of_main) { tx.item_ranges(id, main, None, REVIEW_SHOWN + 1).await? } else { Vec::new() };
    let settings = changes.iter().flat_map(|change| [&change.before, &change.after]);
    let settings = settings.chain(theirs.iter().flat_map(|there| [&there.theirs, &there.ours]));
    let settings = settings.chain(ranges.iter().map(|range| &range.settings));
    let places = places_of(&mut tx, id, settings).await?;
    let groups = grouped(&changes, &changed, &places);
    let mut said = of_its_making(&mut tx, &order).await?;
    if way != Some(DriftWay::Adopt) {
        said.extend(given_up(&changes, ctx.policy.backends.provisioned()));
    }
    let mut warned = warnings(&mut tx, &ctx.rules(), id).await?;
    let of_addresses = addresses::warnings(&mut tx, id).await?;
    warned.extend(of_addresses.said);
    if has(Verdict::Refused(Refusal::NoAddress)) || has(Verdict::Refused(Refusal::NotOffered)) {
        let given = tx.given_settings(id).await?;
        warned.extend(recheck(&mut tx, &ctx.rules(), &order, &given).await?.told);
    }
    let files = unread::kept_files(&mut tx, id).await?;
    warned.extend(unread::not_read(&files));
    let (unassigned, notes) = notes(&mut tx, &order).await?;
    warned.extend(blocks::warnings(&mut tx, id, ctx.clock.now()).await?);
    Ok(Review {
        changes,
        groups,
        ranges,
        places,
        theirs,
        theirs_of,
        touched: touched(&mut tx, id, &outside, ASSIGNED_SHOWN).await?,
        adopted: held_ranges(&mut tx, id, &outside, Outside::Equal).await?,
        unknown: held_ranges(&mut tx, id, &outside, Outside::Unknown).await?,
        problems: tx.order_problems(id, 0, REVIEW_SHOWN as i64).await?,
        problem_runs: if order.refused_lines > 0 { tx.problem_runs(id, REVIEW_SHOWN).await? } else { Vec::new() },
        quarantined: if has(Verdict::Refused(Refusal::Quarantine)) {
            tx.quarantined_ranges(id, REVIEW_SHOWN).await?
        } else {
            Vec::new()
        },
        refused_ranges: if refused_items.is_empty() {
            Vec::new()
        } else {
            tx.refused_ranges(id, REVIEW_SHOWN as i64).await?
        },
        refused: refused_items,
        files: files.into_iter().map(|file| file.name).collect(),
        proposals: if order.refused_lines > 0 { tx.proposal_counts(id).await? } else { Vec::new() },
        can_be_mended: order.refused_lines > 0 && tx.has_draft_text(id).await?,
        notes,
        unassigned,
        warnings: of_drift(way, &order, &assigned).into_iter().chain(said).chain(warned).collect(),
        assigned: if order.kind == OrderKind::Release { assigned } else { (0, Vec::new()) },
        addresses_shown: of_addresses.shown,
        way,
        order,
        counts,
        outside,
        revs,
        parties,
    })
}

/// Places named without their address that a review puts into words.
const PLACES_SHOWN: usize = 100;

/// The addresses that some settings of an order name, in words, also where they name only the place within one.
async fn places_of<'a>(tx: &mut Tx, id: i64, named: impl Iterator<Item = &'a NumberSettings>) -> Result<Places> {
    let (mut ids, mut places) = (BTreeSet::new(), BTreeSet::new());
    for settings in named {
        match (settings.teams.civic_address_id.as_deref(), settings.teams.location_id.as_deref()) {
            (Some(id), _) => ids.insert(id),
            (None, Some(place)) => places.insert(place),
            (None, None) => false,
        };
    }
    let ids: Vec<&str> = ids.into_iter().collect();
    let places: Vec<&str> = places.into_iter().take(PLACES_SHOWN).collect();
    let mut addresses = tx.civic_addresses_of_order(id, &ids).await?;
    addresses.extend(tx.civic_addresses_of_places_of_order(id, &places).await?);
    Ok(Places::of(&addresses))
}

/// What the backends hold otherwise than a draft wants it.
async fn their_list(tx: &mut Tx, id: i64, counts: &[OutsideCount]) -> Result<TheirList> {
    if held(counts, Outside::Different) == 0 {
        return Ok(TheirList::default());
    }
    Ok(tx.their_settings(id).await?)
}

/// What holds for many lines, and the first lines that were read in a way that a person should see, with their count.
async fn notes(tx: &mut Tx, order: &Order) -> Result<(Option<String>, (i64, Vec<NoteRow>))> {
    let mut count = tx.count_notes(order.id).await?;
    let mut notes = tx.order_notes(order.id, -1, REVIEW_SHOWN as i64).await?;
    let whole = notes.first().filter(|note| note.line == 0).map(|note| note.text.clone());
    if whole.is_some() {
        notes.remove(0);
        count -= 1;
    }
    Ok((whole, (count, notes)))
}

/// The next ranges of new numbers of a draft behind this one, or of those to release, one more than a review shows at once.
///
/// # Errors
/// When the database fails.
pub async fn ranges_behind(ctx: &Ctx, _: &Grant<OrdersRead>, order: &Order, after: E164) -> Result<Vec<ItemRange>> {
    let of = if order.kind == OrderKind::Upload { RangesOf::New } else { RangesOf::Release };
    let mut tx = ctx.db.read().await?;
    Ok(tx.item_ranges(order.id, of, Some(after), REVIEW_SHOWN + 1).await?)
}

async fn held_ranges(tx: &mut Tx, id: i64, counts: &[OutsideCount], outside: Outside) -> Result<Vec<ItemRange>> {
    if held(counts, outside) == 0 {
        return Ok(Vec::new());
    }
    Ok(tx.item_ranges(id, RangesOf::Held(outside), None, REVIEW_SHOWN).await?)
}

/// Which numbers somebody at the enterprise notices the change of, and the first `most` of them by name.
pub(super) async fn touched(tx: &mut Tx, id: i64, counts: &[OutsideCount], most: i64) -> Result<TouchedThere> {
    let may_touch = [Outside::Different, Outside::Expected, Outside::Unknown];
    if may_touch.into_iter().all(|outside| held(counts, outside) == 0) {
        return Ok(TouchedThere::default());
    }
    Ok(tx.touched_there(id, most).await?)
}

/// What a review shows in counts, so that a decision can be held against what was shown.
#[derive(Clone, Debug, Default)]
pub struct Shown {
    /// How many numbers have each verdict, parted by what the backends hold.
    pub outside: Vec<OutsideCount>,
    /// How many numbers that change or go are in use.
    pub assigned: i64,
    /// How many numbers lose their emergency address.
    pub lost: i64,
    /// Stands for what the backends hold otherwise; 0 where there is nothing.
    pub theirs: i64,
    /// Stands for what the numbers were that would change or go.
    pub revs: i64,
    /// Stands for its accounts and the consents of their enterprises.
    pub parties: i64,
}

/// Stands for what the backends hold otherwise than a draft wants it.
fn theirs_id(theirs: &[TheirSettings], of: (i64, i64)) -> i64 {
    if theirs.is_empty() {
        return 0;
    }
    let each = |there: &TheirSettings| (there.backend.clone(), there.theirs.id(), there.ours.id(), there.count);
    content_id(&(theirs.iter().map(each).collect::<Vec<_>>(), of))
}

impl From<&Review> for Shown {
    fn from(review: &Review) -> Self {
        Self {
            outside: review.outside.clone(),
            assigned: review.touched.assigned.0 + review.assigned.0,
            lost: review.touched.lost.0,
            theirs: theirs_id(&review.theirs, review.theirs_of),
            revs: review.revs,
            parties: review.parties,
        }
    }
}

/// When the review of a draft was made that is shown now.
///
/// # Errors
/// When the database fails.
pub async fn reviewed_at(ctx: &Ctx, _: &Grant<OrdersRead>, id: i64) -> Result<Option<OffsetDateTime>> {
    Ok(ctx.db.read().await?.compared_at(id).await?)
}

/// Counts what the review of a draft would show now.
///
/// # Errors
/// When the database fails.
pub async fn shown(ctx: &Ctx, _: &Grant<OrdersRead>, id: i64) -> Result<Shown> {
    let mut tx = ctx.db.read().await?;
    tx.take_time().await?;
    let (outside, revs) = tx.reviewed_counts(id).await?;
    let touched = touched(&mut tx, id, &outside, 0).await?;
    let is_release = outside.iter().any(|(verdict, ..)| *verdict == Verdict::Release);
    let in_use = match tx.drift_way(id).await? {
        _ if !is_release => 0,
        Some(_) => tx.drifted_in_use(id, 0).await?.0,
        None => tx.assigned_items(id, 0).await?.0,
    };
    let theirs = their_list(&mut tx, id, &outside).await?;
    let (assigned, lost) = (touched.assigned.0 + in_use, touched.lost.0);
    let parties = tx.parties(id).await?;
    let theirs = theirs_id(&theirs.shown, (theirs.kinds, theirs.left()));
    Ok(Shown { outside, assigned, lost, theirs, revs, parties })
}

/// What a draft that undoes another order, or moves numbers, does with them.
async fn of_its_making(tx: &mut Tx, order: &Order) -> Result<Vec<String>> {
    let mut said = Vec::new();
    if order.form_of == FormOf::Undo
        && let Some(undone) = tx.order_form(order.id).await?.as_deref().and_then(undone)
    {
        said.push(format!("This undoes order {undone}: its numbers become what they were before it."));
    }
    match order.moves {
        None => {}
        Some(Moves::WithinTenant) => {
            said.push("The numbers go over at once: nothing is released, and no call is lost.".to_owned());
        }
        Some(Moves::ToOtherTenant) => {
            let gap = "Each number is released for the enterprise that has it, and uploaded for the other one once that is done. \
                       In between it cannot be called, and whoever uses it loses it.";
            let address = "The emergency addresses of the enterprise that has the numbers stay behind; the numbers have those that \
                           are chosen here, or none.";
            said.extend([gap.to_owned(), address.to_owned()]);
        }
    }
    Ok(said)
}

/// What becomes of services that numbers have and a backend knows of, and that they give up.
fn given_up(changes: &[SettingsChange], provisioned: ServiceSet) -> Option<String> {
    let (mut services, mut count) = (ServiceSet::default(), 0);
    for change in changes {
        let less = change.before.services.without(change.after.services).and(provisioned);
        if !less.is_empty() {
            services = services.or(less);
            count += change.count;
        }
    }
    (count > 0).then(|| {
        format!(
            "{} {}. What a backend has of that is released there, and whoever uses it loses it.",
            counted(count, "number gives up", "numbers give up"),
            services.labels()
        )
    })
}

/// What a draft that settles drift does, and whom that concerns.
fn of_drift(way: Option<DriftWay>, order: &Order, assigned: &(i64, Vec<E164>)) -> Vec<String> {
    let Some(way) = way else { return Vec::new() };
    let mut said = vec![way.sentence().to_owned()];
    if order.kind == OrderKind::Release && way == DriftWay::Adopt {
        said.push("The backend does not have these numbers for their tenant. They are removed here.".to_owned());
    }
    let (count, first) = assigned;
    if *count > 0 && way == DriftWay::Push {
        let named: Vec<String> = first.iter().take(5).map(|number| number.grouped()).collect();
        let numbers = counted(
            *count,
            "of these numbers is in use at the backend:",
            "of these numbers are in use at the backend, such as",
        );
        said.push(format!("{numbers} {}.", named.join(", ")));
    }
    said
}

/// Tells what stands against uploading: consents that do not stand, countries that were not consented to.
async fn warnings(tx: &mut Tx, rules: &Rules, id: i64) -> Result<Vec<String>> {
    let mut warnings = Vec::new();
    let mut known: Option<(i64, Option<Consent>)> = None;
    for (account_id, country, count) in tx.item_countries(id, rules.policy.backends.consented()).await? {
        if known.as_ref().is_none_or(|(known, _)| *known != account_id) {
            let account = tx.account_by_id(account_id).await?;
            let tenant = account.as_ref().and_then(|account| account.tenant_id.clone());
            let consent = match &tenant {
                Some(tenant) => tx.consent(tenant).await?.map(|row| row.consent),
                None => None,
            };
            let name = account.map(|account| account.name).unwrap_or_default();
            match &consent {
                Some(consent) if consent.status.forbids_numbers() => warnings.push(format!(
                    "The consent of {name} is {}. Numbers that need the backend will fail until the enterprise consents again.",
                    consent.status
                )),
                None if tenant.is_some() => warnings.push(format!(
                    "There is no consent of the tenant of {name}. The backend may refuse its numbers."
                )),
                _ => {}
            }
            known = Some((account_id, consent));
        }
        if let (Some((_, Some(consent))), Some(country)) = (&known, &country)
            && !consent.covers(country)
        {
            warnings.push(format!(
                "{} in {country}, which the enterprise has not consented to ({}).",
                counted(count, "number is", "numbers are"),
                consent.consented_countries.iter().map(|said| iso(said)).collect::<Vec<_>>().join(", ")
            ));
        }
    }
    Ok(warnings)
}
