//! A person with a browser, over HTTP: keeps cookies, follows redirects, signs in as the provider's page lets them.

use std::collections::BTreeMap;

use reqwest::header::{COOKIE, HeaderMap, LOCATION, SET_COOKIE};
use reqwest::{Method, StatusCode};
use url::Url;

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) url: Url,
    pub(crate) status: StatusCode,
    pub(crate) location: Option<String>,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

/// A browser without script.
#[derive(Clone)]
pub(crate) struct Visitor {
    client: reqwest::Client,
    home: Url,
    /// By origin and name.
    cookies: BTreeMap<(String, String), String>,
}

impl Visitor {
    /// Somebody who visits this portal.
    pub(crate) fn new(home: &str) -> Self {
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(std::time::Duration::from_mins(1))
            .build()
            .unwrap();
        Self { client, home: Url::parse(home).unwrap(), cookies: BTreeMap::new() }
    }

    /// Signs in as a person of the sandbox.
    pub(crate) async fn sign_in(home: &str, person: &str) -> Self {
        let mut visitor = Self::new(home);
        let page = visitor.get("/login").await;
        assert_eq!(page.status, StatusCode::OK, "{}", page.text);
        let back = visitor.send(Method::POST, page.url, Some(&[("person", person)])).await;
        assert_eq!(back.url.origin(), visitor.home.origin(), "{person} was not signed in: {}", back.text);
        visitor
    }

    /// The address of a page of the portal.
    pub(crate) fn url(&self, path: &str) -> Url {
        self.home.join(path).unwrap()
    }

    /// Opens a page of the portal and follows redirects.
    pub(crate) async fn get(&mut self, path: &str) -> Answer {
        let url = self.home.join(path).unwrap();
        self.send(Method::GET, url, None).await
    }

    /// Sends a form of the portal and follows redirects.
    pub(crate) async fn post(&mut self, path: &str, form: &[(&str, &str)]) -> Answer {
        let url = self.home.join(path).unwrap();
        self.send(Method::POST, url, Some(form)).await
    }

    /// Sends a request and follows redirects as a browser does.
    pub(crate) async fn send(&mut self, method: Method, url: Url, form: Option<&[(&str, &str)]>) -> Answer {
        let mut answer = self.once(method, url, form).await.unwrap();
        for _ in 0..20 {
            let Some(location) = answer.location.clone().filter(|_| answer.status.is_redirection()) else {
                return answer;
            };
            let url = answer.url.join(&location).unwrap();
            answer = self.once(Method::GET, url, None).await.unwrap();
        }
        panic!("redirected for ever: {answer:?}");
    }

    /// Sends one request; where a redirect leads is left to the caller.
    pub(crate) async fn once(
        &mut self,
        method: Method,
        url: Url,
        form: Option<&[(&str, &str)]>,
    ) -> Result<Answer, reqwest::Error> {
        let mut request = self.request(&method, &url);
        if let Some(form) = form {
            request = request.form(form);
        }
        self.take(request.send().await?).await
    }

    /// A request as a browser makes it: with this visitor's cookies, and a form comes from a page of the same site.
    pub(crate) fn request(&self, method: &Method, url: &Url) -> reqwest::RequestBuilder {
        let origin = url.origin().ascii_serialization();
        let request = self.without_origin(method, url);
        if *method == Method::GET {
            return request;
        }
        request.header("origin", origin).header("sec-fetch-site", "same-origin")
    }

    /// A request that does not say which page it comes from.
    pub(crate) fn without_origin(&self, method: &Method, url: &Url) -> reqwest::RequestBuilder {
        let cookies = self.cookies_of(&url.origin().ascii_serialization());
        let request = self.client.request(method.clone(), url.clone());
        if cookies.is_empty() { request } else { request.header(COOKIE, cookies) }
    }

    /// Reads an answer and keeps its cookies.
    pub(crate) async fn take(&mut self, response: reqwest::Response) -> Result<Answer, reqwest::Error> {
        let (url, status, headers) = (response.url().clone(), response.status(), response.headers().clone());
        let origin = url.origin().ascii_serialization();
        for cookie in headers.get_all(SET_COOKIE) {
            let cookie = cookie.to_str().unwrap();
            let (pair, attributes) = cookie.split_once(';').unwrap_or((cookie, ""));
            let (name, value) = pair.split_once('=').unwrap();
            let key = (origin.clone(), name.trim().to_owned());
            if value.is_empty() || attributes.to_ascii_lowercase().contains("max-age=0") {
                self.cookies.remove(&key);
            } else {
                self.cookies.insert(key, value.to_owned());
            }
        }
        let location = headers.get(LOCATION).and_then(|value| value.to_str().ok()).map(str::to_owned);
        Ok(Answer { url, status, location, headers, text: response.text().await? })
    }

    /// The cookies of the portal, as a header says them.
    pub(crate) fn cookies(&self) -> String {
        self.cookies_of(&self.home.origin().ascii_serialization())
    }

    fn cookies_of(&self, origin: &str) -> String {
        let of_origin = self.cookies.iter().filter(|((of, _), _)| of == origin);
        of_origin.map(|((_, name), value)| format!("{name}={value}")).collect::<Vec<_>>().join("; ")
    }

    /// Sends a form that may hold a file. Where a redirect leads is left to the caller.
    pub(crate) async fn upload(
        &mut self,
        path: &str,
        fields: &[(&str, &str)],
        file: Option<&[u8]>,
    ) -> Result<Answer, reqwest::Error> {
        let mut body = multipart(fields);
        if let Some(file) = file {
            body.extend(file_head());
            body.extend(file);
            body.extend(b"\r\n");
        }
        body.extend(multipart_end());
        let request = self.request(&Method::POST, &self.url(path)).header("content-type", MULTIPART).body(body);
        self.take(request.send().await?).await
    }
}

/// The content type of a form with a file.
pub(crate) const MULTIPART: &str = "multipart/form-data; boundary=a-boundary-that-no-field-holds";

/// The fields of a form with a file, up to where the file begins.
pub(crate) fn multipart(fields: &[(&str, &str)]) -> Vec<u8> {
    let boundary = boundary();
    let field = |(name, value): &(&str, &str)| {
        format!("--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
    };
    fields.iter().map(field).collect::<String>().into_bytes()
}

/// What stands before the content of the file.
pub(crate) fn file_head() -> Vec<u8> {
    format!(
        "--{}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"numbers.csv\"\r\nContent-Type: text/csv\r\n\r\n",
        boundary()
    )
    .into_bytes()
}

/// What stands at the end of a form with a file.
pub(crate) fn multipart_end() -> Vec<u8> {
    format!("--{}--\r\n", boundary()).into_bytes()
}

fn boundary() -> &'static str {
    MULTIPART.split_once("boundary=").unwrap().1
}
