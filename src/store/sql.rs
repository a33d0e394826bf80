//! The macros that let one body and one SQL text serve both databases.

use std::fmt::Write as _;

/// Runs one body on whichever connection this is; `$c` is the concrete connection. A server has only so long to answer.
macro_rules! on {
    ($tx:expr, |$c:ident| $body:expr) => {
        match $tx.conn() {
            $crate::store::Conn::Sqlite($c) => $body,
            $crate::store::Conn::Postgres($c, mut patience) => patience.wait(async { $body }).await,
        }
    };
}

/// Picks a text by database, for the few places where the two differ on purpose.
macro_rules! dialect {
    ($tx:expr, sqlite: $sqlite:expr, postgres: $postgres:expr) => {
        match $tx.conn() {
            $crate::store::Conn::Sqlite(_) => $sqlite,
            $crate::store::Conn::Postgres(..) => $postgres,
        }
    };
}

/// The database that a statement is for, where the two have no way of saying it in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    Sqlite,
    Postgres,
}

/// Declares the statements of a module and the list that the preparation test walks.
macro_rules! statements {
    ($($name:ident = $sql:expr;)*) => {
        $(pub(in crate::store) const $name: &str = $sql;)*
        pub(in crate::store) const ALL: &[(&str, &str)] = &[$((concat!(module_path!(), "::", stringify!($name)), $name)),*];
    };
}

/// The value in SQL that is all rows of these columns as one JSON text; `$array` and `$all` are the functions of the
/// database for one row and for all of them.
macro_rules! json_rows {
    ($array:literal, $all:literal, $columns:literal) => {
        concat!("CAST(", $all, "(", $array, "(", $columns, ")) AS TEXT)")
    };
}

pub(crate) use {dialect, json_rows, on, statements};

/// A condition that grows with the filters in use. Texts are ours; values only ever travel as binds.
#[derive(Debug, Default)]
pub(crate) struct Conditions {
    text: String,
    binds: Vec<Bind>,
    bulk: bool,
}

#[derive(Clone, Debug)]
pub(crate) enum Bind {
    Int(i64),
    Text(String),
    /// NULL in a column of integers.
    NoInt,
    /// NULL in a column of texts.
    NoText,
}

impl Bind {
    /// The integer that this is.
    pub(crate) fn int(&self) -> Option<i64> {
        if let Self::Int(value) = self { Some(*value) } else { None }
    }

    /// The text that this is.
    pub(crate) fn text(self) -> Option<String> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }
}

impl From<i64> for Bind {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}

impl From<&str> for Bind {
    fn from(value: &str) -> Self {
        Self::Text(value.to_owned())
    }
}

impl From<String> for Bind {
    fn from(value: String) -> Self {
        Self::Text(value)
    }
}

impl From<Option<i64>> for Bind {
    fn from(value: Option<i64>) -> Self {
        value.map_or(Self::NoInt, Self::Int)
    }
}

impl From<Option<String>> for Bind {
    fn from(value: Option<String>) -> Self {
        value.map_or(Self::NoText, Self::Text)
    }
}

impl From<Option<&str>> for Bind {
    fn from(value: Option<&str>) -> Self {
        value.map_or(Self::NoText, Self::from)
    }
}

impl Conditions {
    /// A whole statement that counts its own parameters: `$1`, `$2` ...
    pub(crate) fn whole<const N: usize>(statement: &'static str, values: [Bind; N]) -> Self {
        Self { text: statement.to_owned(), binds: values.into(), bulk: false }
    }

    /// Says that the statement has very many parameters, each used once and in order. SQLite looks through all of them for
    /// the name of each; without names it need not.
    pub(crate) fn bulk(mut self) -> Self {
        self.bulk = true;
        self
    }

    /// Statements as one text for SQLite, their parameters counted through. Those without names take the first values.
    pub(crate) fn joined(statements: Vec<Self>) -> Self {
        let mut joined = Self::default();
        let mut named = Vec::new();
        let unnamed: usize = statements.iter().filter(|of| of.bulk).map(|of| of.binds.len()).sum();
        for Self { text, binds, bulk } in statements {
            let taken = unnamed + named.len();
            let mut parts = text.split('$');
            joined.text.reserve(text.len());
            joined.text.push_str(parts.next().unwrap_or_default());
            for part in parts {
                let rest = part.trim_start_matches(|c: char| c.is_ascii_digit());
                if bulk {
                    joined.text.push('?');
                } else {
                    let number: Option<usize> = part.strip_suffix(rest).and_then(|digits| digits.parse().ok());
                    joined.parameter(taken + number.unwrap_or_default());
                }
                joined.text.push_str(rest);
            }
            joined.text.push_str("; ");
            if bulk { &mut joined.binds } else { &mut named }.extend(binds);
        }
        joined.binds.append(&mut named);
        joined
    }

