//! What forms and lists of every page share: errors beside fields, choices, filters as pills, paging by key.

use url::form_urlencoded;

use crate::domain::FieldProblem;
use crate::http::Problem;
use crate::service::{self, Page};

/// All that is wrong with a form; at most one message for each field.
#[derive(Clone, Debug, Default)]
pub(super) struct Errors(Vec<FieldProblem>);

impl Errors {
    /// A message that belongs to the form as a whole.
    pub(super) fn whole(message: impl Into<String>) -> Self {
        Self(vec![FieldProblem::new("", message)])
    }

    /// What is wrong with this field, or an empty text.
    pub(super) fn of(&self, field: &str) -> &str {
        self.0.iter().find(|problem| problem.field == field).map_or("", |problem| problem.message.as_str())
    }

    /// Every message, in the order of the form.
    pub(super) fn iter(&self) -> impl Iterator<Item = &FieldProblem> {
        self.0.iter()
    }

    /// True when nothing is wrong.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl From<Vec<FieldProblem>> for Errors {
    fn from(problems: Vec<FieldProblem>) -> Self {
        let mut merged: Vec<FieldProblem> = Vec::new();
        for problem in problems {
            match merged.iter_mut().find(|other| other.field == problem.field) {
                Some(other) => {
                    other.message.push(' ');
                    other.message.push_str(&problem.message);
                }
                None => merged.push(problem),
            }
        }
        Self(merged)
    }
}

/// Parts what the person can put right on the form (inner error) from what is a page of its own (outer error).
///
/// # Errors
/// Every refusal that is not about a field.
pub(super) fn checked<T>(result: service::Result<T>) -> Result<Result<T, Errors>, Problem> {
    match result {
        Ok(value) => Ok(Ok(value)),
        Err(service::Error::Invalid(problems)) => Ok(Err(problems.into())),
        Err(error) => Err(error.into()),
    }
}

/// One line of a list to choose from.
#[derive(Clone, Debug, Default)]
pub(super) struct Choice {
    /// What is sent.
    pub(super) value: String,
    /// What people read.
    pub(super) label: String,
    /// More about it, or an empty text.
    pub(super) hint: String,
    /// Whether it is chosen.
    pub(super) selected: bool,
}

impl Choice {
    /// Makes a line, which is chosen when `current` is its value.
    pub(super) fn new(value: impl Into<String>, label: impl Into<String>, current: &str) -> Self {
        let value = value.into();
        Self { selected: value == current, value, label: label.into(), hint: String::new() }
    }

    /// Makes such a line with more about it.
    #[must_use]
    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = hint.into();
        self
    }
}

/// A filter that is on.
#[derive(Clone, Debug)]
pub(super) struct Pill {
    /// What is filtered by.
    pub(super) label: &'static str,
    /// The value in words.
    pub(super) value: String,
    /// The list without this filter.
    pub(super) href: String,
}

/// The filters of a list that are on, and every address that follows from them.
#[derive(Clone, Debug)]
pub(super) struct Filters {
    path: &'static str,
    set: Vec<Filter>,
}

#[derive(Clone, Debug)]
struct Filter {
    key: &'static str,
    label: Option<&'static str>,
    value: String,
    shown: String,
}

impl Filters {
    /// No filter on the list at this path.
    pub(super) const fn new(path: &'static str) -> Self {
        Self { path, set: Vec::new() }
    }

    /// Adds a filter whose value reads as it is typed; an empty value is none.
    #[must_use]
    pub(super) fn with(self, key: &'static str, label: &'static str, value: &str) -> Self {
        self.shown(key, label, value, value)
    }

    /// Adds a filter whose value has words of its own; an empty value is none.
    #[must_use]
    pub(super) fn shown(mut self, key: &'static str, label: &'static str, value: &str, shown: &str) -> Self {
        self.add(key, Some(label), value, shown);
        self
    }

    /// Adds something that stays in the addresses and is no filter to take off, such as a view.
    #[must_use]
    pub(super) fn kept(mut self, key: &'static str, value: &str) -> Self {
        self.add(key, None, value, "");
        self
    }

    fn add(&mut self, key: &'static str, label: Option<&'static str>, value: &str, shown: &str) {
        let value = value.trim();
        if !value.is_empty() {
            self.set.push(Filter { key, label, value: value.to_owned(), shown: shown.trim().to_owned() });
        }
    }

    /// True when no filter is on.
    pub(super) fn is_empty(&self) -> bool {
        self.set.iter().all(|filter| filter.label.is_none())
    }

    /// The list with these filters, from its first page.
    pub(super) fn href(&self) -> String {
        self.address("", |_| true, None)
    }

