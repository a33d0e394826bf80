//! Numbers handed over to what routes calls: one by one, as a copy that keeps up, and by ENUM.

mod feed;
mod look_up;

use std::collections::BTreeMap;

use nmp::domain::E164;
use nmp::domain::call_path::RoutedNumber;
use nmp::service::Ctx;
use nmp::service::call_path::{Cursor, feed};
use nmp::store::{Db, Position};

use crate::harness::world::grant;

type Numbers = BTreeMap<E164, RoutedNumber>;

fn by_number(numbers: impl IntoIterator<Item = RoutedNumber>) -> Numbers {
    numbers.into_iter().map(|number| (number.telephone_number, number)).collect()
}

/// Whoever keeps a copy of all numbers as the documentation says.
#[derive(Default)]
struct Copy {
    numbers: Numbers,
    cursor: Option<String>,
}

impl Copy {
    /// Asks for one page; tells whether there is more.
    async fn ask(&mut self, ctx: &Ctx) -> bool {
        let cursor = self.cursor.as_deref().map(|text| Cursor::decode(text).unwrap());
        let page = feed(ctx, &grant(), cursor.as_ref()).await.unwrap().unwrap();
        assert!(page.numbers.is_sorted_by_key(|number| number.telephone_number));
        assert!(!page.full || page.removed.is_empty());
        self.numbers.extend(by_number(page.numbers));
        for gone in page.removed {
            self.numbers.remove(&gone);
        }
        self.cursor = Some(page.next.encode());
        page.more
    }

    /// Asks until there is nothing more.
    async fn catch_up(&mut self, ctx: &Ctx) {
        while self.ask(ctx).await {}
    }
}

/// The same with pages of a few numbers, so that a page ends anywhere.
struct SmallCopy {
    numbers: Numbers,
    position: Position,
}

impl SmallCopy {
    async fn new(db: &Db) -> Self {
        let mut tx = db.read().await.unwrap();
        let position = tx.changes_end().await.unwrap();
        Self { numbers: by_number(tx.routed_behind(0, i64::MAX).await.unwrap()), position }
    }

    async fn ask(&mut self, db: &Db) -> bool {
        let mut tx = db.read().await.unwrap();
        let touched = tx.touched_since(&self.position, 3).await.unwrap().unwrap();
        let found = by_number(tx.routed_among(&touched.numbers).await.unwrap());
        for number in &touched.numbers {
            match found.get(number) {
                Some(found) => self.numbers.insert(*number, found.clone()),
                None => self.numbers.remove(number),
            };
        }
        self.position = touched.next;
        touched.more
    }
}

/// Every number as calls find it.
async fn present(db: &Db) -> Numbers {
    by_number(db.read().await.unwrap().routed_behind(0, i64::MAX).await.unwrap())
}
