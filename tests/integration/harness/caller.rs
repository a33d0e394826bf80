//! A program that calls the Provisioning API with a token of the sandbox's identity provider.

use reqwest::header::{AUTHORIZATION, HeaderMap};
use reqwest::{Client, Method, RequestBuilder, StatusCode};
use serde_json::Value;
use url::Url;

/// An answer that has not come by then never comes.
const PATIENCE: std::time::Duration = std::time::Duration::from_mins(2);

/// An answer of the API.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Reply {
    /// Sends the request.
    pub(crate) async fn to(request: RequestBuilder) -> Self {
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status(), response.headers().clone());
        Self { status, headers, text: response.text().await.unwrap() }
    }

    /// A header, or an empty text.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The body.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The status and the code of an error in the contract's form.
    pub(crate) fn error(&self) -> (u16, String) {
        let body = self.json();
        let code = body["error"]["code"].as_str().unwrap_or_else(|| panic!("no code: {self:?}")).to_owned();
        assert!(body["error"]["message"].as_str().is_some_and(|message| message.len() > 10), "{self:?}");
        assert_eq!(self.header("x-ms-error-code"), code, "{self:?}");
        assert_eq!(self.header("content-type"), "application/json", "{self:?}");
        (self.status.as_u16(), code)
    }
}

/// A program.
#[derive(Clone)]
pub(crate) struct Caller {
    client: Client,
    base: Url,
    token: String,
}

impl Caller {
    /// The program `client`, such as `bss-write`, at this API.
    pub(crate) async fn new(api: &str, issuer: &str, client: &str) -> Self {
        Self::with_token(api, token(issuer, client).await)
    }

    /// Whoever has this token.
    pub(crate) fn with_token(api: &str, token: String) -> Self {
        Self { client: client(), base: Url::parse(api).unwrap(), token }
    }

    /// A request with the token.
    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.anonymous(method, path).header(AUTHORIZATION, format!("Bearer {}", self.token))
    }

    /// A request without the token.
    pub(crate) fn anonymous(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, self.base.join(path).unwrap())
    }

    pub(crate) async fn get(&self, path: &str) -> Reply {
        Reply::to(self.request(Method::GET, path)).await
    }

    /// Sends a request for the contract's version, with these headers and JSON.
    pub(crate) async fn call(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Reply {
        let request = headers.iter().fold(self.request(method.clone(), &versioned(path)), |request, (name, value)| {
            request.header(*name, *value)
        });
        let kind = if method == Method::PATCH { "application/merge-patch+json" } else { "application/json" };
        Reply::to(match body {
            Some(body) => request.header("content-type", kind).body(body.to_string()),
            None => request,
        })
        .await
    }

    /// `GET` that finds something.
    pub(crate) async fn read(&self, path: &str) -> Value {
        let reply = self.call(Method::GET, path, &[], None).await;
        assert_eq!(reply.status, StatusCode::OK, "GET {path}: {reply:?}");
        reply.json()
    }

    pub(crate) async fn put(&self, path: &str, body: &Value) -> Reply {
        self.call(Method::PUT, path, &[], Some(body)).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Reply {
        self.call(Method::POST, path, &[], Some(body)).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Reply {
        self.call(Method::DELETE, path, &[], None).await
    }
}

/// The path with the version of the contract in its query.
pub(crate) fn versioned(path: &str) -> String {
    format!("{path}{}api-version=2024-02-29-preview", if path.contains('?') { '&' } else { '?' })
}

/// A token of the sandbox for a program, by client credentials.
pub(crate) async fn token(issuer: &str, client: &str) -> String {
    let form = [("grant_type", "client_credentials"), ("client_id", client), ("client_secret", "sandbox")];
    let answer: Value = post_form(&format!("{issuer}/token"), &form).await.json().await.unwrap();
    answer["access_token"].as_str().unwrap_or_else(|| panic!("no token: {answer}")).to_owned()
}

/// Sends a form to the sandbox.
pub(crate) async fn post_form(url: &str, form: &[(&str, &str)]) -> reqwest::Response {
    client().post(url).form(form).send().await.unwrap()
}

/// Turns a switch of the sandbox.
pub(crate) async fn switch(url: &str, body: &Value) {
    let answer = client().put(url).json(body).send().await.unwrap();
    assert!(answer.status().is_success(), "{url} {}", answer.status());
}

fn client() -> Client {
    Client::builder().redirect(reqwest::redirect::Policy::none()).timeout(PATIENCE).build().unwrap()
}