    fn parameter(&mut self, number: usize) {
        self.text.push('$');
        // Writing to a text never fails.
        let _ = write!(self.text, "{number}");
    }

    /// Adds `AND condition`; each `?` in the text takes the next value.
    pub(crate) fn and<const N: usize>(&mut self, condition: &'static str, values: [Bind; N]) -> &mut Self {
        self.text.push_str(" AND ");
        self.push(condition, values)
    }

    /// Adds text as it is; each `?` takes the next value.
    pub(crate) fn push<const N: usize>(&mut self, text: &'static str, values: [Bind; N]) -> &mut Self {
        let mut parts = text.split('?');
        self.text.push_str(parts.next().unwrap_or_default());
        for (part, value) in parts.zip(values) {
            self.binds.push(value);
            self.parameter(self.binds.len());
            self.text.push_str(part);
        }
        self
    }

    /// Puts text without values before everything.
    pub(crate) fn before(&mut self, text: &'static str) -> &mut Self {
        self.text.insert_str(0, text);
        self
    }

    /// Adds `AND (condition OR condition ..)`, one for each value.
    pub(crate) fn and_any<const N: usize>(
        &mut self,
        condition: &'static str,
        values: impl IntoIterator<Item = [Bind; N]>,
    ) -> &mut Self {
        let mut first = true;
        for value in values {
            self.text.push_str(if first { " AND (" } else { " OR " });
            self.push(condition, value);
            first = false;
        }
        self.text.push_str(if first { " AND FALSE" } else { ")" });
        self
    }

    /// Adds `(VALUES (..), (..))`, a row for each; there has to be one.
    pub(crate) fn values<const N: usize>(&mut self, rows: impl IntoIterator<Item = [Bind; N]>) -> &mut Self {
        for (index, row) in rows.into_iter().enumerate() {
            self.text.push_str(if index == 0 { "(VALUES (" } else { ", (" });
            for (place, value) in row.into_iter().enumerate() {
                self.push(if place == 0 { "?" } else { ", ?" }, [value]);
            }
            self.text.push(')');
        }
        self.text.push(')');
        self
    }

    /// Adds `AND column IN (..)`; there has to be a value. There may be many: a chain of OR is too deep for SQLite then.
    pub(crate) fn and_in(&mut self, column: &'static str, values: impl IntoIterator<Item = Bind>) -> &mut Self {
        self.push(" AND ", []).push(column, []).push(" IN ", []);
        self.values(values.into_iter().map(|value| [value]))
    }

    pub(crate) fn sql(&self) -> sqlx::AssertSqlSafe<String> {
        sqlx::AssertSqlSafe(self.text.clone())
    }

    pub(crate) fn binds(&self) -> &[Bind] {
        &self.binds
    }

    /// The statement and its values, to be given away.
    pub(crate) fn into_parts(self) -> (sqlx::AssertSqlSafe<String>, Vec<Bind>) {
        (sqlx::AssertSqlSafe(self.text), self.binds)
    }
}

/// Binds every value of the conditions to a query.
macro_rules! bind_all {
    ($query:expr, $conditions:expr) => {{
        let mut query = $query;
        for bind in $conditions.binds() {
            query = match bind {
                $crate::store::sql::Bind::Int(value) => query.bind(*value),
                $crate::store::sql::Bind::Text(value) => query.bind(value.clone()),
                $crate::store::sql::Bind::NoInt => query.bind(None::<i64>),
                $crate::store::sql::Bind::NoText => query.bind(None::<String>),
            };
        }
        query
    }};
}

pub(crate) use bind_all;

/// A pattern for `LIKE .. ESCAPE '\'` that finds the text anywhere.
pub(crate) fn contains(text: &str) -> String {
    let mut pattern = String::from("%");
    for c in text.chars() {
        if matches!(c, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern.push('%');
    pattern
}
