//! What a form that acts on many numbers sends: which numbers, as ticks, filters, text or a file, and what to do with them.

use std::sync::Arc;

use axum::body::to_bytes;
use axum::extract::{FromRequest as _, Request};
use axum::http::header;
use axum::response::Response;
use serde::Deserialize;
use url::form_urlencoded;

use super::headings::page_of;
use super::picked::Picked;
use crate::authz::{AccountsRead, Principal};
use crate::domain::field::filled;
use crate::domain::upload::{Choices, shown};
use crate::domain::{FieldProblem, FormOf};
use crate::http::{FormBody, MultipartBody, PortalState, Problem, see_other};
use crate::portal::form::Errors;
use crate::portal::number_filter::NumbersQuery;
use crate::portal::upload::{size, western_note};
use crate::portal::upload_body::{SHORT, long_text, piece_by_piece, text};
use crate::service::bulk::{self, Cleared, EditForm, Selection, SentForm};
use crate::service::staging::{FileText, Room, SentFile, text_of};
use crate::service::{self, accounts};

/// How the field of a further service is called, before its key: each has one of its own.
const OF_SERVICE: &str = "further_service_";
/// The most fields of a form that acts on many numbers.
const FIELDS: usize = 1_000;
/// The most bytes of what tells the numbers that were chosen in the list: a part of it would be other numbers.
const TICKED: usize = 65_536;
/// The most bytes of a form without a file.
const FORM: usize = 1_048_576;

/// What was sent.
#[derive(Default)]
pub(super) struct Sent {
    /// What is to be done.
    pub(super) form: EditForm,
    /// The draft that this form was, and which it replaces.
    pub(super) draft: String,
    /// The account whose addresses are to be offered.
    pub(super) addresses_of: String,
    /// Not empty: the form is to come back with the addresses of that account, and nothing else is done.
    look: String,
    query: NumbersQuery,
    /// Whether the filters were sent one by one, beside everything else.
    is_direct: bool,
    /// How the letters of a file are encoded, where it does not show it.
    encoding: String,
    /// The sheet of a workbook that is meant.
    sheet: String,
    file: Option<ReadFile>,
    /// Whether there was more than one file.
    has_more_files: bool,
    too_large: Option<&'static str>,
    most: usize,
    /// Room for what is held, until this is dropped.
    #[expect(dead_code, reason = "it is held, and not looked at")]
    room: Option<Room>,
}

/// A file that was sent.
struct ReadFile {
    name: String,
    /// Whether it has so little in it that its text comes back with the form.
    is_small: bool,
    text: FileText,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Beside {
    /// The filters of the list that the numbers were found in, as in its address.
    filters: String,
    /// The numbers that were ticked there, parted by commas.
    ticked: String,
    draft: String,
    encoding: String,
    sheet: String,
    addresses_of: String,
    look: String,
}

/// Some of what was chosen would be left out without a word.
fn too_many_fields() -> Problem {
    Problem::bad_request("Too many numbers are ticked. Use the filters of the list, or a file.")
}

impl Sent {
    /// Reads a form, with or without a file.
    ///
    /// # Errors
    /// When the body is no form, or breaks off.
    pub(super) async fn read(state: &PortalState, request: Request) -> Result<Self, Problem> {
        let kind = request.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        if !kind.trim_start().to_ascii_lowercase().starts_with("multipart/") {
            // A form without a file is small, whatever it says of its length.
            let (parts, body) = request.into_parts();
            let bytes = to_bytes(body, FORM).await.map_err(|_| Problem::too_large(FORM as u64))?;
            let request = Request::from_parts(parts, bytes.into());
            let FormBody(pairs) = FormBody::<Vec<(String, String)>>::from_request(request, &()).await?;
            return if pairs.len() > FIELDS { Err(too_many_fields()) } else { Ok(Self::of(&pairs)) };
        }
        let MultipartBody { fields, declared } = MultipartBody::from_request(request, &()).await?;
        let most = usize::try_from(state.config().uploads.max_bytes).unwrap_or(usize::MAX);
        // Before anything of it is read: what waits here waits in the browser, and not in this process's memory.
        let Some(room) = state.ctx().uploads.room(declared.unwrap_or(u64::MAX).min(most as u64)).await else {
            const BUSY: &str = "Other uploads are being sent, and there was no room for this one. Nothing was stored; \
                                send it again in a minute.";
            return Err(service::Error::Busy(BUSY).into());
        };
        Ok(Self { room: Some(room), ..Self::of_fields(fields, most, declared).await? })
    }

