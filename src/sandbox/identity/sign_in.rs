//! The sign-in page, and signing out.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Form, Query, RawQuery, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use serde::Deserialize;
use serde_json::Value;
use url::Url;

use super::Identity;
use super::people::{PORTAL_CLIENT, Person};
use super::session::{CodeGrant, Session};
use crate::sandbox::{clock, is_loopback};

/// The authorization request (RFC 6749 section 4.1.1, RFC 7636, OpenID Connect Core 3.1.2.1).
#[derive(Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct AuthorizeRequest {
    response_type: String,
    client_id: String,
    redirect_uri: String,
    scope: String,
    state: Option<String>,
    nonce: Option<String>,
    prompt: Option<String>,
    code_challenge: String,
    code_challenge_method: String,
}

/// The sign-in form.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Choice {
    person: String,
}

/// The logout request (OpenID Connect RP-Initiated Logout 1.0).
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct LogoutRequest {
    id_token_hint: String,
    post_logout_redirect_uri: String,
    state: Option<String>,
}

#[derive(Template)]
#[template(
    ext = "html",
    source = r#"<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Sign in to the sandbox</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/identity/style.css">
</head>
<body>
<main>
<h1>Sign in</h1>
<p>This identity provider is pretend: it runs on your own machine and asks for no password. Pick the person you want to be.</p>
{% if let Some(error) = error %}<p role="alert">{{ error }}</p>{% endif %}
<form method="post" action="/identity/authorize?{{ query }}">
<ul>
{% for person in people %}<li>
<button type="submit" name="person" value="{{ person.key }}" aria-describedby="{{ person.key }}-may">{{ person.name }}</button>
<div id="{{ person.key }}-may">{{ person.may }}<br><small>
  {%- if person.roles.is_empty() %}no role{% else %}{{ person.roles.join(", ") }}{% endif -%}
</small></div>
</li>
{% endfor %}</ul>
</form>
</main>
</body>
</html>
"#
)]
struct SignInPage<'a> {
    people: &'a [Person],
    query: &'a str,
    error: Option<&'a str>,
}

#[derive(Template)]
#[template(
    ext = "html",
    source = r#"<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{ title }}</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/identity/style.css">
</head>
<body>
<main>
<h1>{{ title }}</h1>
<p>{{ text }}</p>
</main>
</body>
</html>
"#
)]
struct MessagePage<'a> {
    title: &'a str,
    text: &'a str,
}

/// `GET /authorize`: the sign-in page.
pub(super) async fn page(
    State(identity): State<Arc<Identity>>,
    Query(request): Query<AuthorizeRequest>,
    RawQuery(query): RawQuery,
) -> Response {
    match check(&identity, &request) {
        Ok(redirect) => sign_in_page(&identity, &redirect, query.as_deref().unwrap_or_default(), None),
        Err(response) => *response,
    }
}

/// `POST /authorize`: someone was picked.
pub(super) async fn choose(
    State(identity): State<Arc<Identity>>,
    Query(request): Query<AuthorizeRequest>,
    RawQuery(query): RawQuery,
    Form(choice): Form<Choice>,
) -> Response {
    let redirect = match check(&identity, &request) {
        Ok(redirect) => redirect,
        Err(response) => return *response,
    };
    if identity.state().person(&choice.person).is_none() {
        let error = Some("There is no such person. Pick one of these.");
        return sign_in_page(&identity, &redirect, query.as_deref().unwrap_or_default(), error);
    }
    let session = Session { id: clock::new_id(), person: choice.person, scope: request.scope, signed_in: clock::now() };
    let code = identity.state().grants.issue_code(CodeGrant {
        session,
        redirect_uri: request.redirect_uri,
        challenge: request.code_challenge,
        nonce: request.nonce,
    });
    back(&identity, redirect, &[("code", Some(&code)), ("state", request.state.as_deref())])
}

