//! Staging an upload: text becomes a draft order that can be reviewed, or form problems that say what to mend.
//!
//! It may take seconds, so it runs beside the threads that answer requests, and only few at once.

mod columns;
mod folding;
mod form;
mod mending;
mod room;
mod stage;
mod texts;

use std::sync::Arc;

use self::columns::{Ask, Looks};
use self::stage::{Sources, Stage};
use self::texts::Text;
use super::transact::transact;
use super::{Ctx, Error, Policy, Result, beside, civic_addresses, identity};
use crate::authz::{Grant, NumbersRead, NumbersWrite};
use crate::domain::field::{check_ticket, filled};
use crate::domain::rules::{self, Flaw, TenantFacts};
use crate::domain::upload::{Choices, Line, Reader};
use crate::domain::{Account, FieldProblem, NumberSettings, OrderKind, OrderSource};
use crate::store::{NewOrder, Tx, WaitingUpload};

pub(super) use self::columns::{
    REMEMBERED as CHOICES_REMEMBERED, WAITS as UPLOADS_WAIT, choices_of, forget, keep, say_again, take_said_beside,
    unclear_of, waiting,
};
pub use self::columns::{SaidOfColumns, UnclearFile, say_columns, unclear};
pub(in crate::service) use self::folding::Folding;
pub use self::form::{KeptFile, UploadForm};
pub(in crate::service) use self::mending::{MendedText, keep_text, mended_text};
pub use self::mending::{Mending, mend};
pub use self::room::{Room, Uploads};
pub(super) use self::stage::account_names;
pub use self::texts::{FileText, text_of};

/// A file as it was sent.
#[derive(Clone, Debug, Default)]
pub struct SentFile {
    /// Its name on the person's computer.
    pub name: String,
    /// What is in it.
    pub bytes: Vec<u8>,
}

/// What a person sent: the form, and the files beside it.
#[derive(Clone, Debug, Default)]
pub struct Upload {
    /// What was typed.
    pub form: UploadForm,
    /// The files that were chosen.
    pub files: Vec<SentFile>,
}

/// What became of an upload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Staged {
    /// It is a draft with this number.
    Draft(i64),
    /// It waits under this id until somebody has said what its columns are.
    Waits(String),
}

/// An upload that was sent now, or before.
enum Sent {
    /// With this request.
    Now(Arc<Upload>),
    /// It waited under its id.
    Waiting {
        /// The id.
        id: String,
        /// What was sent.
        upload: Arc<WaitingUpload>,
    },
}

/// An account and what is known of its tenant.
#[derive(Clone, Debug)]
pub(in crate::service) struct AccountFacts {
    pub(in crate::service) account: Account,
    pub(in crate::service) facts: TenantFacts,
}

pub(in crate::service) async fn account_facts(tx: &mut Tx, account: Account) -> Result<AccountFacts> {
    let mut facts = TenantFacts::default();
    if let Some(tenant) = &account.tenant_id {
        facts.plans = tx.capability_plans(tenant).await?;
        civic_addresses::each_page(tx, tenant, |addresses| facts.add(&addresses)).await?;
    }
    Ok(AccountFacts { account, facts })
}

/// Reads the typed form of a draft, so that it can be taken up again; the text of a small file stands in it.
///
/// # Errors
/// When there is no such order, or the database fails.
pub async fn form_of(ctx: &Ctx, _: &Grant<NumbersRead>, order_id: i64) -> Result<UploadForm> {
    let mut tx = ctx.db.read().await?;
    let json = tx.order_form(order_id).await?.ok_or(Error::NotFound("order"))?;
    let mut form: UploadForm = serde_json::from_str(&json).unwrap_or_default();
    if form.numbers.is_empty()
        && form.files.len() == 1
        && let Some(kept) = tx.draft_text(order_id).await?
        && kept.text.len() <= form::KEPT_TEXT
    {
        form.numbers = kept.text;
    }
    Ok(form)
}

