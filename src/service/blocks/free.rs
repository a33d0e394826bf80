//! The next free numbers of the blocks, kept for whoever asked until they are uploaded.

use serde_json::json;
use time::{Duration, OffsetDateTime};

use crate::authz::{BlocksRead, Grant, NumbersWrite, Role};
use crate::domain::block::Block;
use crate::domain::block::free::{Place, Stretch, read_prefix};
use crate::domain::field::{counted, filled, thousands};
use crate::domain::{E164, FieldProblem, country, entry};
use crate::service::transact::{give_up, transact};
use crate::service::{Ctx, Error, Origin, Result, audit_entry, identity};
use crate::store::{NewReservation, Reservation, Tx};

/// How long numbers may be kept, in hours; the first is the usual.
pub const LASTING: [u16; 3] = [24, 1, 168];
/// The most rows of numbers in a row that one reservation has.
const PIECES: usize = 1_000;
/// The most reservations that one person has at once.
const OF_PERSON: i64 = 20;
/// Reservations that are shown.
const SHOWN: i64 = 100;
/// How often the search is made anew because somebody else took what it found.
const TRIES: usize = 5;

/// What free numbers somebody asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FreeForm {
    /// Name of the account that shall get them.
    pub account: String,
    /// How many.
    pub count: String,
    /// Whether they have to be in a row.
    pub in_a_row: bool,
    /// How they begin.
    pub prefix: String,
    /// The country of their blocks.
    pub country: String,
    /// First number of their block.
    pub block: String,
    /// For how many hours they are kept.
    pub hours: String,
}

/// What is asked for, as it was understood.
struct Wanted {
    place: Place,
    count: i64,
    in_a_row: bool,
    lasts: Duration,
}

impl FreeForm {
    fn read(&self, most: usize) -> std::result::Result<Wanted, Vec<FieldProblem>> {
        let mut problems = Vec::new();
        let mut refuse = |field, message: String| problems.push(FieldProblem::new(field, message));
        if filled(&self.account).is_none() {
            refuse("account", "Choose the account that gets the numbers.".to_owned());
        }
        let count = self.count.trim().replace(',', "").parse().ok().filter(|count| (1..=most as i64).contains(count));
        if count.is_none() {
            refuse("count", format!("Write how many numbers, from 1 to {}.", thousands(most as i64)));
        }
        let typed = filled(&self.country).map(country::read).transpose();
        let country = typed.unwrap_or_else(|reason| {
            refuse("country", reason);
            None
        });
        let block = filled(&self.block).map(entry::stored).transpose();
        if block.is_err() {
            refuse("block", "Choose one of the blocks.".to_owned());
        }
        let hours =
            if self.hours.trim().is_empty() { LASTING.first().copied() } else { self.hours.trim().parse().ok() };
        let hours = hours.filter(|hours| LASTING.contains(hours));
        if hours.is_none() {
            refuse("hours", "Choose how long the numbers are kept.".to_owned());
        }
        let prefix = read_prefix(&self.prefix, country).unwrap_or_else(|problem| {
            problems.push(problem);
            None
        });
        match (count, hours, block) {
            (Some(count), Some(hours), Ok(block)) if problems.is_empty() => Ok(Wanted {
                place: Place { prefix, country: country.map(str::to_owned), block },
                count,
                in_a_row: self.in_a_row,
                lasts: Duration::hours(hours.into()),
            }),
            _ => Err(problems),
        }
    }
}

/// Finds the next free numbers and keeps them for whoever asks; gives the reservation.
///
/// # Errors
/// When the form has problems, there are not so many, somebody has too many reservations, or the database fails.
pub async fn reserve_next_free(
    ctx: &Ctx,
    grant: &Grant<NumbersWrite>,
    origin: &Origin,
    form: &FreeForm,
) -> Result<i64> {
    let wanted = form.read(ctx.policy.max_numbers);
    let known = match filled(&form.account) {
        Some(name) => ctx.db.read().await?.account(name).await?.is_some_and(|account| !account.deleting),
        None => true,
    };
    let mut problems = wanted.as_ref().err().cloned().unwrap_or_default();
    if !known {
        problems.push(FieldProblem::new("account", format!("There is no account named {}.", form.account.trim())));
    }
    let wanted = match wanted {
        Ok(wanted) if problems.is_empty() => wanted,
        _ => return Err(Error::Invalid(problems)),
    };
    for _ in 0..TRIES {
        let found = {
            let mut tx = ctx.db.search().await?;
            find(&mut tx, &wanted, ctx.clock.now()).await?
        };
        if let Some(id) = keep(ctx, grant, origin, form, (&wanted, found.as_slice())).await? {
            return Ok(id);
        }
    }
    Err(Error::Conflict("Others reserve numbers of these blocks at this moment. Try again.".into()))
}

