//! The demo's own accounts: one for each service that the sandbox does not show, so that newcomers see what they look like.

use std::net::Ipv4Addr;

use crate::authz::{Permission, Principal, Role, Via};
use crate::domain::hand_over::Step;
use crate::domain::{AccountForm, DirectRoutingForm, OrderKind, Service, ServiceSet};
use crate::service::hand_over::AccountLabel;
use crate::service::orders::OrderRight;
use crate::service::staging::{UploadForm, stage_upload};
use crate::service::{Ctx, Error, Origin, Result, accounts, hand_over, orders};

/// Creates them in a database in which nobody has changed anything yet.
pub(super) async fn create(ctx: &Ctx) {
    let fresh = match ctx.db.read().await {
        Ok(mut tx) => tx.last_audit_seq().await.is_ok_and(|last| last == 0),
        Err(_) => false,
    };
    if fresh && let Err(error) = create_all(ctx).await {
        tracing::warn!(%error, "the example accounts were not created");
    }
}

async fn create_all(ctx: &Ctx) -> Result<()> {
    let direct_routing = DirectRoutingForm {
        call_screening: true,
        subdomain: "fourth".to_owned(),
        tokens: ["MS=ms48213377".to_owned(), "MS=ms51902264".to_owned()],
    };
    let fourth_coffee = AccountForm {
        name: "fourth-coffee".to_owned(),
        tenant_id: "8f2a6c04-3d71-4b9e-a5c8-60e1d7f3b288".to_owned(),
        correlation_id: "example: Direct Routing".to_owned(),
        direct_routing,
        ..of(Service::DirectRouting)
    };
    let numbers = UploadForm {
        service: Service::DirectRouting.key().to_owned(),
        custom_sip_header: "fourth-coffee".to_owned(),
        numbers: "+441632960200-0219".to_owned(),
        ..UploadForm::default()
    };
    set_up(ctx, &fourth_coffee, numbers).await?;
    let fourth = AccountLabel { account: "fourth-coffee", label: "fourth" };
    hand_over::tick(ctx, &grant()?, &origin(), fourth, Step::NamesSent, "").await?;

    let wide_world = AccountForm {
        name: "wide-world".to_owned(),
        correlation_id: "example: Zoom".to_owned(),
        ..of(Service::ZoomPhoneCloudPeering)
    };
    let numbers = UploadForm {
        further_service: vec![Service::ZoomPhoneCloudPeering.key().to_owned()],
        numbers: "+12025550150-0159".to_owned(),
        ..UploadForm::default()
    };
    set_up(ctx, &wide_world, numbers).await
}

fn of(service: Service) -> AccountForm {
    AccountForm { services: service.into(), synced: ServiceSet::ALL, ..AccountForm::default() }
}

async fn set_up(ctx: &Ctx, account: &AccountForm, numbers: UploadForm) -> Result<()> {
    accounts::create(ctx, &grant()?, &origin(), account).await?;
    let form = UploadForm { account: account.name.clone(), ..numbers };
    let order = stage_upload(ctx, &grant()?, &form, None).await?;
    let right = OrderRight::of(&author(), OrderKind::Upload).map_err(|_| Error::NotFound("right"))?;
    orders::submit(ctx, &right, &origin(), order, false).await?;
    Ok(())
}

/// Returns who the audit says it was.
fn author() -> Principal {
    Principal {
        issuer: "nmp demo".into(),
        subject: "examples".into(),
        name: "Examples".into(),
        roles: [Role::AdminUser].into_iter().collect(),
        via: Via::Portal,
    }
}

fn grant<P: Permission>() -> Result<crate::authz::Grant<P>> {
    author().grant().map_err(|_| Error::NotFound("right"))
}

fn origin() -> Origin {
    Origin { surface: "demo", client: Ipv4Addr::LOCALHOST.into(), request_id: "examples".to_owned() }
}