    async fn of_fields(
        mut body: axum::extract::Multipart,
        most: usize,
        declared: Option<u64>,
    ) -> Result<Self, Problem> {
        let declared = declared.and_then(|bytes| usize::try_from(bytes).ok()).unwrap_or(most);
        let (mut pairs, mut numbers, mut too_large, mut left) = (Vec::new(), String::new(), None, most);
        let (mut file, mut has_more_files): (Option<SentFile>, _) = (None, false);
        while let Some(field) = body.next_field().await? {
            let name = field.name().unwrap_or_default().to_owned();
            match name.as_str() {
                "file" | "numbers" => {
                    let called = field.file_name().unwrap_or_default().to_owned();
                    let (bytes, whole) = piece_by_piece(field, left, declared).await?;
                    left -= bytes.len();
                    match (name == "file", whole) {
                        (is_file, false) => too_large = Some(if is_file { "file" } else { "numbers" }),
                        (true, true) if called.is_empty() && bytes.is_empty() => {}
                        (true, true) => {
                            has_more_files |= file.is_some();
                            file = Some(SentFile { name: called, bytes });
                        }
                        (false, true) => numbers = long_text(bytes).await?,
                    }
                }
                _ => {
                    let is_selection = matches!(name.as_str(), "ticked" | "filters");
                    let most = if is_selection { TICKED } else { SHORT };
                    let (bytes, whole) = piece_by_piece(field, most, SHORT).await?;
                    if is_selection && !whole {
                        return Err(too_many_fields());
                    }
                    if pairs.len() == FIELDS {
                        return Err(too_many_fields());
                    }
                    pairs.push((name, text(bytes).trim().to_owned()));
                }
            }
        }
        let mut sent = Self::of(&pairs);
        sent.form.numbers = numbers;
        let file = match file.filter(|file| !file.bytes.is_empty()) {
            None => None,
            Some(file) => {
                let (name, is_small) = (shown(&file.name), file.bytes.len() <= super::picked::KEPT_FILE);
                let text = text_of(file, &sent.encoding, &sent.sheet).await?;
                Some(ReadFile { name, is_small, text })
            }
        };
        Ok(Self { file, has_more_files, too_large, most, ..sent })
    }

    fn of(pairs: &[(String, String)]) -> Self {
        let mut encoded = form_urlencoded::Serializer::new(String::new());
        encoded.extend_pairs(pairs);
        encoded.extend_pairs(pairs.iter().filter_map(|(name, sign)| {
            let service = name.strip_prefix(OF_SERVICE).filter(|_| !sign.is_empty())?;
            Some(("further_service", format!("{sign}{service}")))
        }));
        let encoded = encoded.finish();
        let beside: Beside = serde_html_form::from_str(&encoded).unwrap_or_default();
        let mut direct: NumbersQuery = serde_html_form::from_str(&encoded).unwrap_or_default();
        let ticked = beside.ticked.split(',').filter(|number| !number.is_empty());
        direct.number.extend(ticked.map(str::to_owned));
        let is_direct = beside.filters.is_empty();
        let query = if is_direct {
            direct
        } else {
            let filters: NumbersQuery = serde_html_form::from_str(&beside.filters).unwrap_or_default();
            NumbersQuery { number: direct.number, all_matching: direct.all_matching, ..filters }
        };
        let form = serde_html_form::from_str(&encoded).unwrap_or_default();
        let Beside { draft, encoding, sheet, addresses_of, look, .. } = beside;
        Self { form, draft, addresses_of, look, query, is_direct, encoding, sheet, ..Self::default() }
    }

    /// Whether the form is to come back with the addresses of an account.
    pub(super) fn looks_for_addresses(&self) -> bool {
        !self.look.is_empty()
    }

    /// What is wrong with the account whose addresses are to be offered.
    pub(super) async fn unknown_account(&self, state: &PortalState, person: &Principal) -> Result<Errors, Problem> {
        let field = if self.form.to == self.addresses_of && !self.form.to.is_empty() { "to" } else { "addresses_of" };
        let message = match filled(&self.addresses_of) {
            None => "Enter the account whose addresses you want to choose from.".to_owned(),
            Some(name) => match accounts::get(state.ctx(), &person.grant::<AccountsRead>()?, name).await {
                Ok(_) => return Ok(Errors::default()),
                Err(service::Error::NotFound(_)) => format!("There is no account named {name}."),
                Err(error) => return Err(error.into()),
            },
        };
        Ok(vec![FieldProblem::new(field, message)].into())
    }