/// Returns where to go back to. A request that cannot be trusted with a redirect gets a page, any other fault goes back
/// to the client.
fn check(identity: &Identity, request: &AuthorizeRequest) -> Result<Url, Box<Response>> {
    let message = |text: &str| Box::new(message_page(StatusCode::BAD_REQUEST, "This sign-in link does not work", text));
    if request.client_id != PORTAL_CLIENT {
        return Err(message("The client_id is not known here; the sandbox knows nmp-portal."));
    }
    let redirect = Url::parse(&request.redirect_uri).ok().filter(|url| {
        matches!(url.scheme(), "http" | "https") && is_loopback(url) && url.path().ends_with("/auth/callback")
    });
    let redirect = redirect.ok_or_else(|| {
        message("The redirect_uri must be on this machine (127.0.0.1, [::1] or localhost) and end in /auth/callback.")
    })?;
    let refuse = |code: &str, why: &str| {
        let parameters = [("error", Some(code)), ("error_description", Some(why)), ("state", request.state.as_deref())];
        Box::new(back(identity, redirect.clone(), &parameters))
    };
    if request.response_type != "code" {
        return Err(refuse("unsupported_response_type", "response_type must be code"));
    }
    if !request.scope.split(' ').any(|scope| scope == "openid") {
        return Err(refuse("invalid_scope", "scope must hold openid"));
    }
    if request.code_challenge_method != "S256" || request.code_challenge.len() != 43 {
        return Err(refuse("invalid_request", "PKCE with S256 is required"));
    }
    if request.prompt.as_deref() == Some("none") {
        return Err(refuse("login_required", "someone has to pick a person"));
    }
    Ok(redirect)
}

fn back(identity: &Identity, mut to: Url, parameters: &[(&str, Option<&str>)]) -> Response {
    {
        let mut pairs = to.query_pairs_mut();
        for (name, value) in parameters {
            if let Some(value) = value {
                pairs.append_pair(name, value);
            }
        }
        // RFC 9207: says which provider answers.
        pairs.append_pair("iss", identity.issuer());
    }
    Redirect::to(to.as_str()).into_response()
}

fn sign_in_page(identity: &Identity, redirect: &Url, query: &str, error: Option<&str>) -> Response {
    let people = identity.state().people.clone();
    let status = if error.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    // form-action also governs where the form's answer redirects to.
    let form_action = format!("'self' {}", redirect.origin().ascii_serialization());
    html(status, &SignInPage { people: &people, query, error }, &form_action)
}

fn message_page(status: StatusCode, title: &str, text: &str) -> Response {
    html(status, &MessagePage { title, text }, "'none'")
}

fn html(status: StatusCode, page: &impl Template, form_action: &str) -> Response {
    let Ok(body) = page.render() else { return StatusCode::INTERNAL_SERVER_ERROR.into_response() };
    let mut response = (status, [(header::CACHE_CONTROL, "no-store")], Html(body)).into_response();
    let policy = format!(
        "default-src 'none'; style-src 'self'; img-src data:; base-uri 'none'; frame-ancestors 'none'; form-action {form_action}"
    );
    if let Ok(policy) = HeaderValue::from_str(&policy) {
        response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    response
}

/// `GET /style.css`
pub(super) async fn style() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/css; charset=utf-8")], include_str!("style.css"))
}

/// `GET /logout`
pub(super) async fn logout(State(identity): State<Arc<Identity>>, Query(request): Query<LogoutRequest>) -> Response {
    end_session(&identity, request).await
}

/// `POST /logout`
pub(super) async fn logout_by_form(
    State(identity): State<Arc<Identity>>,
    Form(request): Form<LogoutRequest>,
) -> Response {
    end_session(&identity, request).await
}

async fn end_session(identity: &Identity, request: LogoutRequest) -> Response {
    let claims = identity.keys.claims(&request.id_token_hint).await;
    if let Some(session) = claims.as_ref().and_then(|claims| claims.get("sid")).and_then(Value::as_str) {
        identity.state().grants.end_session(session);
    }
    let redirect = Url::parse(&request.post_logout_redirect_uri).ok().filter(is_loopback);
    match (claims, redirect) {
        (Some(_), Some(mut to)) => {
            if let Some(state) = &request.state {
                to.query_pairs_mut().append_pair("state", state);
            }
            Redirect::to(to.as_str()).into_response()
        }
        _ => message_page(StatusCode::OK, "Signed out", "You are signed out of the sandbox."),
    }
}
