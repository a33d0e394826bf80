//! How an order begins that needs no review: with everything it has to look at, in the same question that opens it.

use sqlx::FromRow;

use crate::domain::{Account, E164, Number};
use crate::store::accounts::{Row, account_columns, from_accounts};
use crate::store::numbers::in_list;
use crate::store::numbers::rows::{gather, gathered, select_numbers};
use crate::store::sql::{Conditions, Dialect};
use crate::store::{Db, Error, Result, Tx};

/// What an order begins with.
#[derive(Debug)]
pub struct OrderStart {
    /// The account, kept from changing.
    pub account: Account,
    /// The number that the order gets, where it is known already: on SQLite, which has one writer, so that nobody takes it
    /// before this transaction does.
    pub next_order: Option<i64>,
    /// Those of the numbers that exist, ascending.
    pub before: Vec<Number>,
}

/// The same as a row.
#[derive(FromRow)]
pub(in crate::store) struct Columns {
    #[sqlx(flatten)]
    account: Row,
    next_order: Option<i64>,
    before: Option<String>,
}

impl TryFrom<Columns> for OrderStart {
    type Error = Error;
    fn try_from(found: Columns) -> Result<Self> {
        let before = gathered(found.before.as_deref())?;
        Ok(Self { account: found.account.try_into()?, next_order: found.next_order, before })
    }
}

fn question(account: &str, numbers: &[E164]) -> Conditions {
    let mut question = Conditions::default();
    question.push(select_numbers!(), []);
    in_list(&mut question, "n.telephone_number IN (", numbers);
    gather(&mut question, Dialect::Sqlite);
    question
        .before(concat!(account_columns!(), ", (SELECT next FROM sequences WHERE name = 'orders') AS next_order, ("));
    question.push(concat!(") AS before", from_accounts!(), "a.name = ?"), [account.into()]);
    question
}

impl Db {
    /// Begins a short transaction that shares its commit with others of its kind, and reads the account with this name and
    /// those of the numbers that exist. Nothing is told of numbers where there is no account.
    ///
    /// # Errors
    /// When no connection can be had in time, or the database refuses.
    pub async fn begin_order(&self, account: &str, numbers: &[E164]) -> Result<(Tx, Option<OrderStart>)> {
        if let Self::Sqlite(file) = self {
            let (one, found) = file.together.begin_with::<Columns>(&file.write, question(account, numbers)).await?;
            return Ok((Tx::SqliteTogether(one), found.map(OrderStart::try_from).transpose()?));
        }
        let mut tx = self.begin().await?;
        // Who waited for the account must see what was written meanwhile, so the numbers are another question.
        let Some(account) = tx.account_locked(account).await? else { return Ok((tx, None)) };
        let before = tx.numbers_among(numbers).await?;
        Ok((tx, Some(OrderStart { account, next_order: None, before })))
    }
}
