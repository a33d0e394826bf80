//! What the audit says of an account.

use serde_json::json;

use crate::domain::{Account, AccountDraft, DirectRouting, ServiceSet, TenantId};

/// What the audit tells of an account, before a change and after it.
pub(super) struct AuditedAccount<'a> {
    name: &'a str,
    tenant_id: Option<&'a TenantId>,
    correlation_id: Option<&'a str>,
    services: ServiceSet,
    synced: ServiceSet,
    routing: Option<&'a DirectRouting>,
}

impl AuditedAccount<'_> {
    /// Writes it as JSON. Of the tokens it says only how many are known: they themselves are nobody's business.
    pub(super) fn to_json(&self) -> String {
        let tokens_known = |routing: &DirectRouting| routing.tokens.iter().filter(|token| !token.is_empty()).count();
        json!({
            "name": self.name,
            "tenantId": self.tenant_id,
            "correlationId": self.correlation_id,
            "services": self.services,
            "synced": self.synced,
            "subdomain": self.routing.map(|routing| &routing.subdomain),
            "callScreening": self.routing.map(|routing| routing.call_screening),
            "tokensKnown": self.routing.map(tokens_known),
        })
        .to_string()
    }
}

impl<'a> From<&'a Account> for AuditedAccount<'a> {
    fn from(account: &'a Account) -> Self {
        Self {
            name: &account.name,
            tenant_id: account.tenant_id.as_ref(),
            correlation_id: account.correlation_id.as_deref(),
            services: account.services,
            synced: account.synced,
            routing: account.direct_routing.as_ref(),
        }
    }
}

impl<'a> From<&'a AccountDraft> for AuditedAccount<'a> {
    fn from(draft: &'a AccountDraft) -> Self {
        Self {
            name: draft.name.as_str(),
            tenant_id: draft.tenant_id.as_ref(),
            correlation_id: draft.correlation_id.as_deref(),
            services: draft.services,
            synced: draft.synced,
            routing: draft.direct_routing.as_ref(),
        }
    }
}