/// Stages what was typed and perhaps a file, as [`stage_sent`] does.
///
/// # Errors
/// When [`stage_sent`] fails, or it is not clear what the columns of the file are.
pub async fn stage_upload(
    ctx: &Ctx,
    grant: &Grant<NumbersWrite>,
    form: &UploadForm,
    file: Option<&[u8]>,
) -> Result<i64> {
    let files = file.map(|bytes| SentFile { name: String::new(), bytes: bytes.to_vec() }).into_iter().collect();
    match stage_sent(ctx, grant, &Arc::new(Upload { form: form.clone(), files })).await? {
        Staged::Draft(id) => Ok(id),
        Staged::Waits(_) => {
            let reason = "It is not clear what the columns of the file are.";
            Err(Error::Invalid(vec![FieldProblem::new("file", reason)]))
        }
    }
}

/// Stages an upload as a draft order, or keeps it until it is clear what its columns are. It is given up when the caller goes
/// away.
///
/// # Errors
/// When the form has problems (all of them are told), when too many uploads are being read, or the database fails.
pub async fn stage_sent(ctx: &Ctx, grant: &Grant<NumbersWrite>, upload: &Arc<Upload>) -> Result<Staged> {
    stage_beside(ctx, grant, Sent::Now(upload.clone())).await
}

async fn stage_beside(ctx: &Ctx, grant: &Grant<NumbersWrite>, sent: Sent) -> Result<Staged> {
    const BUSY: Error =
        Error::Busy("Other uploads are being read. Nothing of yours was stored; send it again in a minute.");
    let turn = ctx.uploads.turn().await.ok_or(BUSY)?;
    let (ctx, grant) = (ctx.clone(), grant.clone());
    beside(async move {
        let staged = match &sent {
            Sent::Now(upload) => {
                let texts = texts::of(upload);
                stage(&ctx, &grant, &upload.form, texts, None).await
            }
            Sent::Waiting { id, upload } => {
                let mut form: UploadForm = serde_json::from_str(&upload.form).unwrap_or_default();
                let texts = columns::texts_of(upload, &form);
                // What was typed waited as a text without a name.
                if let [typed] = texts.as_slice()
                    && typed.name.is_empty()
                {
                    form.numbers = typed.body.to_string();
                }
                stage(&ctx, &grant, &form, Ok(texts), Some(id)).await
            }
        };
        drop((turn, sent));
        staged
    })
    .await?
}

/// Texts that are not read yet, with what was said of their columns.
type Rest<'a> = std::iter::Zip<std::slice::Iter<'a, Text<'a>>, std::slice::Iter<'a, Choices>>;

/// The lines of all texts, one after the other.
struct Lines<'a> {
    reader: Reader<'a>,
    rest: Rest<'a>,
}

impl<'a> Lines<'a> {
    fn new(texts: &'a [Text<'a>], choices: &'a [Choices], limit: usize) -> Option<Self> {
        let mut rest = texts.iter().zip(choices);
        let (text, choices) = rest.next()?;
        Some(Self { reader: Reader::of(text.part(), limit, choices), rest })
    }

    /// The next lines; none at the end.
    fn chunk(&mut self) -> Vec<Line> {
        loop {
            let lines = self.reader.chunk();
            if !lines.is_empty() || self.reader.is_finished() {
                return lines;
            }
            let Some((text, choices)) = self.rest.next() else { return lines };
            self.reader.go_on(text.part(), choices);
        }
    }
}

