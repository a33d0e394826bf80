//! Reading the upload form as it arrives: what is too large is thrown away while it streams, everything else is kept.

use axum::extract::Multipart;
use axum::extract::multipart::Field;

use crate::domain::upload::MAX_FILES;
use crate::http::Problem;
use crate::service::staging::{SentFile, UploadForm};

/// The most bytes of a field that is no list of numbers. Every rule about such fields allows less.
pub(super) const SHORT: usize = 4_096;
/// The most repetitions of a field that are kept.
const REPEATED: usize = 100;
/// A field with more than this gets all the room it may need at once, rather than grow by being copied.
const GROWS: usize = 65_536;

/// What a browser sent.
#[derive(Default)]
pub(super) struct SentUpload {
    /// The typed fields.
    pub(super) form: UploadForm,
    /// The chosen files.
    pub(super) files: Vec<SentFile>,
    /// Name of the field whose text was more than is taken.
    pub(super) too_large: Option<&'static str>,
    /// The draft that this form was, and which it replaces.
    pub(super) draft: String,
}

/// More files than this are not kept; an upload reads fewer, and says so.
const FILES_MOST: usize = 2 * MAX_FILES;

/// Reads the form to its end; the list of numbers and the files hold `most` bytes together. `declared` is what the body
/// says it has in all.
///
/// # Errors
/// When the body is no form, or breaks off.
pub(super) async fn read(mut body: Multipart, most: usize, declared: Option<u64>) -> Result<SentUpload, Problem> {
    let mut sent = SentUpload::default();
    let mut left = most;
    let declared = declared.and_then(|bytes| usize::try_from(bytes).ok()).unwrap_or(most);
    while let Some(field) = body.next_field().await? {
        let name = field.name().unwrap_or_default().to_owned();
        match name.as_str() {
            "file" => {
                let name = field.file_name().unwrap_or_default().to_owned();
                let (bytes, whole) = piece_by_piece(field, left, declared).await?;
                if !whole {
                    sent.too_large = Some("file");
                } else if (!name.is_empty() || !bytes.is_empty()) && sent.files.len() < FILES_MOST {
                    left -= bytes.len();
                    sent.files.push(SentFile { name, bytes });
                }
            }
            "numbers" => {
                let (bytes, whole) = piece_by_piece(field, left, declared).await?;
                if whole {
                    left -= bytes.len();
                    sent.form.numbers = long_text(bytes).await?;
                } else {
                    sent.too_large = Some("numbers");
                }
            }
            name => {
                let (bytes, _) = piece_by_piece(field, SHORT, SHORT).await?;
                take(&mut sent, name, text(bytes).trim());
            }
        }
    }
    Ok(sent)
}

fn take(sent: &mut SentUpload, name: &str, value: &str) {
    let form = &mut sent.form;
    let place = match name {
        "account" => &mut form.account,
        "service" => &mut form.service,
        "usage" => &mut form.usage,
        "calling_profile" => &mut form.calling_profile,
        "civic_address" => &mut form.civic_address,
        "location" => &mut form.location,
        "country" => &mut form.country,
        "ticket" => &mut form.ticket,
        "custom_sip_header" => &mut form.custom_sip_header,
        "encoding" => &mut form.encoding,
        "sheet" => &mut form.sheet,
        "draft" => &mut sent.draft,
        "capability" | "additional_usage" | "further_service" => {
            let list = match name {
                "capability" => &mut form.capability,
                "additional_usage" => &mut form.additional_usage,
                _ => &mut form.further_service,
            };
            if !value.is_empty() && list.len() < REPEATED {
                list.push(value.to_owned());
            }
            return;
        }
        "allow_tenant_address_update" => {
            form.allow_tenant_address_update = matches!(value, "true" | "on" | "1" | "yes");
            return;
        }
        "ask_columns" => {
            form.ask_columns = matches!(value, "true" | "on" | "1" | "yes");
            return;
        }
        _ => return,
    };
    value.clone_into(place);
}

/// Reads a field to its end and keeps it when it is no larger than `most` bytes; tells whether it was kept whole. A field
/// that becomes long is taken to have `expected` bytes.
pub(super) async fn piece_by_piece(
    mut field: Field<'_>,
    most: usize,
    expected: usize,
) -> Result<(Vec<u8>, bool), Problem> {
    let (mut kept, mut whole) = (Vec::new(), true);
    while let Some(piece) = field.chunk().await? {
        if whole && kept.len() + piece.len() <= most {
            if kept.len() + piece.len() > GROWS && kept.capacity() < expected.min(most) {
                kept.reserve_exact(expected.min(most).saturating_sub(kept.len()));
            }
            kept.extend_from_slice(&piece);
        } else {
            whole = false;
            // A short field keeps its beginning, so that the form can say what is wrong with it.
            if most == SHORT {
                kept.extend(piece.iter().take(SHORT - kept.len()));
            } else {
                kept = Vec::new();
            }
        }
    }
    Ok((kept, whole))
}

/// The bytes of a short field as text; what is no UTF-8, and NUL, becomes a character that no rule takes.
pub(super) fn text(bytes: Vec<u8>) -> String {
    let text = String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned());
    if text.contains('\0') { text.replace('\0', "\u{fffd}") } else { text }
}

/// The same for a list of numbers. It may be long, so it is made text in place, and not by a thread that answers requests.
pub(super) async fn long_text(bytes: Vec<u8>) -> Result<String, Problem> {
    if bytes.len() <= GROWS {
        return Ok(text(bytes));
    }
    tokio::task::spawn_blocking(move || made_text(bytes)).await.map_err(|error| Problem::internal().because(&error))
}

/// Replaces every byte that is no text, and NUL, with a question mark.
fn made_text(mut bytes: Vec<u8>) -> String {
    let mut from = 0;
    while let Some(rest) = bytes.get_mut(from..) {
        let Err(error) = std::str::from_utf8(rest) else { break };
        let (start, length) = (error.valid_up_to(), error.error_len().unwrap_or(rest.len() - error.valid_up_to()));
        if let Some(odd) = rest.get_mut(start..start + length) {
            odd.fill(b'?');
        }
        from += start + length;
    }
    for byte in bytes.iter_mut().filter(|byte| **byte == 0) {
        *byte = b'?';
    }
    text(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_text_becomes_question_marks() {
        assert_eq!(made_text(b"+44\xff1\0 \xc3\xa9\xe2\x82".to_vec()), "+44?1? \u{e9}??");
        assert_eq!(made_text(vec![0xff; 100_000]), "?".repeat(100_000));
    }
}
