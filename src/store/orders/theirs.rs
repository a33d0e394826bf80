//! What a review tells of the backends: what they hold otherwise, and who at the enterprise notices.

use sqlx::FromRow;
use time::OffsetDateTime;

use super::items::number;
use crate::domain::{E164, NumberSettings, Outside, TenantId, Verdict};
use crate::store::numbers::settings;
use crate::store::sql::{on, statements};
use crate::store::{Error, Result, Tx, at};

/// Whether a backend has an emergency address for a number of this description, which names one only where there is one.
macro_rules! names_address {
    ($of:literal) => {
        concat!("(", $of, ".body LIKE '%\"civicAddressId\":%' OR ", $of, ".body LIKE '%\"locationId\":%')")
    };
}

pub(in crate::store) use names_address;

/// The numbers whose change a backend sees or may see: whether they are in use there, and whether they lose their emergency
/// address.
macro_rules! touched {
    () => {
        concat!(
            "
            SELECT
                i.telephone_number,
                CASE
                    WHEN n.assigned THEN 1
                    ELSE COALESCE((
                        SELECT MAX(CASE WHEN o.assigned THEN 1 ELSE 0 END)
                        FROM observed o
                        WHERE o.telephone_number = i.telephone_number AND o.missing IS NULL
                    ), 0)
                END AS assigned,
                CASE
                    WHEN s.civic_address_id IS NOT NULL OR s.location_id IS NOT NULL THEN 0
                    WHEN q.civic_address_id IS NOT NULL OR q.location_id IS NOT NULL THEN 1
                    ELSE COALESCE((
                        SELECT MAX(CASE
                            WHEN ",
            names_address!("t"),
            " THEN 1
                            ELSE 0
                        END)
                        FROM observed o
                        JOIN observed_settings t ON t.id = o.settings_id
                        WHERE o.telephone_number = i.telephone_number AND o.missing IS NULL
                    ), 0)
                END AS lost
            FROM order_items i
            LEFT JOIN settings s ON s.id = i.settings_id
            LEFT JOIN numbers n ON n.telephone_number = i.telephone_number
            LEFT JOIN settings q ON q.id = n.settings_id
            WHERE i.order_id = $1
              AND i.outside IN ('different', 'expected', 'unknown')"
        )
    };
}

macro_rules! first_touched {
    ($which:literal) => {
        concat!(
            "
        SELECT d.telephone_number
        FROM (",
            touched!(),
            "
        ) AS d
        WHERE d.",
            $which,
            " = 1
        ORDER BY d.telephone_number
        LIMIT $2"
        )
    };
}

statements! {
    // LEFT and COALESCE in these say that the order's numbers come first, and that the rest is looked up by its keys.
    COUNTS = "
        SELECT verdict, outside, CAST(COUNT(*) AS BIGINT), CAST(SUM(base_rev) AS BIGINT)
        FROM order_items
        WHERE order_id = $1
        GROUP BY verdict, outside";
    THEIRS = "
        SELECT
            c.backend, c.theirs_id, t.body AS theirs, c.ours_id, s.body AS ours, c.count, c.example, c.assigned,
            c.kinds, c.numbers
        FROM (
            SELECT
                l.backend, o.settings_id AS theirs_id, i.settings_id AS ours_id,
                CAST(COUNT(*) AS BIGINT) AS count, MIN(i.telephone_number) AS example,
                CAST(SUM(CASE WHEN o.assigned THEN 1 ELSE 0 END) AS BIGINT) AS assigned,
                CAST(COUNT(*) OVER () AS BIGINT) AS kinds,
                CAST(SUM(CAST(COUNT(*) AS BIGINT)) OVER () AS BIGINT) AS numbers
            FROM order_items i
            LEFT JOIN accounts a ON a.id = i.account_id
            LEFT JOIN observed o ON o.telephone_number = i.telephone_number AND o.missing IS NULL
            LEFT JOIN observed_lists l ON l.id = o.list_id
            WHERE i.order_id = $1
              AND i.outside = 'different'
              AND COALESCE(l.tenant_id, '') = COALESCE(a.tenant_id, '-')
            GROUP BY l.backend, o.settings_id, i.settings_id
            ORDER BY 4 DESC, 5
            LIMIT 50
        ) AS c
        LEFT JOIN observed_settings t ON t.id = c.theirs_id
        LEFT JOIN settings s ON s.id = c.ours_id
        ORDER BY c.count DESC, c.example, c.backend";
    COUNT_TOUCHED = concat!(
        "
        SELECT CAST(COALESCE(SUM(d.assigned), 0) AS BIGINT), CAST(COALESCE(SUM(d.lost), 0) AS BIGINT)
        FROM (",
        touched!(),
        "
        ) AS d"
    );
    ASSIGNED = first_touched!("assigned");
    LOST = first_touched!("lost");
    LIST = "SELECT id, listed_at FROM observed_lists WHERE backend = $1 AND tenant_id = $2";
    SIZE = "
        SELECT CAST(COUNT(*) AS BIGINT)
        FROM (SELECT 1 FROM observed WHERE list_id = $1 LIMIT $2) AS first";
}

/// How many numbers of a draft share a verdict and what the backends hold.
pub type OutsideCount = (Verdict, Option<Outside>, i64);

/// Numbers of a draft that a backend holds alike, and otherwise than the draft wants them.
#[derive(Clone, Debug)]
pub struct TheirSettings {
    /// Name of the backend.
    pub backend: String,
    /// What it says of them.
    pub theirs: NumberSettings,
    /// What the draft gives them.
    pub ours: NumberSettings,
    /// How many numbers.
    pub count: i64,
    /// The first of them.
    pub example: E164,
    /// How many of them are in use there.
    pub assigned: i64,
}