/// The free numbers that are wanted, in as few pieces as they come in.
async fn find(tx: &mut Tx, wanted: &Wanted, now: OffsetDateTime) -> Result<Vec<Stretch>> {
    let blocks: Vec<Block> = tx.blocks().await?.into_iter().map(|kept| kept.block).collect();
    if blocks.is_empty() {
        return Err(Error::field(
            "prefix",
            "There are no blocks yet. Add the blocks first, then look for free numbers.",
        ));
    }
    let stretches = wanted.place.stretches(&blocks);
    if stretches.is_empty() {
        return Err(Error::field("prefix", "None of the blocks has numbers there. Look elsewhere, or add the block."));
    }
    let (mut found, mut left) = (Vec::new(), wanted.count);
    for mut stretch in stretches {
        let least = if wanted.in_a_row { left } else { 1 };
        while left > 0 && found.len() < PIECES && stretch.size() >= least {
            let Some(free) = tx.next_free(stretch, least, now).await? else { break };
            let taken = free.size().min(left);
            let last = E164::from_i64(free.first.as_i64() + taken - 1).unwrap_or(free.last);
            found.push(Stretch { first: free.first, last });
            left -= taken;
            match free.last.next() {
                Some(next) if next <= stretch.last => stretch.first = next,
                _ => break,
            }
        }
    }
    if left == 0 {
        return Ok(found);
    }
    Err(Error::field("count", too_few(wanted, wanted.count - left, found.len())))
}

fn too_few(wanted: &Wanted, found: i64, pieces: usize) -> String {
    if wanted.count == 1 {
        return "No number is free there. Look elsewhere.".to_owned();
    }
    if wanted.in_a_row {
        return format!(
            "There are not {} free numbers in a row there. Ask for fewer, look elsewhere, or take numbers that are not in a row.",
            thousands(wanted.count)
        );
    }
    if pieces >= PIECES {
        let numbers = counted(found, "free number", "free numbers");
        return format!("The first {PIECES} gaps there have {numbers}. Ask for fewer, or look elsewhere.");
    }
    format!("Only {} free there. Ask for fewer, or look elsewhere.", counted(found, "number is", "numbers are"))
}

/// Keeps these numbers, unless somebody else did meanwhile.
async fn keep(
    ctx: &Ctx,
    grant: &Grant<NumbersWrite>,
    origin: &Origin,
    form: &FreeForm,
    (wanted, found): (&Wanted, &[Stretch]),
) -> Result<Option<i64>> {
    let person = grant.principal();
    let author_id = identity(person);
    transact!(ctx, |tx| {
        let now = ctx.clock.now();
        let id = tx.lock_blocks().await?;
        if tx.reservations_of(&author_id, now).await? >= OF_PERSON {
            let text = format!("You have {OF_PERSON} reservations. Release one of them first, or upload its numbers.");
            return Err(Error::field("", text));
        }
        if let (Some(first), Some(last)) = (found.first(), found.last()) {
            let span = Stretch { first: first.first, last: last.last };
            let taken = tx.reserved_between(span, now).await?;
            if taken.into_iter().any(|taken| found.iter().any(|free| free.overlaps(taken))) {
                return give_up(None);
            }
        }
        let new = NewReservation {
            id,
            account: form.account.trim(),
            author: &person.name,
            author_id: &author_id,
            stretches: found,
            until: now + wanted.lasts,
        };
        tx.reserve(new, now).await?;
        let mut entry = audit_entry(grant, origin, "reservation.create");
        entry.subject_kind = "reservation";
        entry.subject = id.to_string();
        let first: Vec<String> = found.iter().take(50).map(ToString::to_string).collect();
        let hours = wanted.lasts.whole_hours();
        let after = json!({ "account": new.account, "numbers": wanted.count, "ranges": first, "hours": hours });
        entry.after = Some(after.to_string());
        tx.append_audit(entry, now).await?;
        Some(id)
    })
}

/// The reservations that are not over, the first to end first.
///
/// # Errors
/// When the database fails.
pub async fn reservations(ctx: &Ctx, _: &Grant<BlocksRead>) -> Result<Vec<Reservation>> {
    Ok(ctx.db.read().await?.reservations(ctx.clock.now(), SHOWN).await?)
}

/// A reservation that is not over, with its numbers as an upload reads them.
///
/// # Errors
/// When it is over, or the database fails.
pub async fn reservation(ctx: &Ctx, _: &Grant<NumbersWrite>, id: i64) -> Result<(Reservation, Vec<Stretch>)> {
    let mut tx = ctx.db.read().await?;
    let found = tx.reservation(id, ctx.clock.now()).await?.ok_or(Error::NotFound("reservation"))?;
    let numbers = tx.reserved_numbers(id).await?;
    Ok((found, numbers))
}

/// Ends a reservation before its time: one's own, or anybody's for an administrator.
///
/// # Errors
/// When it is over already, somebody else's, or the database fails.
pub async fn end_reservation(ctx: &Ctx, grant: &Grant<NumbersWrite>, origin: &Origin, id: i64) -> Result<()> {
    let person = grant.principal();
    let author_id = identity(person);
    transact!(ctx, |tx| {
        let now = ctx.clock.now();
        tx.lock_blocks().await?;
        let found = tx.reservation(id, now).await?.ok_or(Error::NotFound("reservation"))?;
        if found.author_id != author_id && !person.roles.has(Role::AdminUser) {
            let text =
                format!("{} keeps these numbers. They or an administrator can release the reservation.", found.author);
            return Err(Error::Conflict(text));
        }
        tx.forget_reservation(id).await?;
        let mut entry = audit_entry(grant, origin, "reservation.release");
        entry.subject_kind = "reservation";
        entry.subject = id.to_string();
        let before = json!({ "account": found.account, "numbers": found.numbers, "author": found.author });
        entry.before = Some(before.to_string());
        tx.append_audit(entry, now).await?;
    })
}
