//! What a draft does not take, with what its lines said, so that it can be mended and uploaded again.

use serde::Deserialize;

use super::find::REPORT_CHUNK;
use crate::authz::{Grant, OrdersRead};
use crate::domain::{E164, Refusal, Verdict};
use crate::service::staging::KeptFile;
use crate::service::{Ctx, Error, Result};
use crate::store::{ItemRow, Page, Tx};

/// What is kept of the files of an upload.
///
/// # Errors
/// When there is no such order, or the database fails.
pub async fn files(ctx: &Ctx, _: &Grant<OrdersRead>, id: i64) -> Result<Vec<KeptFile>> {
    kept_files(&mut ctx.db.read().await?, id).await
}

pub(super) async fn kept_files(tx: &mut Tx, id: i64) -> Result<Vec<KeptFile>> {
    let json = tx.order_form(id).await?.ok_or(Error::NotFound("order"))?;
    let form: KeptForm = serde_json::from_str(&json).unwrap_or_default();
    Ok(form.files)
}

/// What all forms keep of their files.
#[derive(Default, Deserialize)]
#[serde(default)]
struct KeptForm {
    files: Vec<KeptFile>,
}

/// Reads the numbers of an order that are refused for one reason, behind `after`, and gives the number to go on behind until
/// it is finished.
///
/// # Errors
/// When the database fails.
pub async fn refused(
    ctx: &Ctx,
    _: &Grant<OrdersRead>,
    id: i64,
    refusal: Refusal,
    after: Option<E164>,
) -> Result<(Vec<ItemRow>, Option<E164>)> {
    let page = after.map_or(Page::First, Page::After);
    let only = (Some(Verdict::Refused(refusal)), None);
    let (items, _, more) = ctx.db.read().await?.items_page(id, only, page, REPORT_CHUNK).await?;
    let next = items.last().map(|item| item.number).filter(|_| more);
    Ok((items, next))
}

/// Names the sheets and the columns of an upload that were not read.
pub(super) fn not_read(files: &[KeptFile]) -> Vec<String> {
    let said = files.iter().filter(|file| !file.not_read.is_empty()).map(|file| {
        let of = if file.name.is_empty() { String::new() } else { format!(" of {}", file.name) };
        format!("These columns{of} were not read: {}.", file.not_read.join(", "))
    });
    let sheets = files.iter().map(|file| file.sheet.clone()).filter(|sheet| !sheet.is_empty());
    sheets.chain(said).collect()
}
