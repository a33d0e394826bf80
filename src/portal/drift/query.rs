//! The filters of the drift page, as they stand in its address, and what was chosen and typed on it.

use serde::Deserialize;

use crate::domain::{DriftKind, E164, FieldProblem};
use crate::http::Problem;
use crate::portal::form::{Filters, page_of};
use crate::portal::number_filter::{NumbersQuery, ticked_range};
use crate::service::Page;
use crate::service::drift::{DriftFilter, DriftKey, Ignored};
use crate::service::numbers::NumberFilter;

/// The page's address, and the selection made on it. Everything is text as it came.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct DriftQuery {
    pub(super) kind: String,
    pub(super) account: String,
    pub(super) tenant: String,
    pub(super) q: String,
    pub(super) country: String,
    pub(super) backend: String,
    pub(super) assignment: String,
    /// Nothing leaves out what is ignored; `only` and `too` show it.
    pub(super) ignored: String,
    /// `ranges` folds numbers in a row into one line.
    pub(super) view: String,
    pub(super) page: String,
    /// `spreadsheets` writes an export that spreadsheets do not spoil.
    #[serde(rename = "for")]
    pub(super) made_for: String,
    /// Ticked numbers.
    pub(super) number: Vec<String>,
    /// When it is not empty, all that the filters match is meant, ticked or not.
    pub(super) all_matching: String,
    pub(super) way: String,
    /// The account that gets what only the backend has.
    pub(super) to: String,
    pub(super) reason: String,
    pub(super) until: String,
    pub(super) ticket: String,
}

impl DriftQuery {
    /// Which drift is meant.
    ///
    /// # Errors
    /// Every filter that cannot be understood.
    pub(super) fn filter(&self) -> Result<DriftFilter, Vec<FieldProblem>> {
        let shared = NumbersQuery {
            account: self.account.clone(),
            tenant: self.tenant.clone(),
            q: self.q.clone(),
            country: self.country.clone(),
            assignment: self.assignment.clone(),
            ..NumbersQuery::default()
        };
        let (shared, mut problems) = match shared.filter() {
            Ok(filter) => (filter, Vec::new()),
            Err(problems) => (NumberFilter::default(), problems),
        };
        let mut choice = |field, value: &str, known: bool| {
            if !value.is_empty() && !known {
                problems
                    .push(FieldProblem::new(field, format!("\u{201c}{value}\u{201d} is none of the choices here.")));
            }
        };
        let kind = DriftKind::from_key(&self.kind);
        choice("kind", &self.kind, kind.is_some());
        let ignored = match self.ignored.as_str() {
            "only" => Some(Ignored::Only),
            "too" => Some(Ignored::Too),
            _ => None,
        };
        choice("ignored", &self.ignored, ignored.is_some());
        let filter = DriftFilter {
            kind,
            account: shared.account,
            tenant_id: shared.tenant_id,
            starts: shared.starts,
            ends: shared.ends,
            country: shared.country,
            backend: crate::domain::field::filled(&self.backend).map(str::to_owned),
            assignment: shared.assignment,
            ignored: ignored.unwrap_or_default(),
            numbers: None,
            stretches: None,
        };
        if problems.is_empty() { Ok(filter) } else { Err(problems) }
    }

    /// Which drift was chosen: what is ticked, or all that matches.
    ///
    /// # Errors
    /// When a filter or a ticked number cannot be understood.
    pub(super) fn chosen(&self) -> Result<Option<DriftFilter>, Problem> {
        let filter = self.filter().map_err(crate::service::Error::Invalid)?;
        if !self.all_matching.is_empty() {
            return Ok(Some(filter));
        }
        if self.number.is_empty() {
            return Ok(None);
        }
        let stretches = self.number.iter().map(|text| ticked_range(text)).collect::<Result<Vec<_>, _>>()?;
        Ok(Some(DriftFilter { stretches: Some(stretches), ..filter }))
    }

    /// The filters that are on, for pills and addresses.
    pub(super) fn filters(&self) -> Filters {
        let kind = DriftKind::from_key(&self.kind).map_or(self.kind.as_str(), |kind| kind.label());
        let assignment = match self.assignment.as_str() {
            "assigned" => "Assigned",
            "unassigned" => "Unassigned",
            other => other,
        };
        let ignored = match self.ignored.as_str() {
            "only" => "Only ignored",
            "too" => "Ignored too",
            other => other,
        };
        Filters::new("/drift")
            .kept("view", &self.view)
            .shown("kind", "Kind", &self.kind, kind)
            .with("q", "Number", &self.q)
            .with("account", "Account", &self.account)
            .with("tenant", "Tenant", &self.tenant)
            .with("backend", "Backend", &self.backend)
            .with("country", "Country", &self.country)
            .shown("assignment", "Assignment", &self.assignment, assignment)
            .shown("ignored", "Ignored", &self.ignored, ignored)
    }

    /// Whether one of the filters is on that are folded away.
    pub(super) fn has_more(&self) -> bool {
        let folded = [&self.country, &self.assignment, &self.backend, &self.tenant, &self.ignored];
        folded.into_iter().any(|value| !value.is_empty())
    }

    /// Tells which page is asked for.
    pub(super) fn page(&self) -> Page<DriftKey> {
        page_of(&self.page, |key| {
            let (number, backend) = key.split_once('.')?;
            Some(DriftKey { number: E164::from_i64(number.parse().ok()?)?, backend: backend.to_owned() })
        })
    }
}

/// A place in the list as it stands in an address.
pub(super) fn key_text(key: &DriftKey) -> String {
    format!("{}.{}", key.number.as_i64(), key.backend)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_in_the_list_reads_back() {
        let key =
            DriftKey { number: E164::parse_wire("+441632960000").unwrap(), backend: "operator-connect".to_owned() };
        let query = DriftQuery { page: format!("after.{}", key_text(&key)), ..DriftQuery::default() };
        assert_eq!(query.page(), Page::After(key));
        for first in ["", "after.", "after.44", "after.x.operator-connect"] {
            assert_eq!(DriftQuery { page: first.to_owned(), ..DriftQuery::default() }.page(), Page::First);
        }
    }

    #[test]
    fn every_filter_that_cannot_be_understood_is_told() {
        let query = DriftQuery {
            kind: "odd".into(),
            country: "GBR".into(),
            tenant: "x".into(),
            ignored: "perhaps".into(),
            ..DriftQuery::default()
        };
        let fields: Vec<_> = query.filter().unwrap_err().iter().map(|problem| problem.field).collect();
        assert_eq!(fields, ["country", "tenant", "kind", "ignored"]);
    }
}