async fn stage(
    ctx: &Ctx,
    grant: &Grant<NumbersWrite>,
    form: &UploadForm,
    texts: std::result::Result<Vec<Text<'_>>, Vec<FieldProblem>>,
    waits: Option<&String>,
) -> Result<Staged> {
    let settings = form.settings(ctx.policy.default_calling_profile.as_ref());
    let (texts, mut problems) = match texts {
        Ok(texts) => (texts, Vec::new()),
        Err(problems) => (Vec::new(), problems),
    };
    let ask = match (form.ask_columns, waits) {
        (false, _) => Ask::Unknown,
        (true, None) => Ask::Anew,
        (true, Some(_)) => Ask::Unsaid,
    };
    let looks = columns::look(ctx, grant.principal(), &texts, ask).await?;
    let is_readable = problems.is_empty();
    let base = {
        let mut tx = ctx.db.read().await?;
        base_account(&mut tx, form, &settings, &looks, &mut problems).await?
    };
    if looks.have_columns || settings.has_teams_settings() {
        let flaw = profile_flaw(&ctx.policy, filled(&form.calling_profile));
        problems.extend(flaw.map(|flaw| FieldProblem::new(flaw.field, flaw.reason)));
    }
    check_ticket(filled(&form.ticket), &mut problems);
    let mut begun = Lines::new(&texts, &looks.choices, ctx.policy.max_numbers);
    let first = begun.as_mut().map(Lines::chunk).unwrap_or_default();
    if is_readable && looks.are_clear() && first.is_empty() {
        let field = if filled(&form.numbers).is_some() { "numbers" } else { "file" };
        problems.push(FieldProblem::new(field, "There is no telephone number in it."));
    }
    if !problems.is_empty() {
        return Err(Error::Invalid(problems));
    }
    if !looks.are_clear() {
        return match waits {
            Some(id) => Ok(Staged::Waits(id.clone())),
            None => columns::wait(ctx, grant, form, &texts, looks.files).await,
        };
    }
    let mut begun = begun.map(|lines| (lines, first));
    let id = transact!(ctx, |tx| {
        tx.take_time_aside().await?;
        let id = tx.next_number("orders").await?;
        let sources = Sources { texts: &texts, files: &looks.files, is_file: filled(&form.numbers).is_none() };
        let mut stage = Stage::new(ctx, id, form, sources, settings.clone(), base.clone());
        tx.insert_order(
            &NewOrder {
                id,
                kind: OrderKind::Upload,
                source: OrderSource::Portal,
                accounts: String::new(),
                author: &grant.principal().name,
                author_id: identity(grant.principal()),
                ticket: filled(&form.ticket),
                form: form.kept(&looks.files),
                refused_lines: 0,
            },
            ctx.clock.now(),
        )
        .await?;
        // A transaction that is tried again reads from the beginning.
        let again = || {
            let mut lines = Lines::new(&texts, &looks.choices, ctx.policy.max_numbers)?;
            let first = lines.chunk();
            Some((lines, first))
        };
        if let Some((mut reading, mut lines)) = begun.take().or_else(again) {
            while !lines.is_empty() {
                // While the database stores some lines, the next are read.
                let (stored, next) = tokio::join!(stage.take(&mut tx, lines), async { reading.chunk() });
                reading.reader.refuse(stored?);
                lines = next;
            }
        }
        stage.finish(&mut tx).await?;
        id
    })?;
    Ok(Staged::Draft(id))
}

/// What stands against a calling profile that is none of those the deployment has, where it has some.
pub(in crate::service) fn profile_flaw(policy: &Policy, profile: Option<&str>) -> Option<Flaw> {
    let known = &policy.calling_profiles;
    let profile = profile.filter(|profile| !known.is_empty() && !known.iter().any(|known| known.id == *profile))?;
    let reason = format!("There is no calling profile {profile}. Choose one of the list.");
    Some(Flaw { field: "calling_profile", value: profile.to_owned(), reason })
}

/// Finds the account of the form, and notes every problem of the form's settings unless the lines bring their own.
async fn base_account(
    tx: &mut Tx,
    form: &UploadForm,
    settings: &NumberSettings,
    looks: &Looks,
    problems: &mut Vec<FieldProblem>,
) -> Result<Option<Arc<AccountFacts>>> {
    let account = if let Some(name) = filled(&form.account) {
        let account = tx.account(name).await?;
        if account.is_none() {
            problems.push(FieldProblem::new("account", format!("There is no account named {name}.")));
        }
        account
    } else {
        if !looks.name_accounts {
            problems.push(FieldProblem::new("account", "Choose the account that gets the numbers."));
        }
        None
    };
    let Some(account) = account else { return Ok(None) };
    let base = account_facts(tx, account).await?;
    if !looks.have_columns {
        if settings.services.is_empty() {
            problems.push(FieldProblem::new("service", "Choose the service of the numbers."));
        }
        problems.extend(
            rules::check(settings, &base.account, &base.facts)
                .into_iter()
                .map(|flaw| FieldProblem::new(flaw.field, flaw.reason)),
        );
    }
    Ok(Some(Arc::new(base)))
}
