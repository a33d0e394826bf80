//! CSV exports: fetched chunk by chunk while they are sent, so that memory stays bounded however long they are.

use std::future::Future;

use axum::body::Body;
use axum::response::Response;
use futures_util::{StreamExt as _, stream};

use crate::domain::upload::neutralised;
use crate::http::{Problem, download};
use crate::service::{self, beside};

/// What a fetch gives: the next rows, and the key to go on behind (`None`: that was all).
pub(super) type Chunk<K> = (Vec<Vec<String>>, Option<K>);

/// A cell of free text: one that a spreadsheet would run as a formula gets a leading apostrophe.
pub(super) fn text(value: impl Into<String>) -> String {
    neutralised(value.into())
}

/// Sends an export under this file name. `fetch` is called with `None` for the first rows, then with the key it gave; its
/// cells are written as they are, so free text must have gone through [`text`].
///
/// # Errors
/// When the first rows cannot be fetched. A failure later cuts the connection, so that a half export is not taken for whole.
pub(super) async fn export<K, F, Fut>(file_name: &str, headings: &[&str], fetch: F) -> Result<Response, Problem>
where
    K: Send + 'static,
    F: FnMut(Option<K>) -> Fut + Send + 'static,
    Fut: Future<Output = service::Result<Chunk<K>>> + Send + 'static,
{
    let headings: Vec<String> = headings.iter().map(ToString::to_string).collect();
    let (first, next, fetch) = next_rows(fetch, None, Some(headings)).await?;
    let body = stream::unfold((Some(first), next, fetch), |(ready, next, fetch)| async {
        if let Some(ready) = ready {
            return Some((ready, (None, next, fetch)));
        }
        match next_rows(fetch?, Some(next?), None).await {
            Ok((rows, next, fetch)) => Some((rows, (None, next, fetch))),
            Err(error) => {
                tracing::error!(error = &error as &dyn std::error::Error, "an export was cut off");
                Some((Err(error.into()), (None, None, None)))
            }
        }
    });
    // Compression asks once more after the end.
    Ok(download(file_name, "text/csv; charset=utf-8", Body::from_stream(body.fuse())))
}

type Failure = Box<dyn std::error::Error + Send + Sync>;
/// Rows as they are sent, the key to go on behind, and what fetches the next.
type Written<K, F> = (Result<Vec<u8>, Failure>, Option<K>, Option<F>);

/// Fetches rows and writes them out. A thousand of them take some milliseconds, so it is not done by a thread that answers
/// requests.
async fn next_rows<K, F, Fut>(
    mut fetch: F,
    after: Option<K>,
    headings: Option<Vec<String>>,
) -> service::Result<Written<K, F>>
where
    K: Send + 'static,
    F: FnMut(Option<K>) -> Fut + Send + 'static,
    Fut: Future<Output = service::Result<Chunk<K>>> + Send + 'static,
{
    beside(async move {
        let (rows, next) = fetch(after).await?;
        Ok((written(headings.into_iter().chain(rows)), next, Some(fetch)))
    })
    .await?
}

/// Rows as RFC 4180 has them.
fn written(rows: impl IntoIterator<Item = Vec<String>>) -> Result<Vec<u8>, Failure> {
    let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
    for row in rows {
        writer.write_record(&row)?;
    }
    writer.into_inner().map_err(|error| error.into_error().into())
}

#[cfg(test)]
mod tests {
    use axum::body::to_bytes;
    use http_body_util::BodyExt as _;

    use super::*;

    #[tokio::test]
    async fn an_export_goes_on_until_there_is_no_key() {
        let response = export("numbers.csv", &["Name", "Note"], |after: Option<u32>| async move {
            let n = after.unwrap_or(0);
            Ok((vec![vec![n.to_string(), text("=1+1")]], (n < 2).then_some(n + 1)))
        })
        .await
        .unwrap();
        assert_eq!(response.headers()["content-disposition"], "attachment; filename=\"numbers.csv\"");
        let body = to_bytes(response.into_body(), 1_000).await.unwrap();
        assert_eq!(body, "Name,Note\r\n0,'=1+1\r\n1,'=1+1\r\n2,'=1+1\r\n");
    }

    #[tokio::test]
    async fn an_export_that_has_ended_can_be_asked_again() {
        let fetch = |_: Option<u32>| async { Ok((vec![vec!["a".to_owned()]], None)) };
        let mut body = export("numbers.csv", &["Name"], fetch).await.unwrap().into_body();
        while body.frame().await.is_some() {}
        assert!(body.frame().await.is_none());
    }

    #[tokio::test]
    async fn a_failure_in_the_middle_cuts_the_export_off() {
        let response = export("numbers.csv", &["Name"], |after: Option<u32>| async move {
            match after {
                None => Ok((vec![vec!["a".to_owned()]], Some(1))),
                Some(_) => Err(service::Error::NotFound("number")),
            }
        })
        .await
        .unwrap();
        assert!(to_bytes(response.into_body(), 1_000).await.is_err());
    }
}
