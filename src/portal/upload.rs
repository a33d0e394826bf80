//! Uploading numbers: choose the account, fill the form in, go on to the review.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use serde::Deserialize;

use super::csv;
use super::form::{Errors, checked};
use super::upload_body::{self, SentUpload};
use super::upload_form::{ACCEPTS, FormView, offer};
use super::upload_headings::on_to;
use crate::authz::{Grant, NumbersRead, NumbersWrite, Principal};
use crate::domain::upload::{Column, HEADINGS, MAX_FILES, Setting, shown};
use crate::domain::{FieldProblem, FormOf, OrderStatus, Service};
use crate::http::{
    Granted, MultipartBody, PortalState, Problem, QueryString, Routes, Shell, invalid, needs, page, page_with,
    see_other,
};
use crate::service::orders::OrderRight;
use crate::service::staging::{self, FileText, SentFile, Upload, UploadForm};
use crate::service::{accounts, numbers, orders};

pub(super) fn routes() -> Routes {
    Routes::new()
        .get("/numbers/upload", needs::<NumbersWrite>(), show)
        .post_upload("/numbers/upload", needs::<NumbersWrite>(), take)
        .get("/numbers/upload/columns", needs::<NumbersRead>(), columns)
        .get("/numbers/upload/template.csv", needs::<NumbersRead>(), template)
}

/// Text of a file up to this many bytes comes back in the text field of a form that has problems.
const KEPT_FILE: usize = 256 * 1024;
/// A typed text up to this many bytes comes back with a form that has problems; it holds more numbers than an upload takes
/// by default.
const KEPT_TEXT: usize = 2 * 1024 * 1024;
/// Seconds after which an upload that found no room is worth another try.
const TRY_AGAIN: HeaderValue = HeaderValue::from_static("60");

#[derive(Template)]
#[template(path = "upload.html")]
struct UploadPage {
    shell: Shell,
    view: FormView,
}

