//! The client of the identity provider's endpoints, with the claims that we read.

use openidconnect::core::{
    CoreAuthDisplay, CoreAuthPrompt, CoreClientAuthMethod, CoreGenderClaim, CoreJsonWebKey,
    CoreJweContentEncryptionAlgorithm, CoreJwsSigningAlgorithm, CoreRevocableToken, CoreRevocationErrorResponse,
    CoreTokenIntrospectionResponse, CoreTokenType,
};
use openidconnect::{
    AuthType, Client, ClientId, ClientSecret, EmptyExtraTokenFields, EndpointMaybeSet, EndpointNotSet, EndpointSet,
    IdTokenFields, RedirectUrl, StandardTokenResponse,
};
use secrecy::{ExposeSecret as _, SecretString};

use crate::http::identity_provider::Metadata;

use super::error::ErrorAnswer;
use super::verify::Extra;

type Fields = IdTokenFields<
    Extra,
    EmptyExtraTokenFields,
    CoreGenderClaim,
    CoreJweContentEncryptionAlgorithm,
    CoreJwsSigningAlgorithm,
>;
/// What the provider answers with tokens.
pub(super) type Tokens = StandardTokenResponse<Fields, CoreTokenType>;
/// A client that knows the endpoints of a provider.
pub(super) type OidcClient = Client<
    Extra,
    CoreAuthDisplay,
    CoreGenderClaim,
    CoreJweContentEncryptionAlgorithm,
    CoreJsonWebKey,
    CoreAuthPrompt,
    ErrorAnswer,
    Tokens,
    CoreTokenIntrospectionResponse,
    CoreRevocableToken,
    CoreRevocationErrorResponse,
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointMaybeSet,
    EndpointMaybeSet,
>;

/// Who we are at the provider.
pub(super) struct Registration {
    pub(super) id: ClientId,
    pub(super) secret: Option<SecretString>,
    /// Where the provider sends the browser back to.
    pub(super) redirect: RedirectUrl,
}

impl Registration {
    /// Returns the client for a provider that publishes this metadata. The secret goes into the body only where the
    /// provider takes it nowhere else.
    pub(super) fn client(&self, metadata: &Metadata) -> OidcClient {
        let secret = self.secret.as_ref().map(|secret| ClientSecret::new(secret.expose_secret().to_owned()));
        let methods = metadata.token_endpoint_auth_methods_supported();
        let in_body = methods.is_some_and(|methods| {
            methods.contains(&CoreClientAuthMethod::ClientSecretPost)
                && !methods.contains(&CoreClientAuthMethod::ClientSecretBasic)
        });
        OidcClient::from_provider_metadata(metadata.clone(), self.id.clone(), secret)
            .set_redirect_uri(self.redirect.clone())
            .set_auth_type(if in_body { AuthType::RequestBody } else { AuthType::BasicAuth })
    }
}
