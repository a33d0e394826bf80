//! The numbers in quarantine: until when, and who had them.

mod review;

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;

use super::csv::{self, text};
use super::form::{Errors, Filters, Pager, Pill};
use super::number_filter::NumbersQuery;
use super::show::{Moment, count, counted};
use crate::authz::NumbersRead;
use crate::domain::E164;
use crate::http::{Granted, PortalState, Problem, QueryString, Routes, Shell, invalid, needs, page};
use crate::service::numbers::Matching;
use crate::service::quarantine::{self, QuarantineFilter, QuarantineRange, QuarantineRow};
use crate::service::{self, Page};

pub(super) use review::{InReview, OverrideRow, OverrideSaid};

pub(super) fn routes() -> Routes {
    Routes::new()
        .get("/numbers/quarantine", needs::<NumbersRead>(), list)
        .get("/numbers/quarantine.csv", needs::<NumbersRead>(), export)
        .merge(review::routes())
}

/// The list's address.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct QuarantineQuery {
    q: String,
    account: String,
    tenant: String,
    country: String,
    page: String,
}

impl QuarantineQuery {
    /// The same filters as the list of numbers has, read in the same way.
    fn numbers(&self) -> NumbersQuery {
        NumbersQuery {
            q: self.q.clone(),
            account: self.account.clone(),
            tenant: self.tenant.clone(),
            country: self.country.clone(),
            page: self.page.clone(),
            ..NumbersQuery::default()
        }
    }

    fn filter(&self) -> service::Result<QuarantineFilter> {
        let filter = self.numbers().filter().map_err(service::Error::Invalid)?;
        Ok(QuarantineFilter {
            starts: filter.starts,
            ends: filter.ends,
            account: filter.account,
            tenant_id: filter.tenant_id,
            country: filter.country,
        })
    }

    fn filters(&self) -> Filters {
        Filters::new("/numbers/quarantine")
            .with("q", "Number", &self.q)
            .with("account", "Had by", &self.account)
            .with("tenant", "Tenant", &self.tenant)
            .with("country", "Country", &self.country)
    }

    fn page(&self) -> Page<E164> {
        match self.numbers().page() {
            Page::Before(_) => Page::First,
            page => page,
        }
    }
}

#[derive(Template)]
#[template(path = "quarantine.html")]
struct ListPage {
    shell: Shell,
    errors: Errors,
    query: QuarantineQuery,
    /// How long numbers stay, in words.
    rule: String,
    /// Whether there is a quarantine at all.
    is_off: bool,
    rows: Vec<RangeRow>,
    pills: Vec<Pill>,
    clear: String,
    csv: String,
    pager: Pager,
}

struct RangeRow {
    first: String,
    e164: String,
    /// Empty when the range is one number.
    last: String,
    count: String,
    account: String,
    is_there: bool,
    enterprise: String,
    country: String,
    released: Moment,
    until: Moment,
    order: i64,
}

impl From<QuarantineRange> for RangeRow {
    fn from(range: QuarantineRange) -> Self {
        Self {
            first: range.first().grouped(),
            e164: range.first().to_string(),
            last: if range.count > 1 { range.last().grouped() } else { String::new() },
            count: count(range.count),
            released: range.told.released_at().into(),
            until: range.told.free_at().into(),
            order: range.told.order_id,
            is_there: range.told.is_there,
            account: range.told.account.unwrap_or_default(),
            enterprise: range.told.company.or(range.told.tenant_id).unwrap_or_default(),
            country: range.told.country,
        }
    }
}

/// `GET /numbers/quarantine`
async fn list(
    State(state): State<PortalState>,
    Granted(grant): Granted<NumbersRead>,
    QueryString(query): QueryString<QuarantineQuery>,
    shell: Shell,
) -> Result<Response, Problem> {
    let (ctx, filters) = (state.ctx(), query.filters());
    let (rows, pager, errors) = match query.filter() {
        Ok(filter) => {
            let (ranges, next) = quarantine::ranges(ctx, &grant, &filter, query.page()).await?;
            let all = match quarantine::matching(ctx, &grant, &filter).await? {
                Matching::Exactly(all) => counted(all, "number", "numbers"),
                Matching::MoreThan(most) => format!("more than {} numbers", count(most)),
            };
            let shown = format!("{} here, {all} in all", counted(ranges.len() as i64, "range", "ranges"));
            let mut pager = filters.pager(shown, None, next.map(|key| key.as_i64().to_string()));
            if query.page() != Page::First {
                pager.previous = filters.href();
            }
            (ranges.into_iter().map(RangeRow::from).collect(), pager, Errors::default())
        }
        Err(service::Error::Invalid(problems)) => (Vec::new(), filters.pager("", None, None), problems.into()),
        Err(error) => return Err(error.into()),
    };
    let rules = &ctx.policy.quarantine;
    let template = ListPage {
        shell: shell.at("numbers"),
        rule: rules.in_words(),
        is_off: rules.is_off(),
        rows,
        pills: filters.pills(),
        clear: filters.clear(),
        csv: filters.csv(),
        pager,
        errors,
        query,
    };
    Ok(if template.errors.is_empty() { page(&template) } else { invalid(&template) })
}

const HEADINGS: [&str; 8] = [
    "telephoneNumber",
    "country",
    "accountName",
    "teamsTenantId",
    "company",
    "releasedAt",
    "quarantineUntil",
    "releaseOrder",
];

fn cells(row: &QuarantineRow) -> Vec<String> {
    let told = &row.told;
    let word = |value: &Option<String>| text(value.clone().unwrap_or_default());
    vec![
        row.number().to_string(),
        told.country.clone(),
        word(&told.account),
        word(&told.tenant_id),
        word(&told.company),
        Moment::from(told.released_at()).iso,
        Moment::from(told.free_at()).iso,
        told.order_id.to_string(),
    ]
}

/// `GET /numbers/quarantine.csv`
async fn export(
    State(state): State<PortalState>,
    Granted(grant): Granted<NumbersRead>,
    QueryString(query): QueryString<QuarantineQuery>,
) -> Result<Response, Problem> {
    let filter = query.filter()?;
    let ctx = state.ctx().clone();
    csv::export("numbers-in-quarantine.csv", &HEADINGS, move |after: Option<E164>| {
        let (ctx, grant, filter) = (ctx.clone(), grant.clone(), filter.clone());
        async move {
            let (rows, next) = quarantine::export(&ctx, &grant, &filter, after).await?;
            Ok((rows.iter().map(cells).collect(), next))
        }
    })
    .await
}
