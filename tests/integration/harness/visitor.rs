//! A person with a browser, over HTTP: keeps cookies, follows redirects, signs in as the provider's page lets them.

use std::collections::BTreeMap;

use reqwest::header::{COOKIE, LOCATION, SET_COOKIE};
use reqwest::{Method, StatusCode};
use url::Url;

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) url: Url,
    pub(crate) status: StatusCode,
    pub(crate) location: Option<String>,
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
            .timeout(std::time::Duration::from_secs(60))
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

    /// The cookies of the portal, as a header says them.
    pub(crate) fn cookies(&self) -> String {
        let origin = self.home.origin().ascii_serialization();
        let of_portal = self.cookies.iter().filter(|((of, _), _)| *of == origin);
        of_portal.map(|((_, name), value)| format!("{name}={value}")).collect::<Vec<_>>().join("; ")
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
        let origin = url.origin().ascii_serialization();
        let mut request = self.client.request(method.clone(), url.clone());
        let cookies: Vec<String> = self
            .cookies
            .iter()
            .filter(|((of, _), _)| *of == origin)
            .map(|((_, name), value)| format!("{name}={value}"))
            .collect();
        if !cookies.is_empty() {
            request = request.header(COOKIE, cookies.join("; "));
        }
        if method != Method::GET {
            request = request.header("origin", &origin).header("sec-fetch-site", "same-origin");
        }
        if let Some(form) = form {
            request = request.form(form);
        }
        let response = request.send().await?;
        let status = response.status();
        let location = response.headers().get(LOCATION).and_then(|value| value.to_str().ok()).map(str::to_owned);
        for cookie in response.headers().get_all(SET_COOKIE) {
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
        Ok(Answer { url, status, location, text: response.text().await? })
    }

    /// Sends a form that may hold a file; where a redirect leads is left to the caller.
    pub(crate) async fn upload(&mut self, path: &str, fields: &[(&str, &str)], file: Option<&str>) -> Answer {
        let url = self.home.join(path).unwrap();
        let boundary = "a-boundary-that-no-field-holds";
        let mut body = String::new();
        for (name, value) in fields {
            body.push_str(&format!(
                "--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n"
            ));
        }
        if let Some(file) = file {
            body.push_str(&format!(
                "--{boundary}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"numbers.csv\"\r\nContent-Type: text/csv\r\n\r\n{file}\r\n"
            ));
        }
        body.push_str(&format!("--{boundary}--\r\n"));
        let origin = url.origin().ascii_serialization();
        let cookies: Vec<String> = self
            .cookies
            .iter()
            .filter(|((of, _), _)| *of == origin)
            .map(|((_, name), value)| format!("{name}={value}"))
            .collect();
        let response = self
            .client
            .post(url.clone())
            .header(COOKIE, cookies.join("; "))
            .header("origin", &origin)
            .header("sec-fetch-site", "same-origin")
            .header("content-type", format!("multipart/form-data; boundary={boundary}"))
            .body(body)
            .send()
            .await;
        let response = match response {
            Ok(response) => response,
            // The process was killed meanwhile.
            Err(error) => {
                return Answer { url, status: StatusCode::BAD_GATEWAY, location: None, text: error.to_string() };
            }
        };
        let (status, location) = (
            response.status(),
            response.headers().get(LOCATION).and_then(|value| value.to_str().ok()).map(str::to_owned),
        );
        Answer { url, status, location, text: response.text().await.unwrap_or_default() }
    }
}
