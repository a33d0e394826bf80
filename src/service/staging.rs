//! Staging an upload: text becomes a draft order that can be reviewed, or form problems that say what to mend.
//!
//! It may take seconds, so it runs beside the threads that answer requests, and only few at once.

mod form;
mod room;
mod stage;

use std::sync::Arc;

use self::stage::Stage;
use super::transact::transact;
use super::{Ctx, Error, Policy, Result, beside, identity};
use crate::authz::{Grant, NumbersRead, NumbersWrite};
use crate::domain::field::{check_ticket, filled};
use crate::domain::rules::{self, TenantFacts};
use crate::domain::upload::{self, Reader};
use crate::domain::{Account, FieldProblem, NumberSettings, OrderKind, OrderSource};
use crate::store::{NewOrder, Tx};

pub use self::form::UploadForm;
pub use self::room::{Room, Uploads};
pub(super) use self::stage::account_names;

/// What a person sent: the form, and the file beside it.
#[derive(Clone, Debug, Default)]
pub struct Upload {
    /// What was typed.
    pub form: UploadForm,
    /// The file, where one was chosen.
    pub file: Option<Vec<u8>>,
}

/// An account and what is known of its tenant.
#[derive(Clone, Debug)]
pub(in crate::service) struct AccountFacts {
    pub(in crate::service) account: Account,
    pub(in crate::service) facts: TenantFacts,
}

pub(in crate::service) async fn account_facts(tx: &mut Tx, account: Account) -> Result<AccountFacts> {
    let facts = match &account.tenant_id {
        Some(tenant) => TenantFacts::new(&tx.civic_addresses(tenant).await?, tx.capability_plans(tenant).await?),
        None => TenantFacts::default(),
    };
    Ok(AccountFacts { account, facts })
}

/// Reads the typed form of a draft, so that it can be taken up again.
///
/// # Errors
/// When there is no such order, or the database fails.
pub async fn form_of(ctx: &Ctx, _: &Grant<NumbersRead>, order_id: i64) -> Result<UploadForm> {
    let json = ctx.db.read().await?.order_form(order_id).await?.ok_or(Error::NotFound("order"))?;
    Ok(serde_json::from_str(&json).unwrap_or_default())
}

/// Stages what was typed and perhaps a file, as [`stage_sent`] does.
///
/// # Errors
/// When [`stage_sent`] fails.
pub async fn stage_upload(
    ctx: &Ctx,
    grant: &Grant<NumbersWrite>,
    form: &UploadForm,
    file: Option<&[u8]>,
) -> Result<i64> {
    let upload = Upload { form: form.clone(), file: file.map(<[u8]>::to_vec) };
    stage_sent(ctx, grant, &Arc::new(upload)).await
}

/// Stages an upload as a draft order and gives its number. It is given up when the caller goes away.
///
/// # Errors
/// When the form has problems (all of them are told), when too many uploads are being read, or the database fails.
pub async fn stage_sent(ctx: &Ctx, grant: &Grant<NumbersWrite>, upload: &Arc<Upload>) -> Result<i64> {
    const BUSY: Error =
        Error::Busy("Other uploads are being read. Nothing of yours was stored; send it again in a minute.");
    let turn = ctx.uploads.turn().await.ok_or(BUSY)?;
    let (ctx, grant, upload) = (ctx.clone(), grant.clone(), upload.clone());
    beside(async move {
        let staged = stage(&ctx, &grant, &upload.form, upload.file.as_deref()).await;
        drop((turn, upload));
        staged
    })
    .await?
}

