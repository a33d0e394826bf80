//! Signing in, signing out, and the theme.

use askama::Template;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use serde::Deserialize;

use crate::http::sign_in::{Callback, LoginError};
use crate::http::{
    Authenticated, FormBody, Info, PortalState, Problem, QueryString, ReturnTo, Routes, Shell, page_with, public,
    see_other, signed_in,
};

pub(super) fn routes() -> Routes {
    Routes::new()
        .get("/login", public(), login)
        .get("/auth/callback", public(), callback)
        .post("/logout", public(), logout)
        .get("/signed-out", public(), signed_out)
        .post("/theme", signed_in(), theme)
}

#[derive(Template)]
#[template(path = "login_error.html")]
struct Notice {
    shell: Shell,
    icon: &'static str,
    title: &'static str,
    detail: String,
    again: String,
    action: &'static str,
    request_id: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct LoginQuery {
    return_to: ReturnTo,
}

/// `GET /login`: sends the browser to the identity provider.
async fn login(
    State(state): State<PortalState>,
    QueryString(wanted): QueryString<LoginQuery>,
    Info(info): Info,
    shell: Shell,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    if shell.person.is_some() {
        return Ok(see_other(wanted.return_to.as_str()));
    }
    // The provider sends people back to the public address; the cookie must be set there too.
    let public = &state.config().portal.public_url;
    let host = headers.get(header::HOST).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !host.eq_ignore_ascii_case(&public[url::Position::BeforeHost..url::Position::AfterPort]) {
        let there = public.join(&wanted.return_to.login()).map_err(|error| Problem::internal().because(&error))?;
        return Ok(see_other(there.as_str()));
    }
    match state.login().begin(state.sessions(), &headers, &wanted.return_to).await {
        Ok((url, cookie)) => {
            let mut response = see_other(url.as_str());
            set_cookie(&mut response, cookie);
            Ok(response)
        }
        Err(error) => failed(&error, shell, &info.id, &wanted.return_to),
    }
}

/// `GET /auth/callback`: the identity provider sent the browser back.
async fn callback(
    State(state): State<PortalState>,
    QueryString(answer): QueryString<Callback>,
    Info(info): Info,
    shell: Shell,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let finished = state.login().finish(state.sessions(), &headers, answer).await;
    let mut response = match finished.outcome {
        Ok((signed_in, return_to)) => {
            let cookie = state.sessions().begin(&headers, signed_in).await?;
            metrics::counter!("nmp_sign_ins_total", "outcome" => "signed_in").increment(1);
            let mut response = see_other(return_to.as_str());
            set_cookie(&mut response, Some(cookie));
            response
        }
        Err(error) => failed(&error, shell, &info.id, &ReturnTo::default())?,
    };
    set_cookie(&mut response, finished.forget);
    Ok(response)
}

/// Says what to do about a sign-in that did not work. The cause goes to the log.
fn failed(error: &LoginError, shell: Shell, request_id: &str, return_to: &ReturnTo) -> Result<Response, Problem> {
    let (outcome, status, title, detail) = match error {
        LoginError::Problem(problem) => return Err(Problem::clone(problem)),
        LoginError::Away(_) => (
            "provider_away",
            StatusCode::SERVICE_UNAVAILABLE,
            "Signing in is not possible right now",
            "The identity provider does not answer. Your work is safe; try again in a moment.".to_owned(),
        ),
        LoginError::Unknown => (
            "unknown",
            StatusCode::BAD_REQUEST,
            "This sign-in is no longer valid",
            "It took longer than ten minutes, was used already, or was begun in another browser. Begin again."
                .to_owned(),
        ),
        LoginError::Refused(code) => (
            "refused",
            StatusCode::BAD_REQUEST,
            "The identity provider did not sign you in",
            format!(
                "It answered \u{201c}{}\u{201d}. If you did not stop it yourself, ask whoever administers it.",
                shown(code)
            ),
        ),
        LoginError::Invalid(_) => (
            "invalid",
            StatusCode::BAD_GATEWAY,
            "The identity provider's answer could not be verified",
            "You were not signed in. Try again; if it stays, tell the people who run the portal the request id."
                .to_owned(),
        ),
    };
    metrics::counter!("nmp_sign_ins_total", "outcome" => outcome).increment(1);
    tracing::warn!(outcome, error = error as &dyn std::error::Error, "sign-in failed");
    let notice = Notice {
        shell,
        icon: "alert",
        title,
        detail,
        again: return_to.login(),
        action: "Sign in again",
        request_id: request_id.to_owned(),
    };
    let mut response = page_with(status, &notice);
    if status == StatusCode::SERVICE_UNAVAILABLE {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
    }
    Ok(response)
}

/// An error code as the standards allow it, and nothing else that a crafted address could say.
fn shown(code: &str) -> String {
    code.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.')).take(60).collect()
}

/// `POST /logout`: ends the session here, then at the identity provider.
async fn logout(State(state): State<PortalState>, who: Result<Authenticated, Problem>) -> Result<Response, Problem> {
    let Ok(Authenticated(session)) = who else {
        return Ok(see_other("/signed-out"));
    };
    let (cookie, id_token) = state.sessions().end(&session).await?;
    let mut response = see_other(state.login().logout_url(id_token.as_deref()).await.as_str());
    set_cookie(&mut response, cookie);
    Ok(response)
}

/// `GET /signed-out`
async fn signed_out(shell: Shell) -> Response {
    let notice = Notice {
        shell,
        icon: "check",
        title: "You are signed out",
        detail: "Close the browser too if other people use this computer.".to_owned(),
        again: "/login".to_owned(),
        action: "Sign in",
        request_id: String::new(),
    };
    page_with(StatusCode::OK, &notice)
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ThemeForm {
    theme: String,
    return_to: ReturnTo,
}

/// `POST /theme`: keeps the choice in a cookie that the page's script may write as well.
async fn theme(State(state): State<PortalState>, FormBody(form): FormBody<ThemeForm>) -> Response {
    let theme = ["light", "dark"].into_iter().find(|known| *known == form.theme).unwrap_or("auto");
    let secure = if state.sessions().secure() { "; Secure" } else { "" };
    let cookie = format!("theme={theme}; Path=/; Max-Age=31536000; SameSite=Lax{secure}");
    let mut response = see_other(form.return_to.as_str());
    set_cookie(&mut response, HeaderValue::from_str(&cookie).ok());
    response
}

fn set_cookie(response: &mut Response, cookie: Option<HeaderValue>) {
    if let Some(cookie) = cookie {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
}
