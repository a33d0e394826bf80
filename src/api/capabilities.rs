//! What an account's numbers may be used for.

use axum::body::Bytes;
use axum::extract::State;
use axum::http::request::Parts;
use axum::response::Response;
use serde::Serialize;

use super::noted::{read_body, refused_by_service};
use super::request::{Asked, Writing};
use crate::authz::{AccountsRead, CivicAddressesRead, Grant, NumbersRead};
use crate::domain::CapabilityPlan;
use crate::http::{ApiPath, ApiRoutes, ApiState, Called, JsonBody, Problem, needs};
use crate::service::api::{ApiAnswer, Outcome, accounts, earlier_answer, keep_answer, numbers};
use crate::service::{Ctx, Error, civic_addresses};
use crate::wire::{TeamsAvailableCapabilities, TeamsCapabilityPlans, read_number_identifiers};

pub(super) fn routes() -> ApiRoutes {
    ApiRoutes::new().post("/accounts/{account}:getTeamsCapabilityPlans", needs::<NumbersRead>(), plans).post(
        "/accounts/{account}:getTeamsAvailableCapabilities",
        needs::<NumbersRead>(),
        available,
    )
}

/// `POST /accounts/{accountName}:getTeamsCapabilityPlans`
async fn plans(
    State(state): State<ApiState>,
    Called(grant): Called<NumbersRead>,
    ApiPath(account): ApiPath<String>,
    parts: Parts,
    body: Bytes,
) -> Result<Response, Problem> {
    let Asked { writing, mut noted, .. } = Writing::of(&parts, &body, &[], state.ctx(), grant.principal())?;
    let account = noted.account_name(&account);
    let account = noted.finish(account)?;
    if let Some(answer) = earlier_answer(state.ctx(), &grant, writing.repeat.as_ref()).await? {
        return Ok(writing.answer(answer));
    }
    let plans = of_account(state.ctx(), &grant, account.as_str()).await?;
    answered(state.ctx(), &grant, &writing, &plans.iter().collect::<TeamsCapabilityPlans>()).await
}

/// `POST /accounts/{accountName}:getTeamsAvailableCapabilities`
async fn available(
    State(state): State<ApiState>,
    Called(grant): Called<NumbersRead>,
    ApiPath(account): ApiPath<String>,
    parts: Parts,
    JsonBody(body): JsonBody,
) -> Result<Response, Problem> {
    let Asked { writing, mut noted, .. } = Writing::of(&parts, &body, &[], state.ctx(), grant.principal())?;
    let account = noted.account_name(&account);
    let wanted = noted.take(read_body(body, read_number_identifiers).await?);
    let (account, wanted) = noted.finish(account.zip(wanted))?;
    if let Some(answer) = earlier_answer(state.ctx(), &grant, writing.repeat.as_ref()).await? {
        return Ok(writing.answer(answer));
    }
    let plans = of_account(state.ctx(), &grant, account.as_str()).await?;
    let found = numbers::get_all(state.ctx(), &grant, account.as_str(), &wanted).await;
    let found = found.map_err(|error| refused_by_service(error, true))?;
    let of_usage = |usage: &str| -> Vec<String> {
        let plan = plans.iter().find(|plan| plan.usage == usage);
        plan.map_or_else(Vec::new, |plan| {
            [plan.mandatory_capabilities.as_slice(), &plan.choosable_capabilities].concat()
        })
    };
    let mut usages: Vec<&str> = found.iter().map(|number| number.settings.teams.usage.as_str()).collect();
    usages.sort_unstable();
    usages.dedup();
    let mut lists = usages.into_iter().map(of_usage);
    let mut available_capabilities = lists.next().unwrap_or_default();
    for list in lists {
        available_capabilities.retain(|capability| list.contains(capability));
    }
    answered(state.ctx(), &grant, &writing, &TeamsAvailableCapabilities { available_capabilities }).await
}

/// The answer, which a repetition of the request gets too.
async fn answered(
    ctx: &Ctx,
    grant: &Grant<NumbersRead>,
    writing: &Writing,
    value: &impl Serialize,
) -> Result<Response, Problem> {
    let body = serde_json::to_string(value).map_err(|error| Problem::internal().because(&error))?;
    let answer = ApiAnswer { outcome: Outcome::Done, tag: None, changed_at: None, body: Some(body) };
    keep_answer(ctx, grant, writing.repeat.as_ref(), &answer).await?;
    Ok(writing.answer(answer))
}

/// The capability plans of an account's tenant.
async fn of_account(ctx: &Ctx, grant: &Grant<NumbersRead>, account: &str) -> Result<Vec<CapabilityPlan>, Problem> {
    let person = grant.principal();
    let account = accounts::get(ctx, &person.grant::<AccountsRead>()?, account).await?.account;
    let tenant = account.tenant_id.ok_or_else(|| {
        Error::Conflict(format!(
            "Account {} has no teamsTenantId, so no capability plans are known for it. Put the tenant on the account first.",
            account.name
        ))
    })?;
    let plans = civic_addresses::plans(ctx, &person.grant::<CivicAddressesRead>()?, &tenant).await?;
    plans.ok_or_else(|| {
        Problem::unavailable(
            "The capability plans of the tenant have not been fetched from the backend yet. Ask again in a moment.",
        )
    })
}