async fn stage(ctx: &Ctx, grant: &Grant<NumbersWrite>, form: &UploadForm, file: Option<&[u8]>) -> Result<i64> {
    let text = text_of(form, file);
    let settings = form.settings(ctx.policy.default_calling_profile.as_ref());
    let mut reader = text.as_ref().ok().map(|text| Reader::new(text, ctx.policy.max_numbers));
    let with_columns = reader.as_ref().is_some_and(Reader::has_columns);
    let first = reader.as_mut().map(Reader::chunk);
    let mut problems = Vec::new();
    let base = {
        let mut tx = ctx.db.read().await?;
        base_account(&mut tx, form, &settings, with_columns, &mut problems).await?
    };
    if with_columns || settings.has_teams_settings() {
        check_profile(&ctx.policy, filled(&form.calling_profile), &mut problems);
    }
    check_ticket(filled(&form.ticket), &mut problems);
    if first.as_ref().is_some_and(Vec::is_empty) {
        let field = if filled(&form.numbers).is_some() { "numbers" } else { "file" };
        problems.push(FieldProblem::new(field, "There is no telephone number in it."));
    }
    let text = match text {
        Ok(text) if problems.is_empty() => text,
        Ok(_) => return Err(Error::Invalid(problems)),
        Err(problem) => {
            problems.push(problem);
            return Err(Error::Invalid(problems));
        }
    };
    let mut begun = reader.zip(first);
    transact!(ctx, |tx| {
        tx.take_time_aside().await?;
        let id = tx.next_number("orders").await?;
        let mut stage = Stage::new(ctx, id, form, settings.clone(), base.clone());
        tx.insert_order(
            &NewOrder {
                id,
                kind: OrderKind::Upload,
                source: OrderSource::Portal,
                accounts: String::new(),
                author: &grant.principal().name,
                author_id: identity(grant.principal()),
                ticket: filled(&form.ticket),
                form: form.kept(),
                refused_lines: 0,
            },
            ctx.clock.now(),
        )
        .await?;
        // A transaction that is tried again reads from the beginning.
        let (mut reader, mut lines) = begun.take().unwrap_or_else(|| {
            let mut reader = Reader::new(text, ctx.policy.max_numbers);
            let lines = reader.chunk();
            (reader, lines)
        });
        while !lines.is_empty() {
            // While the database stores some lines, the next are read.
            let (stored, next) = tokio::join!(stage.take(&mut tx, lines), async { reader.chunk() });
            reader.refuse(stored?);
            lines = next;
        }
        stage.finish(&mut tx).await?;
        id
    })
}

/// Finds the text to read, in the file or in the text field.
fn text_of<'a>(form: &'a UploadForm, file: Option<&'a [u8]>) -> std::result::Result<&'a str, FieldProblem> {
    match (file, filled(&form.numbers)) {
        (Some(bytes), Some(_)) if !bytes.is_empty() => {
            Err(FieldProblem::new("file", "Give the numbers either as a file or in the text field, not both."))
        }
        (_, Some(_)) => Ok(form.numbers.as_str()),
        (None, None) => Err(FieldProblem::new("numbers", "Enter at least one number, or choose a file.")),
        (Some(bytes), None) => match upload::decode(bytes) {
            Ok(text) if text.trim_start_matches('\u{feff}').trim().is_empty() => {
                Err(FieldProblem::new("file", "The file is empty."))
            }
            Ok(text) => Ok(text),
            Err(reason) => Err(FieldProblem::new("file", reason)),
        },
    }
}

/// Checks that a calling profile is one of those the deployment has, where it has some.
pub(in crate::service) fn check_profile(policy: &Policy, profile: Option<&str>, problems: &mut Vec<FieldProblem>) {
    if let Some(profile) = profile
        && !policy.calling_profiles.is_empty()
        && !policy.calling_profiles.iter().any(|known| known.id == profile)
    {
        problems.push(FieldProblem::new(
            "calling_profile",
            format!("There is no calling profile {profile}. Choose one of the list."),
        ));
    }
}

/// Finds the account of the form, and notes every problem of the form's settings unless the lines bring their own.
async fn base_account(
    tx: &mut Tx,
    form: &UploadForm,
    settings: &NumberSettings,
    with_columns: bool,
    problems: &mut Vec<FieldProblem>,
) -> Result<Option<Arc<AccountFacts>>> {
    let account = if let Some(name) = filled(&form.account) {
        let account = tx.account(name).await?;
        if account.is_none() {
            problems.push(FieldProblem::new("account", format!("There is no account named {name}.")));
        }
        account
    } else {
        if !with_columns {
            problems.push(FieldProblem::new("account", "Choose the account that gets the numbers."));
        }
        None
    };
    let Some(account) = account else { return Ok(None) };
    let base = account_facts(tx, account).await?;
    if !with_columns {
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
