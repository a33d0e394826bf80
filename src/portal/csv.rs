//! Exports: fetched chunk by chunk while they are sent, as CSV or as a workbook, so that memory stays bounded however long
//! they are.

use std::future::Future;

use axum::body::Body;
use axum::response::Response;
use futures_util::{StreamExt as _, stream};

use super::xlsx::Workbook;
use crate::domain::upload::neutralised;
use crate::http::{Problem, download};
use crate::service::{self, beside};

/// What a fetch gives: the next rows, and the key to go on behind (`None`: that was all).
pub(super) type Chunk<K> = (Vec<Vec<String>>, Option<K>);

pub(super) type Failure = Box<dyn std::error::Error + Send + Sync>;

/// What kind of file an export is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FileKind {
    /// Comma-separated values.
    Csv,
    /// A workbook.
    Xlsx,
}

impl FileKind {
    const fn ending(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Xlsx => "xlsx",
        }
    }

    const fn content_type(self) -> &'static str {
        match self {
            Self::Csv => "text/csv; charset=utf-8",
            Self::Xlsx => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        }
    }
}

/// A cell of free text: one that a spreadsheet would run as a formula gets a leading apostrophe.
pub(super) fn text(value: impl Into<String>) -> String {
    neutralised(value.into())
}

/// Sends a CSV export under this file name, as [`send`] does.
///
/// # Errors
/// When [`send`] fails.
pub(super) async fn export<K, F, Fut>(file_name: &str, headings: &[&str], fetch: F) -> Result<Response, Problem>
where
    K: Send + 'static,
    F: FnMut(Option<K>) -> Fut + Send + 'static,
    Fut: Future<Output = service::Result<Chunk<K>>> + Send + 'static,
{
    let name = file_name.strip_suffix(".csv").unwrap_or(file_name);
    send(FileKind::Csv, name, headings, fetch).await
}

/// Sends an export under this file name, which has no ending yet. `fetch` is called with `None` for the first rows, then with
/// the key it gave; its cells are written as they are, so free text must have gone through [`text`].
///
/// # Errors
/// When the first rows cannot be fetched. A failure later cuts the connection, so that a half export is not taken for whole.
pub(super) async fn send<K, F, Fut>(
    kind: FileKind,
    name: &str,
    headings: &[&str],
    fetch: F,
) -> Result<Response, Problem>
where
    K: Send + 'static,
    F: FnMut(Option<K>) -> Fut + Send + 'static,
    Fut: Future<Output = service::Result<Chunk<K>>> + Send + 'static,
{
    let headings: Vec<String> = headings.iter().map(ToString::to_string).collect();
    let begun = Going { fetch, after: None, file: File::new(kind, headings) };
    let (first, going) = next_rows(begun).await?;
    let body = stream::unfold((Some(first), going), |(ready, going)| async {
        if let Some(ready) = ready {
            return Some((ready, (None, going)));
        }
        match next_rows(going?).await {
            Ok((rows, going)) => Some((rows, (None, going))),
            Err(error) => {
                tracing::error!(error = &error as &dyn std::error::Error, "an export was cut off");
                Some((Err(error.into()), (None, None)))
            }
        }
    });
    // Compression asks once more after the end.
    let name = format!("{name}.{}", kind.ending());
    Ok(download(&name, kind.content_type(), Body::from_stream(body.fuse())))
}

/// An export that goes on.
struct Going<K, F> {
    fetch: F,
    after: Option<K>,
    file: File,
}

/// Fetches rows and writes them out. A thousand of them take some milliseconds, so it is not done by a thread that answers
/// requests.
async fn next_rows<K, F, Fut>(
    mut going: Going<K, F>,
) -> service::Result<(Result<Vec<u8>, Failure>, Option<Going<K, F>>)>
where
    K: Send + 'static,
    F: FnMut(Option<K>) -> Fut + Send + 'static,
    Fut: Future<Output = service::Result<Chunk<K>>> + Send + 'static,
{
    beside(async move {
        let (rows, next) = (going.fetch)(going.after.take()).await?;
        let written = going.file.write(rows, next.is_none());
        let goes_on = next.is_some();
        going.after = next;
        Ok((written, Some(going).filter(|_| goes_on)))
    })
    .await?
}

/// A file that is being written.
enum File {
    /// With its headings until they are written.
    Csv(Option<Vec<String>>),
    Xlsx(Box<Workbook>),
}

impl File {
    fn new(kind: FileKind, headings: Vec<String>) -> Self {
        match kind {
            FileKind::Csv => Self::Csv(Some(headings)),
            FileKind::Xlsx => Self::Xlsx(Box::new(Workbook::new(headings))),
        }
    }

    /// Writes the next rows, and the end of the file behind the last.
    fn write(&mut self, rows: Vec<Vec<String>>, is_last: bool) -> Result<Vec<u8>, Failure> {
        match self {
            Self::Csv(headings) => lines(headings.take().into_iter().chain(rows)),
            Self::Xlsx(workbook) => workbook.write(&rows, is_last),
        }
    }
}

/// Rows as RFC 4180 has them.
fn lines(rows: impl IntoIterator<Item = Vec<String>>) -> Result<Vec<u8>, Failure> {
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