    /// The list without any filter.
    pub(super) fn clear(&self) -> String {
        self.address("", |filter| filter.label.is_none(), None)
    }

    /// The export of what these filters match.
    pub(super) fn csv(&self) -> String {
        self.address(".csv", |_| true, None)
    }

    /// The filters as things to take off one by one.
    pub(super) fn pills(&self) -> Vec<Pill> {
        self.set
            .iter()
            .filter_map(|filter| {
                let href = self.address("", |other| other.key != filter.key, None);
                Some(Pill { label: filter.label?, value: filter.shown.clone(), href })
            })
            .collect()
    }

    /// What stands in the addresses, to travel along as hidden fields of a form.
    pub(super) fn fields(&self) -> Vec<(&'static str, String)> {
        self.set.iter().map(|filter| (filter.key, filter.value.clone())).collect()
    }

    /// The links to the neighbours: `before` is the first key of this page if there is a page before it, `after` the last
    /// key if there is one behind it.
    pub(super) fn pager(&self, text: impl Into<String>, before: Option<String>, after: Option<String>) -> Pager {
        let link = |side: &str, key: Option<String>| {
            key.map_or_else(String::new, |key| self.address("", |_| true, Some(&format!("{side}.{key}"))))
        };
        Pager { text: text.into(), previous: link("before", before), next: link("after", after) }
    }

    fn address(&self, suffix: &str, keep: impl Fn(&Filter) -> bool, page: Option<&str>) -> String {
        let pairs = self.set.iter().filter(|filter| keep(filter)).map(|filter| (filter.key, filter.value.as_str()));
        let pairs = pairs.chain(page.map(|page| ("page", page)));
        let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
        let mark = if query.is_empty() { "" } else { "?" };
        format!("{}{suffix}{mark}{query}", self.path)
    }
}

/// Links to the pages before and behind; an empty address where there is none.
#[derive(Clone, Debug)]
pub(super) struct Pager {
    /// What is shown, such as "1 to 50 of 12,431".
    pub(super) text: String,
    /// The page before.
    pub(super) previous: String,
    /// The page behind.
    pub(super) next: String,
}

/// Gives the page that the query's `page` names. What cannot be read is the first page.
pub(super) fn page_of<K>(page: &str, key: impl FnOnce(&str) -> Option<K>) -> Page<K> {
    match page.split_once('.') {
        Some(("after", text)) => key(text).map_or(Page::First, Page::After),
        Some(("before", text)) => key(text).map_or(Page::First, Page::Before),
        _ => Page::First,
    }
}

/// A text as one segment of a path.
pub(super) fn segment(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>().replace('+', "%20")
}

/// A text as a value in a query.
pub(super) fn query_value(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_keep_the_filters_and_pills_drop_one() {
        let filters = Filters::new("/numbers")
            .with("q", "Starts with", "+44 1")
            .with("account", "Account", "")
            .kept("view", "ranges")
            .shown("status", "State", "failed", "Failed");
        assert_eq!(filters.href(), "/numbers?q=%2B44+1&view=ranges&status=failed");
        assert_eq!(filters.csv(), "/numbers.csv?q=%2B44+1&view=ranges&status=failed");
        assert_eq!(filters.clear(), "/numbers?view=ranges");
        let pills = filters.pills();
        assert_eq!(pills.iter().map(|pill| pill.value.as_str()).collect::<Vec<_>>(), ["+44 1", "Failed"]);
        assert_eq!(pills[0].href, "/numbers?view=ranges&status=failed");
        let pager = filters.pager("1 to 50", None, Some("44".to_owned()));
        assert_eq!(pager.previous, "");
        assert_eq!(pager.next, "/numbers?q=%2B44+1&view=ranges&status=failed&page=after.44");
        assert_eq!(Filters::new("/numbers").href(), "/numbers");
    }

    #[test]
    fn a_page_reads_back() {
        let number = |text: &str| text.parse::<i64>().ok();
        assert_eq!(page_of("after.44", number), Page::After(44));
        assert_eq!(page_of("before.44", number), Page::Before(44));
        for first in ["", "44", "after.x", "sideways.4"] {
            assert_eq!(page_of(first, number), Page::First);
        }
    }

    #[test]
    fn messages_of_one_field_are_read_together() {
        let errors = Errors::from(vec![
            FieldProblem::new("name", "Too long."),
            FieldProblem::new("ticket", "Too long."),
            FieldProblem::new("name", "Not free."),
        ]);
        assert_eq!(errors.of("name"), "Too long. Not free.");
        assert_eq!(errors.iter().count(), 2);
        assert_eq!(errors.of("service"), "");
    }
}
