//! `GET /openapi.json`: the description of the API, made once.

use axum::body::Bytes;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use time::OffsetDateTime;

use super::conditional::{Current, Preconditions, Purpose, Weighed};
use super::noted::refused;
use crate::description::{Deployment, openapi};
use crate::domain::number::content_id;
use crate::http::{ApiRoutes, Problem, public};
use crate::service::Error;

/// The route of the description of the API as this deployment serves it. It is open to everyone: it says nothing that the
/// contract does not, and clients are generated from it before they have a token.
#[must_use]
pub fn description(of: &Deployment<'_>) -> ApiRoutes {
    let document = openapi(of);
    let etag = format!("\"{:016x}\"", content_id(&document));
    let text = Bytes::from(serde_json::to_vec(&document).unwrap_or_default());
    ApiRoutes::new().get("/openapi.json", public(), async move |headers: HeaderMap| answer(&headers, &etag, text))
}

fn answer(headers: &HeaderMap, etag: &str, text: Bytes) -> Result<Response, Problem> {
    let conditions = Preconditions::read(headers).map_err(refused)?;
    let current = Current::new(etag, OffsetDateTime::UNIX_EPOCH);
    let mut response = match conditions.evaluate(Purpose::Read, Some(&current)) {
        Weighed::Proceed => ([(header::CONTENT_TYPE, "application/json")], text).into_response(),
        Weighed::NotModified => StatusCode::NOT_MODIFIED.into_response(),
        Weighed::Failed(reason) => return Err(Error::Precondition(reason).into()),
    };
    let own = response.headers_mut();
    own.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    own.insert(header::ETAG, HeaderValue::from_str(etag).map_err(|error| Problem::internal().because(&error))?);
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::super::{paging, query, routes};
    use crate::authz::Role;
    use crate::description::{OPERATIONS, Right};
    use crate::http::Access;

    #[test]
    fn what_is_described_is_what_is_served() {
        let names = [
            ("{account}", "{accountName}"),
            ("{number}", "{telephoneNumber}"),
            ("{address}", "{civicAddressId}"),
            ("{tenant}", "{tenantId}"),
        ];
        let mut served: Vec<_> = routes()
            .entries()
            .map(|entry| {
                let path = names.iter().fold(entry.path.to_owned(), |path, (ours, theirs)| path.replace(ours, theirs));
                let Access::Needs { needs, .. } = entry.access else { panic!("{path} is open to everyone") };
                (path, entry.method.to_string(), needs.api[0])
            })
            .collect();
        let mut described: Vec<_> = OPERATIONS
            .iter()
            .map(|operation| {
                let role = match operation.right {
                    Right::Read => Role::ReadUser,
                    Right::Write => Role::WriteUser,
                    Right::Delete => Role::DeleteUser,
                };
                (operation.path.to_owned(), operation.method().to_owned(), role)
            })
            .collect();
        served.sort();
        described.sort();
        assert_eq!(served, described);
    }

    #[test]
    fn the_parameters_of_lists_are_those_that_are_read() {
        let list = OPERATIONS.iter().find(|operation| operation.id == "ListNumbers").unwrap();
        let found = list.parameters();
        let mut expected = vec![query::API_VERSION];
        expected.extend(paging::LIST_PARAMETERS);
        expected.push("x-ms-client-request-id");
        assert_eq!(found.iter().map(|parameter| parameter.name).collect::<Vec<_>>(), expected);
        let size = found.iter().find(|parameter| parameter.name == "maxpagesize").unwrap();
        assert_eq!((size.schema)()["maximum"], paging::PAGE_MOST);
        assert_eq!((size.schema)()["default"], paging::PAGE_DEFAULT);
        let version = found.iter().find(|parameter| parameter.name == query::API_VERSION).unwrap();
        assert_eq!((version.schema)()["enum"], serde_json::json!(crate::description::VERSIONS));
    }
}