#[derive(FromRow)]
struct TheirRow {
    backend: String,
    theirs_id: i64,
    theirs: String,
    ours_id: i64,
    ours: String,
    count: i64,
    example: i64,
    assigned: i64,
    kinds: i64,
    numbers: i64,
}

/// What backends hold otherwise, as far as it is told.
#[derive(Clone, Debug, Default)]
pub struct TheirList {
    /// The most frequent.
    pub shown: Vec<TheirSettings>,
    /// How many different ones there are in all.
    pub kinds: i64,
    /// Of how many numbers; one that two backends hold otherwise counts twice.
    pub numbers: i64,
}

impl TheirList {
    /// How many numbers are in those that are not told.
    #[must_use]
    pub fn left(&self) -> i64 {
        self.numbers - self.shown.iter().map(|there| there.count).sum::<i64>()
    }
}

/// Numbers whose change at a backend somebody at the enterprise notices.
#[derive(Clone, Debug, Default)]
pub struct Touched {
    /// How many are in use, and the first of them.
    pub assigned: (i64, Vec<E164>),
    /// How many lose their emergency address, and the first of them.
    pub lost: (i64, Vec<E164>),
}

/// The list that a backend keeps of a tenant's numbers, as far as it was read.
#[derive(Clone, Copy, Debug, Default)]
pub struct SeenList {
    /// When it was last read to its end.
    pub as_of: Option<OffsetDateTime>,
    /// How many numbers are known of it, up to what was asked for.
    pub size: i64,
}

pub(super) fn tenant(text: &str) -> Result<TenantId> {
    TenantId::parse(text).map_err(|_| Error::unreadable("observed_lists", "tenant_id", text))
}

impl Tx {
    /// How many numbers of a draft have each verdict, and what the backends hold of them.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn outside_counts(&mut self, order_id: i64) -> Result<Vec<OutsideCount>> {
        Ok(self.reviewed_counts(order_id).await?.0)
    }

    /// The same, and one value that is another when numbers that would change or go have been changed since.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn reviewed_counts(&mut self, order_id: i64) -> Result<(Vec<OutsideCount>, i64)> {
        let rows: Vec<(String, Option<String>, i64, i64)> =
            on!(self, |c| sqlx::query_as(COUNTS).bind(order_id).fetch_all(c).await)?;
        let unreadable = |column| Error::unreadable("order_items", column, order_id);
        let mut revs = 0;
        let counts = rows
            .into_iter()
            .map(|(verdict, outside, count, of_these)| {
                let verdict = Verdict::from_key(&verdict).ok_or_else(|| unreadable("verdict"))?;
                if matches!(verdict, Verdict::Changed | Verdict::Release) {
                    revs += of_these;
                }
                let known = |key: String| Outside::from_key(&key).ok_or_else(|| unreadable("outside"));
                Ok((verdict, outside.map(known).transpose()?, count))
            })
            .collect::<Result<_>>()?;
        Ok((counts, revs))
    }

    /// What the backends hold otherwise than a draft wants it and than was known: the 50 most frequent, and how many there are.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn their_settings(&mut self, order_id: i64) -> Result<TheirList> {
        let rows: Vec<TheirRow> = on!(self, |c| sqlx::query_as(THEIRS).bind(order_id).fetch_all(c).await)?;
        let (kinds, numbers) = rows.first().map_or((0, 0), |row| (row.kinds, row.numbers));
        let shown: Result<Vec<TheirSettings>> = rows
            .into_iter()
            .map(|row| {
                Ok(TheirSettings {
                    theirs: settings::read(row.theirs_id, &row.theirs)?,
                    ours: settings::read(row.ours_id, &row.ours)?,
                    example: number(row.example)?,
                    backend: row.backend,
                    count: row.count,
                    assigned: row.assigned,
                })
            })
            .collect();
        Ok(TheirList { shown: shown?, kinds, numbers })
    }

    /// Which numbers of a draft somebody notices the change of: how many, and the first `most`.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn touched_there(&mut self, order_id: i64, most: i64) -> Result<Touched> {
        let (assigned, lost): (i64, i64) =
            on!(self, |c| sqlx::query_as(COUNT_TOUCHED).bind(order_id).fetch_one(c).await)?;
        Ok(Touched {
            assigned: (assigned, self.first_touched((ASSIGNED, assigned), order_id, most).await?),
            lost: (lost, self.first_touched((LOST, lost), order_id, most).await?),
        })
    }

    async fn first_touched(
        &mut self,
        (statement, count): (&'static str, i64),
        order_id: i64,
        most: i64,
    ) -> Result<Vec<E164>> {
        if count == 0 || most == 0 {
            return Ok(Vec::new());
        }
        let rows: Vec<i64> = on!(self, |c| sqlx::query_scalar(statement).bind(order_id).bind(most).fetch_all(c).await)?;
        rows.into_iter().map(number).collect()
    }

    /// How old what is known of a backend's list is, and how long the list, up to `most`.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn seen_list(&mut self, backend: &str, tenant: &TenantId, most: i64) -> Result<SeenList> {
        let found: Option<(i64, Option<i64>)> =
            on!(self, |c| sqlx::query_as(LIST).bind(backend).bind(tenant.as_str()).fetch_optional(c).await)?;
        let Some((id, as_of)) = found else { return Ok(SeenList::default()) };
        let size = on!(self, |c| sqlx::query_scalar(SIZE).bind(id).bind(most).fetch_one(c).await)?;
        Ok(SeenList { as_of: as_of.map(at), size })
    }
}
