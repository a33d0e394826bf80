//! Who had a number, and from when to when.

use time::OffsetDateTime;

/// Who has or had a number.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Holder {
    /// Name of the account as it was; empty where it is not known any more.
    pub account: String,
    /// Whether the account still exists.
    pub is_there: bool,
    /// The tenant that the account belonged to.
    pub tenant_id: Option<String>,
    /// Company of the tenant, where there is a consent of it.
    pub company: Option<String>,
}

/// An order that began or ended something for a number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderEvent {
    /// Number of the order.
    pub order_id: i64,
    /// When it did.
    pub at: OffsetDateTime,
    /// Ticket of the order.
    pub ticket: Option<String>,
}

impl OrderEvent {
    /// Orders of one instant count in the order of their numbers.
    fn place(&self) -> (OffsetDateTime, i64) {
        (self.at, self.order_id)
    }
}

/// An upload that wrote a number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Took {
    /// Whether nobody had the number before.
    pub is_new: bool,
    /// The order.
    pub event: OrderEvent,
}

/// A release of a number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Release {
    /// The order, and when the number was gone.
    pub event: OrderEvent,
    /// Who had it until then.
    pub holder: Holder,
}

/// Since when somebody had a number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Since {
    /// Since this order.
    Order(OrderEvent),
    /// Since some time before this order, which changed the number.
    Before(OrderEvent),
    /// It is not known.
    Unknown,
}

/// A time for which somebody had a number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holding {
    /// Who had it.
    pub holder: Holder,
    /// Since when.
    pub since: Since,
    /// Until when; nothing while it goes on.
    pub until: Option<OrderEvent>,
}

impl Holding {
    /// Whether it was so at some moment from `begin` up to `end`, which does not belong to it.
    fn touches(&self, begin: OffsetDateTime, end: OffsetDateTime) -> bool {
        let began = match &self.since {
            Since::Order(event) => event.at < end,
            Since::Before(_) | Since::Unknown => true,
        };
        began && self.until.as_ref().is_none_or(|until| until.at >= begin)
    }
}

/// The life of one number, the latest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Holdings(Vec<Holding>);

impl Holdings {
    /// Puts together what uploads and releases tell, in any order, and who has the number now.
    pub fn of(mut took: Vec<Took>, mut releases: Vec<Release>, now: Option<Holder>) -> Self {
        took.sort_by_key(|took| took.event.place());
        releases.sort_by_key(|release| release.event.place());
        let mut took = took.into_iter().peekable();
        let mut since = |until: Option<&OrderEvent>| {
            let mut found = Since::Unknown;
            while let Some(took) = took.next_if(|took| until.is_none_or(|until| took.event.place() < until.place())) {
                found = match found {
                    Since::Unknown | Since::Before(_) if took.is_new => Since::Order(took.event),
                    // A release that did not go through was followed by a new upload: that is the same time going on.
                    Since::Unknown => Since::Before(took.event),
                    known => known,
                };
            }
            found
        };
        let mut holdings: Vec<Holding> = releases
            .into_iter()
            .map(|Release { event, holder }| Holding { holder, since: since(Some(&event)), until: Some(event) })
            .collect();
        holdings.extend(now.map(|holder| Holding { holder, since: since(None), until: None }));
        holdings.reverse();
        Self(holdings)
    }

    /// Every time for which somebody had the number, the latest first.
    pub fn iter(&self) -> impl Iterator<Item = &Holding> {
        self.0.iter()
    }

    /// The last of them.
    pub fn last(&self) -> Option<&Holding> {
        self.0.first()
    }

    /// Whether nobody ever had the number.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Those that touch the time from `begin` up to `end`, the latest first.
    pub fn within(&self, begin: OffsetDateTime, end: OffsetDateTime) -> impl Iterator<Item = &Holding> {
        self.0.iter().filter(move |holding| holding.touches(begin, end))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use time::Duration;

    use super::*;

    fn event(order_id: i64, hours: i64) -> OrderEvent {
        let at = OffsetDateTime::UNIX_EPOCH + Duration::hours(hours);
        OrderEvent { order_id, at, ticket: None }
    }

    fn holder(name: String) -> Holder {
        Holder { account: name, ..Holder::default() }
    }

    proptest! {
        /// Lives of numbers are taken apart into orders, shuffled, and put together again.
        #[test]
        fn what_orders_tell_is_the_life_that_was_lived(
            steps in proptest::collection::vec(0_i64..3, 0..20),
            changes in proptest::collection::vec(any::<bool>(), 20),
            reversed: bool,
        ) {
            let (mut took, mut releases, mut lived) = (Vec::new(), Vec::new(), Vec::new());
            let (mut order, mut hour, mut began) = (0, 0, None);
            // A step of no time at all is one, too: clocks stand still.
            for (index, step) in steps.iter().enumerate() {
                hour += step;
                order += 1;
                let event = event(order, hour);
                match began.take() {
                    None => {
                        took.push(Took { is_new: true, event: event.clone() });
                        began = Some(event);
                    }
                    Some(start) if changes.get(index) == Some(&true) => {
                        took.push(Took { is_new: false, event });
                        began = Some(start);
                    }
                    Some(start) => {
                        let holder = holder(format!("until order {order}"));
                        lived.push(Holding {
                            holder: holder.clone(),
                            since: Since::Order(start),
                            until: Some(event.clone()),
                        });
                        releases.push(Release { event, holder });
                    }
                }
            }
            let now = began.as_ref().map(|_| holder("now".to_owned()));
            lived.extend(began.map(|start| Holding {
                holder: holder("now".to_owned()),
                since: Since::Order(start),
                until: None,
            }));
            if reversed {
                took.reverse();
                releases.reverse();
            }
            lived.reverse();
            let found = Holdings::of(took, releases, now);
            prop_assert_eq!(found.iter().cloned().collect::<Vec<_>>(), lived);
        }
    }

    #[test]
    fn what_was_there_before_us_is_said_to_be_older_than_what_we_saw() {
        let change = Took { is_new: false, event: event(7, 5) };
        let release = Release { event: event(9, 9), holder: holder("contoso".to_owned()) };
        let found = Holdings::of(vec![change], vec![release], None);
        let last = found.last().unwrap();
        assert_eq!(last.since, Since::Before(event(7, 5)));
        let hour = |hours| OffsetDateTime::UNIX_EPOCH + Duration::hours(hours);
        assert_eq!(found.within(hour(0), hour(1)).count(), 1, "nobody knows better");
        assert_eq!(found.within(hour(9), hour(10)).count(), 1, "the day of the release still is theirs");
        assert_eq!(found.within(hour(10), hour(11)).count(), 0);
        let unknown = Holdings::of(Vec::new(), Vec::new(), Some(holder("contoso".to_owned())));
        assert_eq!(unknown.last().unwrap().since, Since::Unknown);
        assert!(Holdings::of(Vec::new(), Vec::new(), None).is_empty());
    }
}
