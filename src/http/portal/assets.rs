//! Files of `static/`, embedded in the program and served under names that hold their hash, so
//! that a browser may keep them for ever.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::LazyLock;

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use rust_embed::RustEmbed;

use crate::http::listener::error::Problem;

#[derive(RustEmbed)]
#[folder = "static/"]
struct Files;

struct Asset {
    url: String,
    etag: HeaderValue,
    content_type: HeaderValue,
    bytes: std::borrow::Cow<'static, [u8]>,
}

/// All assets.
#[derive(Default)]
struct Assets {
    by_file: BTreeMap<String, Asset>,
    /// The names of their files by the hashed names in their addresses.
    files: BTreeMap<String, String>,
}

static ASSETS: LazyLock<Assets> = LazyLock::new(|| {
    let mut assets = Assets::default();
    for name in Files::iter() {
        let Some(file) = Files::get(&name) else { continue };
        let mut hash = String::new();
        for byte in file.metadata.sha256_hash().iter().take(6) {
            let _ = write!(hash, "{byte:02x}");
        }
        let (stem, extension) = name.rsplit_once('.').unwrap_or((&name, "bin"));
        let public = format!("{stem}.{hash}.{extension}");
        let asset = Asset {
            url: format!("/static/{public}"),
            // Weak, because the same file may travel compressed.
            etag: HeaderValue::from_str(&format!("W/\"{hash}\"")).unwrap_or(HeaderValue::from_static("W/\"0\"")),
            content_type: content_type(extension),
            bytes: file.data,
        };
        assets.files.insert(public, name.to_string());
        assets.by_file.insert(name.to_string(), asset);
    }
    assets
});

fn content_type(extension: &str) -> HeaderValue {
    HeaderValue::from_static(match extension {
        "css" => "text/css; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        "txt" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    })
}

/// Returns the address of a file of `static/`, for templates. A file that does not exist gives an address that answers
/// 404, which the page tests notice.
#[must_use]
pub fn asset_url(name: &str) -> &str {
    ASSETS.by_file.get(name).map_or(name, |asset| &asset.url)
}

/// Answers `/static/{*file}`. Only hashed names are served.
pub(super) async fn serve_asset(
    axum::extract::Path(file): axum::extract::Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let asset = ASSETS.files.get(&file).and_then(|name| ASSETS.by_file.get(name)).ok_or_else(Problem::not_found)?;
    let unchanged = headers
        .get_all(header::IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .any(|value| value.split(',').any(|tag| tag.trim().as_bytes() == asset.etag.as_bytes()));
    let headers = [
        (header::CONTENT_TYPE, asset.content_type.clone()),
        (header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=31536000, immutable")),
        (header::ETAG, asset.etag.clone()),
    ];
    if unchanged {
        return Ok((StatusCode::NOT_MODIFIED, headers).into_response());
    }
    let body = match &asset.bytes {
        std::borrow::Cow::Borrowed(bytes) => Body::from(*bytes),
        std::borrow::Cow::Owned(bytes) => Body::from(bytes.clone()),
    };
    Ok((headers, body).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_holds_the_hash() {
        let url = asset_url("htmx.min.js");
        let hash = url.strip_prefix("/static/htmx.min.").and_then(|rest| rest.strip_suffix(".js"));
        assert!(hash.is_some_and(|hash| hash.len() == 12), "{url}");
        assert_eq!(asset_url("absent.css"), "absent.css");
    }

    #[tokio::test]
    async fn a_known_file_is_kept_for_ever_and_an_unhashed_name_is_not_served() {
        let name = asset_url("htmx.min.js").trim_start_matches("/static/").to_owned();
        let answer = serve_asset(axum::extract::Path(name.clone()), HeaderMap::new()).await.unwrap();
        assert_eq!(answer.headers()[header::CACHE_CONTROL], "public, max-age=31536000, immutable");
        let mut again = HeaderMap::new();
        again.insert(header::IF_NONE_MATCH, answer.headers()[header::ETAG].clone());
        assert_eq!(serve_asset(axum::extract::Path(name), again).await.unwrap().status(), StatusCode::NOT_MODIFIED);
        assert!(serve_asset(axum::extract::Path("htmx.min.js".to_owned()), HeaderMap::new()).await.is_err());
    }
}