#[derive(Template)]
#[template(path = "upload_account.html")]
struct ChooseAccountPage {
    shell: Shell,
    errors: Errors,
    accounts: Vec<String>,
    account: String,
    limits: String,
    accepts: &'static str,
    none: bool,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct UploadQuery {
    account: String,
    draft: String,
    /// A reservation whose numbers fill the form in.
    reservation: String,
}

/// `GET /numbers/upload`
async fn show(
    State(state): State<PortalState>,
    Granted(grant): Granted<NumbersWrite>,
    QueryString(wanted): QueryString<UploadQuery>,
    shell: Shell,
) -> Result<Response, Problem> {
    let person = grant.principal();
    if !wanted.draft.is_empty() {
        return taken_up(&state, person, &wanted.draft, shell).await;
    }
    let mut form = UploadForm { account: wanted.account.trim().to_owned(), ..UploadForm::default() };
    let offer = offer(state.ctx(), person, &mut form, true).await?;
    if offer.account.is_some() {
        let (reserved, note) = super::blocks::reserved(state.ctx(), &grant, &wanted.reservation).await?;
        form.numbers = reserved;
        let mut template = upload_page(&state, shell, form, offer, Errors::default(), SentUpload::default());
        template.view.note = note;
        return Ok(page(&template));
    }
    let mut errors = Errors::default();
    if !form.account.is_empty() {
        errors = vec![FieldProblem::new("account", format!("There is no account named {}.", form.account))].into();
    }
    let template = ChooseAccountPage {
        shell: shell.at("numbers"),
        limits: limits(&state),
        accepts: ACCEPTS,
        none: offer.accounts.is_empty() && !accounts::any(state.ctx(), &person.grant()?).await?,
        accounts: offer.accounts,
        account: form.account,
        errors,
    };
    Ok(if template.errors.is_empty() { page(&template) } else { invalid(&template) })
}

/// A draft's form, to be changed and reviewed again.
async fn taken_up(state: &PortalState, person: &Principal, draft: &str, shell: Shell) -> Result<Response, Problem> {
    let id: i64 = draft.parse().map_err(|_| Problem::no_such("order", draft))?;
    let order = orders::get(state.ctx(), &person.grant()?, id).await?;
    if order.status != OrderStatus::Draft || order.form_of != FormOf::Upload {
        return Ok(see_other(&format!("/orders/{id}")));
    }
    let mut form = staging::form_of(state.ctx(), &person.grant::<NumbersRead>()?, id).await?;
    let offer = offer(state.ctx(), person, &mut form, false).await?;
    let name = form.files.first().map(|file| shown(&file.name)).unwrap_or_default();
    let note = if form.numbers.is_empty() {
        "The numbers of this draft came from a file, which is not kept. Choose the file again.".to_owned()
    } else if name.is_empty() {
        String::new()
    } else {
        format!("The text of {name} stands in the field below.")
    };
    let sent = SentUpload { draft: id.to_string(), ..SentUpload::default() };
    let mut template = upload_page(state, shell, form, offer, Errors::default(), sent);
    template.view.note = note;
    Ok(page(&template))
}

fn upload_page(
    state: &PortalState,
    shell: Shell,
    form: UploadForm,
    offer: super::upload_form::Offer,
    errors: Errors,
    sent: SentUpload,
) -> UploadPage {
    UploadPage {
        shell: shell.at("numbers"),
        view: FormView { errors, form, offer, draft: sent.draft, note: String::new(), limits: limits(state) },
    }
}

pub(super) fn limits(state: &PortalState) -> String {
    let uploads = &state.config().uploads;
    format!(
        "up to {} and {}",
        super::show::counted(uploads.max_numbers.into(), "number", "numbers"),
        size(u64::from(uploads.max_bytes))
    )
}

pub(super) fn size(bytes: u64) -> String {
    if bytes >= 1_048_576 { format!("{} MB", bytes / 1_048_576) } else { format!("{} kB", bytes / 1_024) }
}

/// `POST /numbers/upload`
async fn take(
    State(state): State<PortalState>,
    Granted(grant): Granted<NumbersWrite>,
    shell: Shell,
    body: MultipartBody,
) -> Result<Response, Problem> {
    let most = usize::try_from(state.config().uploads.max_bytes).unwrap_or(usize::MAX);
    // Before anything of it is read: what waits here waits in the browser, and not in this process's memory.
    let room = state.ctx().uploads.room(body.declared.unwrap_or(u64::MAX).min(most as u64)).await;
    let kept = if room.is_some() { most } else { 0 };
    let mut sent = upload_body::read(body.fields, kept, body.declared).await?;
    let form = std::mem::take(&mut sent.form);
    if let Some(field) = sent.too_large {
        if room.is_none() {
            let message = "Other uploads are being sent, and there was no room for this one. Nothing was stored; \
                           send it again in a few minutes.";
            let errors = vec![FieldProblem::new(field, message)].into();
            let status = StatusCode::SERVICE_UNAVAILABLE;
            let mut answer = again(&state, &grant, shell, form, sent, errors, status).await?;
            answer.headers_mut().insert(header::RETRY_AFTER, TRY_AGAIN);
            return Ok(answer);
        }
        let what = if field == "file" { "The file is" } else { "The text is" };
        let message = format!(
            "{what} larger than {}, the most that is taken at once. Nothing was stored; split it and send the parts one after the other.",
            size(most as u64)
        );
        let errors = vec![FieldProblem::new(field, message)].into();
        return again(&state, &grant, shell, form, sent, errors, StatusCode::PAYLOAD_TOO_LARGE).await;
    }
    let upload = Arc::new(Upload { form, files: std::mem::take(&mut sent.files) });
    let staged = checked(staging::stage_sent(state.ctx(), &grant, &upload).await)?;
    let Upload { form, files } = Arc::unwrap_or_clone(upload);
    match staged {
        Ok(staged) => {
            drop((form, files, room));
            replace_draft(&state, &grant, &sent.draft).await;
            Ok(on_to(&staged))
        }
        Err(errors) => {
            sent.files = files;
            again(&state, &grant, shell, form, sent, errors, StatusCode::UNPROCESSABLE_ENTITY).await
        }
    }
}

/// Gives up the draft whose form was changed and staged anew. A draft that is none any more stays as it is.
async fn replace_draft(state: &PortalState, grant: &Grant<NumbersWrite>, draft: &str) {
    if let Ok(id) = draft.parse::<i64>()
        && let Err(error) = orders::discard(state.ctx(), &OrderRight::Upload(grant.clone()), id).await
    {
        tracing::debug!(order.id = id, %error, "the draft that was taken up again stays");
    }
}

/// The form with everything that was typed and what is wrong with it.
async fn again(
    state: &PortalState,
    grant: &Grant<NumbersWrite>,
    shell: Shell,
    mut form: UploadForm,
    mut sent: SentUpload,
    errors: Errors,
    status: StatusCode,
) -> Result<Response, Problem> {
    let mut note = match std::mem::take(&mut sent.files).as_slice() {
        [] => String::new(),
        [file] => {
            let (text, note) = taken_over(file, &form).await?;
            if let Some(text) = text {
                form.numbers = text;
            }
            note
        }
        files => {
            let names: Vec<String> = files.iter().take(MAX_FILES).map(|file| shown(&file.name)).collect();
            format!("Choose {} again: a browser does not send files twice by itself.", names.join(", "))
        }
    };
    if form.numbers.len() > KEPT_TEXT {
        form.numbers = String::new();
        let words =
            "The text of the numbers was too long to come back with this page. Paste it again, or choose it as a file.";
        words.clone_into(&mut note);
    }
    let offer = offer(state.ctx(), grant.principal(), &mut form, false).await?;
    let mut template = upload_page(state, shell, form, offer, errors, sent);
    template.view.note = note;
    Ok(page_with(status, &template))
}

/// The text of a small file, for the text field, and what to say of it; of a file that is not UTF-8 what Windows-1252 makes
/// of it.
async fn taken_over(file: &SentFile, form: &UploadForm) -> Result<(Option<String>, String), Problem> {
    let name = shown(&file.name);
    let again = format!("Choose {name} again: a browser does not send a file twice by itself.");
    if file.bytes.len() > KEPT_FILE || !form.numbers.is_empty() {
        return Ok((None, again));
    }
    let FileText { text, western, .. } = staging::text_of(file.clone(), &form.encoding, &form.sheet).await?;
    Ok(match (text, western) {
        (Ok(text), _) => (Some(text), format!("The text of {name} stands in the field below.")),
        (Err(_), Some(text)) => (Some(text), western_note(&name)),
        (Err(_), None) => (None, again),
    })
}

/// What is to be said of a text that Windows-1252 makes of a file.
pub(super) fn western_note(name: &str) -> String {
    format!(
        "The text of {name} stands in the field below as it is in Windows-1252. Look at letters with accents, then go on with \
         Review; or choose the file again."
    )
}

#[derive(Template)]
#[template(path = "upload_columns.html")]
struct ColumnsPage {
    shell: Shell,
    columns: Vec<(String, &'static str, &'static str)>,
    usages: Vec<String>,
}

/// The columns of the services that there are here.
fn offered_columns(state: &PortalState) -> Vec<Column> {
    let offered = state.ctx().policy.services;
    HEADINGS.into_iter().filter(|column| column.service().is_none_or(|service| offered.contains(service))).collect()
}

/// `GET /numbers/upload/columns`: what each column of a file means.
async fn columns(
    State(state): State<PortalState>,
    Granted(grant): Granted<NumbersRead>,
    shell: Shell,
) -> Result<Response, Problem> {
    let usages = numbers::filter_choices(state.ctx(), &grant).await?.usages;
    let columns = offered_columns(&state);
    let columns = columns.into_iter().map(|column| (column.heading(), allowed(column), meaning(column))).collect();
    Ok(page(&ColumnsPage { shell: shell.at("numbers"), columns, usages }))
}

/// `GET /numbers/upload/template.csv`: every heading and one line to go by.
async fn template(State(state): State<PortalState>) -> Result<Response, Problem> {
    let columns = offered_columns(&state);
    let headings: Vec<String> = columns.iter().copied().map(Column::heading).collect();
    let headings: Vec<&str> = headings.iter().map(String::as_str).collect();
    let example: Vec<String> = columns.into_iter().map(|column| example(column).to_owned()).collect();
    csv::export("numbers-template.csv", &headings, move |_: Option<i64>| {
        let row = example.clone();
        async move { Ok((vec![row], None)) }
    })
    .await
}

fn example(column: Column) -> &'static str {
    match column {
        Column::TelephoneNumber => "+441632960000",
        Column::AccountName => "contoso",
        Column::Enabled(Service::OperatorConnect) | Column::AllowTenantAddressUpdate(Service::OperatorConnect) => {
            "true"
        }
        Column::Usage(Service::OperatorConnect) => "CallingUserAssignment",
        Column::ChoosableCapabilities(Service::OperatorConnect) => "InboundCalling;OutboundCalling",
        _ => "",
    }
}