    /// Leaves out filters that were sent under the names of settings which the form changes.
    pub(super) fn without_settings(mut self) -> Self {
        if self.is_direct {
            self.query =
                NumbersQuery { service: String::new(), usage: String::new(), country: String::new(), ..self.query };
        }
        self
    }

    /// Which numbers are meant.
    ///
    /// # Errors
    /// What is wrong with how they are given (inner error); a ticked number that is none (outer error).
    pub(super) fn selection(&self) -> Result<Result<Selection, FieldProblem>, Problem> {
        if let Some(field) = self.too_large {
            let message = format!(
                "This is larger than {}, the most that is taken at once. Nothing was stored; split it.",
                size(self.most as u64)
            );
            return Ok(Err(FieldProblem::new(field, message)));
        }
        Ok(match (&self.file, filled(&self.form.numbers)) {
            _ if self.has_more_files => {
                Err(FieldProblem::new("file", "Several files were chosen. Choose one, or put their numbers together."))
            }
            (Some(_), Some(_)) => {
                Err(FieldProblem::new("file", "Give the numbers either as a file or in the text field, not both."))
            }
            (_, Some(_)) => Ok(written(&self.form.numbers, false)),
            (Some(file), None) => match &file.text.text {
                Ok(text) => Ok(written(text, true)),
                Err(reason) => Err(FieldProblem::new("file", reason.clone())),
            },
            (None, None) => return of_list(&self.query).map(Ok),
        })
    }

    /// Which numbers are meant, as [`Sent::selection`] has them; where it is not clear what the columns of their text are, the
    /// page that asks for it.
    ///
    /// # Errors
    /// When a ticked number is none, or the text cannot be kept.
    pub(super) async fn chosen(
        &self,
        state: &PortalState,
        person: &Principal,
        form_of: FormOf,
    ) -> Result<Result<Result<Selection, FieldProblem>, Response>, Problem> {
        let selection = match self.selection()? {
            Ok(selection) if !self.looks_for_addresses() => selection,
            other => return Ok(Ok(other)),
        };
        let file = self.file.as_ref().map_or("", |file| file.name.as_str());
        let sent = SentForm { form_of, form: &self.form, draft: &self.draft, file };
        Ok(match bulk::clear(state.ctx(), person, selection, sent).await? {
            Cleared::Numbers(selection) => Ok(Ok(selection)),
            Cleared::Waits(id) => Err(see_other(&page_of(form_of, &id))),
        })
    }

    /// The address of the list that the numbers were chosen in.
    pub(super) fn list(&self) -> String {
        self.query.filters().href()
    }

    /// The numbers as the form shows them again.
    pub(super) fn picked(&self) -> Picked {
        let picked = match &self.file {
            Some(ReadFile { name, is_small: true, text }) if self.form.numbers.is_empty() => {
                match (&text.text, &text.western) {
                    (Ok(text), _) => {
                        Picked::written(text.clone()).saying(format!("The text of {name} stands in the field below."))
                    }
                    (Err(_), Some(text)) => Picked::written(text.clone()).saying(western_note(name)),
                    (Err(_), None) => Picked::written(String::new()).saying(choose_again(name)),
                }
            }
            Some(ReadFile { name, .. }) => Picked::written(self.form.numbers.clone()).saying(choose_again(name)),
            None if self.form.numbers.is_empty() => Picked::of(&self.query),
            None => Picked::written(self.form.numbers.clone()),
        };
        picked.reading(&self.encoding, &self.sheet)
    }
}

fn written(text: &str, is_file: bool) -> Selection {
    Selection::Written { text: Arc::from(text), is_file, choices: Choices::default() }
}

fn choose_again(name: &str) -> String {
    format!("Choose {name} again: a browser does not send a file twice by itself.")
}

/// The numbers that the list says: ticked ones, or all that its filters match.
///
/// # Errors
/// When a filter cannot be understood, or a ticked number is none.
pub(super) fn of_list(query: &NumbersQuery) -> Result<Selection, Problem> {
    let filter = query.filter().map_err(service::Error::Invalid)?;
    Ok(if query.means_all() {
        Selection::Matching(Box::new(filter))
    } else {
        Selection::Numbers(filter.account, query.ticked()?)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_further_service_is_read_from_its_own_field() {
        let pairs = [
            ("further_service_zoomPhoneCloudPeering", "+"),
            ("further_service_azureOperatorCallProtection", "-"),
            ("further_service_directRouting", ""),
        ];
        let pairs = pairs.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let read = Sent::of(&pairs).form.further_service;
        assert_eq!(read, ["+zoomPhoneCloudPeering", "-azureOperatorCallProtection"]);
    }
}
