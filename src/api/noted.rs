//! Everything that is wrong with a request, gathered from its path, query, headers and body and told in one answer.

use axum::body::Bytes;
use axum::http::StatusCode;

use super::query::Parameters;
use crate::domain::{AccountName, E164, TenantId};
use crate::http::{NOT_YET, Problem};
use crate::service::{self, ItemProblem};
use crate::wire::{InputProblem, PROBLEMS_MOST, Read};

/// What is wrong with a request, as far as it was looked at.
#[derive(Debug, Default)]
pub(super) struct Noted(Vec<InputProblem>);

impl Noted {
    /// The value of what was read well.
    pub(super) fn take<T>(&mut self, read: Result<T, Vec<InputProblem>>) -> Option<T> {
        read.map_err(|problems| self.0.extend(problems)).ok()
    }

    /// What a body says as far as it could be read.
    pub(super) fn read<T>(&mut self, read: Read<T>) -> Option<T> {
        self.0.extend(read.problems);
        read.value
    }

    /// Notes what is wrong with the parameters.
    pub(super) fn parameters(&mut self, parameters: &Parameters) {
        self.more(parameters.problems());
    }

    /// Notes more problems.
    pub(super) fn more(&mut self, problems: &[InputProblem]) {
        self.0.extend_from_slice(problems);
    }

    fn of_path<T>(&mut self, name: &str, read: Result<T, String>) -> Option<T> {
        let problem = |message| InputProblem { code: "invalid_path_parameter", target: name.to_owned(), message };
        read.map_err(|message| self.0.push(problem(message))).ok()
    }

    /// The account of the path.
    pub(super) fn account_name(&mut self, text: &str) -> Option<AccountName> {
        self.of_path("accountName", AccountName::parse(text))
    }

    /// The number of the path.
    pub(super) fn telephone_number(&mut self, text: &str) -> Option<E164> {
        self.of_path("telephoneNumber", telephone_number(text))
    }

    /// The tenant of the path.
    pub(super) fn tenant_id(&mut self, text: &str) -> Option<TenantId> {
        let read = TenantId::parse(text).map_err(|error| crate::domain::account::sentence(&error.to_string()));
        self.of_path("tenantId", read)
    }

    /// Notes what a service finds to stand against the request; items of a batch are told by their place in it.
    pub(super) fn service(&mut self, found: service::Result<Vec<ItemProblem>>, batch: bool) -> Result<(), Problem> {
        match found {
            Ok(items) => self.0.extend(items.into_iter().map(|item| InputProblem {
                code: item.code,
                target: target_of(&item, batch),
                message: item.message,
            })),
            Err(service::Error::NotFound(noun)) => self.0.push(InputProblem {
                code: "not_found",
                target: "accountName".to_owned(),
                message: format!(
                    "There is no {noun} at this address. It may have been removed, or the address mistyped."
                ),
            }),
            // Everything else passes, and what is wrong with the request stays.
            Err(service::Error::Conflict(_) | service::Error::NotYet(_) | service::Error::Overtaken(_)) => {}
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }

    /// Whether something is wrong with what stands there.
    pub(super) fn names(&self, target: &str) -> bool {
        self.0.iter().any(|problem| problem.target == target)
    }

    /// Whether nothing is wrong.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The answer that tells everything.
    pub(super) fn problem(self) -> Problem {
        let all = self.0.into_iter().map(|problem| (problem.code, problem.target, problem.message));
        problem_of(StatusCode::BAD_REQUEST, all.collect())
    }

    /// Goes on where nothing is wrong and all that was asked for is there.
    ///
    /// # Errors
    /// Everything that is wrong.
    pub(super) fn finish<T>(self, read: Option<T>) -> Result<T, Problem> {
        match read {
            Some(value) if self.is_empty() => Ok(value),
            _ => Err(self.problem()),
        }
    }
}

/// Reads the number of the path, and tells what the usual slip is.
fn telephone_number(text: &str) -> Result<E164, String> {
    E164::parse_wire(text).map_err(|error| {
        let bare = text.trim();
        let bare = bare.strip_prefix("00").unwrap_or(bare);
        match E164::parse_wire(&format!("+{bare}")) {
            Ok(number) => {
                format!("The number has no + in front. Write it as {number}, or as %2B{bare}.")
            }
            Err(_) => error.to_string(),
        }
    })
}

fn target_of(item: &ItemProblem, batch: bool) -> String {
    if batch { format!("numbers[{}].{}", item.index, item.property) } else { item.property.clone() }
}

/// Makes one problem of several. A single one gives it its code and target.
pub(super) fn problem_of(status: StatusCode, all: Vec<(&'static str, String, String)>) -> Problem {
    let start = match all.as_slice() {
        [(code, target, message)] => {
            let problem = Problem::new(status, code, "The request cannot be taken", message.clone());
            if target.is_empty() { problem } else { problem.at(target.clone()) }
        }
        several => {
            let message = format!("{} things are wrong with the request; details lists them.", several.len());
            Problem::new(status, "invalid_request", "The request cannot be taken", message)
        }
    };
    let more = all.get(PROBLEMS_MOST).map(|(_, target, _)| {
        let message =
            format!("There are more problems, from here on. Correct the first {PROBLEMS_MOST} and send it again.");
        ("too_many_problems", target.clone(), message)
    });
    let told = all.into_iter().take(PROBLEMS_MOST).chain(more);
    told.fold(start, |problem, (code, target, message)| problem.field_with(target, message, code))
}

/// Says what is wrong with parameters, headers and bodies.
pub(super) fn refused(problems: Vec<InputProblem>) -> Problem {
    Noted(problems).problem()
}

/// Says what a service refused. Items of a batch are told by their place in it.
pub(super) fn refused_by_service(error: service::Error, batch: bool) -> Problem {
    let service::Error::Items(items) = error else { return error.into() };
    let conflict = items.iter().all(|item| item.conflict);
    let passes = items.iter().all(|item| item.code == service::api::numbers::RELEASING);
    let all = items.iter().map(|item| (item.code, target_of(item, batch), item.message.clone())).collect();
    let problem = problem_of(if conflict { StatusCode::CONFLICT } else { StatusCode::BAD_REQUEST }, all);
    if passes && !items.is_empty() { problem.again_after(NOT_YET) } else { problem }
}

/// A body of up to so many bytes, which a batch of numbers seldom exceeds, is read in a few milliseconds at the most.
const SOON_READ: usize = 65_536;

/// Reads a body, a large one beside the threads that answer requests.
pub(super) async fn read_body<T: Send + 'static>(
    body: Bytes,
    read: impl FnOnce(&[u8]) -> T + Send + 'static,
) -> Result<T, Problem> {
    if body.len() <= SOON_READ {
        return Ok(read(&body));
    }
    let reading = tokio::task::spawn_blocking(move || read(&body));
    reading.await.map_err(|error| Problem::internal().because(&error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_without_its_plus_is_told_how_it_is_written() {
        for text in ["441632960000", " 441632960000", "00441632960000"] {
            let message = telephone_number(text).unwrap_err();
            assert!(message.contains("+441632960000") && message.contains("%2B441632960000"), "{text}: {message}");
        }
        assert!(telephone_number("+441632960000").is_ok());
        assert!(!telephone_number("contoso").unwrap_err().contains("%2B"));
    }
}