fn allowed(column: Column) -> &'static str {
    match column {
        Column::TelephoneNumber => "+, country code and number, or a range",
        Column::LastNumber => "+, country code and number",
        Column::Count => "A whole number",
        Column::Services => "Names with ; between them",
        Column::AccountName => "Name of an account",
        Column::Enabled(_) => "true or false",
        Column::AssignmentStatus(_) => "Ignored",
        Column::CustomSipHeader => "Up to 100 letters, digits, _ and -",
        Column::CallingProfile => "ID of a calling profile",
        column => match column.setting() {
            Some((Setting::Usage, _)) => "A usage of the tenant's capability plans",
            Some((Setting::ChoosableCapabilities | Setting::AdditionalUsages, _)) => "Names with ; between them",
            Some((Setting::CivicAddressId, _)) => "ID of a civic address",
            Some((Setting::LocationId, _)) => "ID of a location",
            Some((Setting::AllowTenantAddressUpdate, _)) => "true or false",
            Some((Setting::DisplayedCountryCode, _)) => "Two letters, such as US",
            None => "",
        },
    }
}

fn meaning(column: Column) -> &'static str {
    match column {
        Column::TelephoneNumber => "The number, or the first of a range. The only column that must be there.",
        Column::LastNumber => "The last number of a range.",
        Column::Count => "How many numbers the range has.",
        Column::AccountName => "The account that gets the number; the one chosen in the form where it is blank.",
        Column::Services => "The services that the number has, by their names.",
        Column::Enabled(_) => {
            "Whether the number has this service: Operator Connect, Teams Phone Mobile or Direct Routing, and any of the others."
        }
        Column::AssignmentStatus(_) => "What the backend says; in exports only.",
        Column::CustomSipHeader => {
            "Value of the SIP header on calls of this number. Not for numbers of Teams Phone Mobile or Call Protection alone."
        }
        Column::CallingProfile => {
            "The calling profile of Operator Connect and Teams Phone Mobile; the usual one where it is blank."
        }
        column => match column.setting() {
            Some((Setting::Usage, _)) => "What the number is for.",
            Some((Setting::ChoosableCapabilities, _)) => "The kinds of call it allows.",
            Some((Setting::AdditionalUsages, _)) => "What else it is for.",
            Some((Setting::CivicAddressId, _)) => "The emergency address of the enterprise.",
            Some((Setting::LocationId, _)) => "The place within the address.",
            Some((Setting::AllowTenantAddressUpdate, _)) => {
                "Whether the enterprise may change the address. Calling users need an address or true here."
            }
            Some((Setting::DisplayedCountryCode, _)) => "Needed for North American toll-free numbers.",
            None => "",
        },
    }
}
