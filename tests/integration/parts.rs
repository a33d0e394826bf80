//! Numbers that two backends have to know: each answers for its own part, and the number says what follows from both.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};

use nmp::domain::{
    Account, AccountForm, BackendInfo, Backends, E164, Offers, OrderKind, OrderStatus, ProvisioningError, Service,
    ServiceSet, SyncState, Task, derived,
};
use nmp::service::orders::{self, ReleaseSelection, Submitted};
use nmp::service::staging::UploadForm;
use nmp::service::{Ctx, Policy, accounts, numbers};
use nmp::store::{NewPush, Push, PushOutcome};
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;

use crate::harness::database;
use crate::harness::on_both_databases;
use crate::harness::world::{CONTOSO, World, account_form, grant, number, origin, right, upload_form};

on_both_databases![
    a_refusal_of_one_backend_leaves_the_other_synced,
    a_service_that_is_taken_away_is_released_there_only,
    a_number_goes_when_its_last_backend_has_answered,
    a_number_gains_a_second_backend_while_the_first_is_at_work,
    a_backend_that_the_account_is_not_pushed_to_settles_nothing_of_the_other,
    a_service_that_is_pushed_from_now_on_takes_the_place_of_one_that_is_given_up,
    whatever_is_done_both_backends_end_with_what_is_wanted,
];

const OC: Service = Service::OperatorConnect;
const TPM: Service = Service::TeamsPhoneMobile;
const ZOOM: Service = Service::ZoomPhoneCloudPeering;
const HERE: Service = Service::CallProtection;
static REQUESTS: AtomicUsize = AtomicUsize::new(0);
const ONE: &str = "+441632960000";

/// A world whose Zoom numbers have a backend of their own, and an account with every service.
async fn two_backends(mut world: World) -> (World, Account) {
    let zoom = BackendInfo {
        name: "zoom".to_owned(),
        label: "Zoom".to_owned(),
        services: ZOOM.into(),
        offers: Offers::NOTHING,
    };
    let backends = Backends::new(vec![BackendInfo::operator_connect([OC, TPM].into_iter().collect()), zoom]);
    let policy = Policy { backends, ..(*world.ctx.policy).clone() };
    let read = world.clock.clone();
    world.ctx = Ctx::new(world.db.clone(), nmp::service::Clock::new(move || read.now()), policy);
    let services = ServiceSet::ALL.without(Service::DirectRouting.into());
    let account = world.create(&AccountForm { services, ..account_form("contoso", CONTOSO) }).await;
    (world, account)
}

fn form(numbers: &str, services: &[Service], header: &str) -> UploadForm {
    let teams = services.iter().find(|service| ServiceSet::TEAMS.contains(**service));
    let further = services.iter().filter(|service| !ServiceSet::TEAMS.contains(**service));
    let mut form = UploadForm {
        service: teams.map_or("", |service| service.key()).to_owned(),
        further_service: further.map(|service| service.key().to_owned()).collect(),
        custom_sip_header: header.to_owned(),
        ..upload_form("contoso", numbers)
    };
    if !services.iter().any(|service| service.takes_sip_header()) {
        form.custom_sip_header.clear();
    }
    form
}

async fn upload(world: &World, form: &UploadForm) -> i64 {
    let order = world.stage_form(form).await;
    assert!(matches!(world.submit(order).await, Submitted::Done));
    order
}

async fn release(world: &World, numbers: &[E164]) -> i64 {
    let selection = ReleaseSelection::Numbers(None, numbers.to_vec());
    let order = orders::stage_release(&world.ctx, &grant(), &selection, None).await.unwrap();
    assert!(matches!(world.submit(order).await, Submitted::Done));
    order
}

/// Writes the next push of a kind down, as the first engine that finds one does before it sends it.
async fn plan(world: &World, account: &Account, kind: OrderKind) -> Option<(Push, Vec<E164>)> {
    let backends = &world.ctx.policy.backends;
    let mut tx = world.db.begin().await.unwrap();
    for backend in backends.iter() {
        let push = NewPush {
            backend,
            pushed: account.pushed(backends.provisioned()),
            request_id: format!("request {}", REQUESTS.fetch_add(1, Ordering::SeqCst)),
            account_id: account.id,
            tenant_id: account.tenant_id.as_ref().unwrap(),
            kind,
            size: 1_000,
        };
        let Some(push) = tx.plan_push(&push, world.clock.now()).await.unwrap() else { continue };
        let numbers = tx.push_numbers(push.id).await.unwrap();
        tx.commit().await.unwrap();
        assert!(!numbers.is_empty());
        return Some((push, numbers));
    }
    None
}

/// Answers for some numbers of a push: those that the backend did, and those that it refused.
async fn answer(world: &World, push: &Push, done: &[E164], refused: &[E164]) {
    let mut tx = world.db.begin().await.unwrap();
    let error = ProvisioningError::new("Refused", format!("{} refused it.", push.backend.as_deref().unwrap()), None);
    let error = tx.intern_error(&error.of(push.service.unwrap())).await.unwrap();
    let outcomes = [(PushOutcome::Done, done), (PushOutcome::Refused(error), refused)];
    tx.record_outcomes(push, &outcomes, world.clock.now()).await.unwrap();
    tx.end_push_if_empty(push.id).await.unwrap();
    tx.commit().await.unwrap();
}

/// Writes down and answers everything that waits: what is not refused is done.
async fn answer_all(world: &World, account: &Account, refuses: impl Fn(&Push) -> bool) {
    for kind in [OrderKind::Release, OrderKind::Upload] {
        while let Some((push, numbers)) = plan(world, account, kind).await {
            let (done, refused) = if refuses(&push) { (&[][..], &numbers[..]) } else { (&numbers[..], &[][..]) };
            answer(world, &push, done, refused).await;
        }
    }
}

async fn state(world: &World) -> SyncState {
    numbers::get(&world.ctx, &grant(), number(ONE)).await.unwrap().state
}

/// What the errors of the number are about.
async fn targets(world: &World) -> Vec<String> {
    let error = numbers::get(&world.ctx, &grant(), number(ONE)).await.unwrap().error;
    error.iter().flat_map(|error| error.each()).filter_map(|error| error.target.clone()).collect()
}

async fn parts(world: &World) -> i64 {
    database::numbers(&world.db, "SELECT CAST(COUNT(*) AS BIGINT) FROM number_parts").await[0]
}

fn is_for(push: &Push, backend: &str) -> bool {
    push.backend.as_deref() == Some(backend)
}

async fn a_refusal_of_one_backend_leaves_the_other_synced(world: World) {
    let (world, account) = two_backends(world).await;
    let order = upload(&world, &form(ONE, &[OC, ZOOM], "")).await;
    assert_eq!((state(&world).await, parts(&world).await), (SyncState::Pending, 2));
    let (first, numbers) = plan(&world, &account, OrderKind::Upload).await.unwrap();
    let (second, _) = plan(&world, &account, OrderKind::Upload).await.unwrap();
    let (oc, zoom) = if is_for(&first, "zoom") { (second, first) } else { (first, second) };
    assert_eq!((oc.service, zoom.service), (Some(OC), Some(ZOOM)));
    answer(&world, &zoom, &[], &numbers).await;
    assert_eq!((state(&world).await, world.order(order).await.status), (SyncState::Failed, OrderStatus::InProgress));
    answer(&world, &oc, &numbers, &[]).await;
    assert_eq!((state(&world).await, world.order(order).await.status), (SyncState::Failed, OrderStatus::Failed));
    assert_eq!(targets(&world).await, ["zoom"]);
    assert_eq!(orders::retry_failed(&world.ctx, &right(OrderKind::Upload), &origin(), order).await.unwrap(), 1);
    let (again, _) = plan(&world, &account, OrderKind::Upload).await.unwrap();
    assert!(is_for(&again, "zoom"), "only what was refused is sent again: {again:?}");
    assert!(plan(&world, &account, OrderKind::Upload).await.is_none());
    answer(&world, &again, &numbers, &[]).await;
    assert_eq!((state(&world).await, world.order(order).await.status), (SyncState::Synced, OrderStatus::Complete));
    assert_eq!(parts(&world).await, 0, "what is synced costs nothing more than any other number");
    // Both refuse: the number says what both said, and a change of one backend's part is sent there alone. What they hold is
    // not known any more; of a change that they do not see they would not be told.
    database::execute(&world.db, "DELETE FROM observed").await;
    upload(&world, &form(ONE, &[OC, ZOOM], "changed")).await;
    answer_all(&world, &account, |_| true).await;
    assert_eq!(targets(&world).await, ["oc", "zoom"]);
    world.check_invariants().await;
}

async fn a_service_that_is_taken_away_is_released_there_only(world: World) {
    let (world, account) = two_backends(world).await;
    upload(&world, &form(ONE, &[OC, ZOOM], "")).await;
    answer_all(&world, &account, |_| false).await;
    let order = upload(&world, &form(ONE, &[OC], "")).await;
    assert_eq!(state(&world).await, SyncState::Pending, "the number itself stays");
    assert!(plan(&world, &account, OrderKind::Upload).await.is_none());
    let (push, numbers) = plan(&world, &account, OrderKind::Release).await.unwrap();
    assert!(is_for(&push, "zoom"));
    answer(&world, &push, &[], &numbers).await;
    assert_eq!((state(&world).await, targets(&world).await), (SyncState::Failed, vec!["zoom".to_owned()]));
    orders::retry_failed(&world.ctx, &right(OrderKind::Upload), &origin(), order).await.unwrap();
    answer_all(&world, &account, |push| push.kind == OrderKind::Upload).await;
    assert_eq!((state(&world).await, parts(&world).await), (SyncState::Synced, 0));
    // The last backend is left, and the number stays.
    upload(&world, &form(ONE, &[HERE], "")).await;
    answer_all(&world, &account, |push| push.kind == OrderKind::Upload).await;
    assert_eq!((state(&world).await, parts(&world).await), (SyncState::Synced, 0));
    world.check_invariants().await;
}

async fn a_number_goes_when_its_last_backend_has_answered(world: World) {
    let (world, account) = two_backends(world).await;
    upload(&world, &form(ONE, &[OC, ZOOM], "")).await;
    answer_all(&world, &account, |_| false).await;
    let order = release(&world, &[number(ONE)]).await;
    assert_eq!(state(&world).await, SyncState::Releasing);
    answer_all(&world, &account, |push| is_for(push, "zoom")).await;
    assert_eq!((state(&world).await, targets(&world).await), (SyncState::Failed, vec!["zoom".to_owned()]));
    // It is wanted again: Operator Connect has given it up and gets it anew.
    upload(&world, &form(ONE, &[OC, ZOOM], "")).await;
    answer_all(&world, &account, |push| push.kind == OrderKind::Release).await;
    assert_eq!(state(&world).await, SyncState::Synced);
    let again = release(&world, &[number(ONE)]).await;
    answer_all(&world, &account, |_| false).await;
    assert!(world.stored().await.is_empty());
    assert_eq!(world.order(again).await.status, OrderStatus::Complete);
    assert_eq!((world.order(order).await.status, parts(&world).await), (OrderStatus::Failed, 0));
    world.check_invariants().await;
}

async fn a_number_gains_a_second_backend_while_the_first_is_at_work(world: World) {
    let (world, account) = two_backends(world).await;
    upload(&world, &form(ONE, &[OC], "")).await;
    let (first, numbers) = plan(&world, &account, OrderKind::Upload).await.unwrap();
    upload(&world, &form(ONE, &[OC, ZOOM], "")).await;
    let (second, _) = plan(&world, &account, OrderKind::Upload).await.unwrap();
    assert!(is_for(&second, "zoom"), "Operator Connect has not answered yet: {second:?}");
    assert!(plan(&world, &account, OrderKind::Upload).await.is_none());
    answer(&world, &first, &numbers, &[]).await;
    answer(&world, &second, &numbers, &[]).await;
    assert_eq!(state(&world).await, SyncState::Pending, "the answer was for what it was before");
    answer_all(&world, &account, |_| false).await;
    assert_eq!((state(&world).await, parts(&world).await), (SyncState::Synced, 0));
    world.check_invariants().await;
}

/// Changes which services of the account are pushed.
async fn sync(world: &World, synced: &[Service]) -> Account {
    let account = world.get("contoso").await;
    let synced = synced.iter().copied().collect();
    let form = AccountForm { services: account.services, synced, ..account_form("contoso", CONTOSO) };
    let changed = accounts::update(&world.ctx, &grant(), &origin(), "contoso", account.rev, &form).await.unwrap();
    assert!(matches!(changed, accounts::Updated::Done(_)), "{changed:?}");
    world.get("contoso").await
}

async fn a_backend_that_the_account_is_not_pushed_to_settles_nothing_of_the_other(world: World) {
    let (world, _) = two_backends(world).await;
    let account = sync(&world, &[ZOOM]).await;
    upload(&world, &form(ONE, &[OC, ZOOM], "")).await;
    assert_eq!((state(&world).await, parts(&world).await), (SyncState::Pending, 0));
    let (push, numbers) = plan(&world, &account, OrderKind::Upload).await.unwrap();
    assert!(is_for(&push, "zoom"), "{push:?}");
    answer(&world, &push, &numbers, &[]).await;
    assert_eq!(state(&world).await, SyncState::Synced);
    release(&world, &[number(ONE)]).await;
    let (push, numbers) = plan(&world, &account, OrderKind::Release).await.unwrap();
    assert!(is_for(&push, "zoom"), "{push:?}");
    answer(&world, &push, &numbers, &[]).await;
    assert!(world.stored().await.is_empty());
    world.check_invariants().await;
}

async fn a_service_that_is_pushed_from_now_on_takes_the_place_of_one_that_is_given_up(world: World) {
    let (world, _) = two_backends(world).await;
    for refuses in [false, true] {
        let account = sync(&world, &[OC, ZOOM]).await;
        upload(&world, &form(ONE, &[OC], "")).await;
        answer_all(&world, &account, |_| false).await;
        upload(&world, &form(ONE, &[TPM], "")).await;
        let (withdrawal, numbers) = plan(&world, &account, OrderKind::Release).await.unwrap();
        if refuses {
            answer(&world, &withdrawal, &[], &numbers).await;
            assert_eq!(state(&world).await, SyncState::Failed);
        }
        let account = sync(&world, &[OC, TPM, ZOOM]).await;
        if !refuses {
            answer(&world, &withdrawal, &numbers, &[]).await;
        }
        assert_eq!(state(&world).await, SyncState::Pending, "what was given up is no upload");
        let (push, numbers) = plan(&world, &account, OrderKind::Upload).await.unwrap();
        assert_eq!((push.service, is_for(&push, "operator-connect")), (Some(TPM), true));
        answer(&world, &push, &numbers, &[]).await;
        assert_eq!((state(&world).await, parts(&world).await), (SyncState::Synced, 0));
        world.check_invariants().await;
    }
}

/// Something that happens to a handful of numbers.
#[derive(Clone, Debug)]
enum Step {
    Upload { first: i64, count: i64, services: Vec<Service>, header: u8, mobile: bool },
    Release { first: i64, count: i64 },
    Plan(OrderKind),
    Answer { push: prop::sample::Index, done: u8, refused: u8 },
    Retry(prop::sample::Index),
}

fn step() -> impl Strategy<Value = Step> {
    let services = prop::sample::select(vec![
        vec![OC],
        vec![TPM],
        vec![ZOOM],
        vec![HERE],
        vec![OC, ZOOM],
        vec![TPM, ZOOM],
        vec![OC, ZOOM, HERE],
        vec![OC, HERE],
    ]);
    let kind = prop::sample::select(vec![OrderKind::Upload, OrderKind::Release]);
    prop_oneof![
        4 => (0..4_i64, 1..4_i64, services, 0..2_u8, any::<bool>())
            .prop_map(|(first, count, services, header, mobile)| Step::Upload { first, count, services, header, mobile }),
        1 => (0..4_i64, 1..3_i64).prop_map(|(first, count)| Step::Release { first, count }),
        4 => kind.prop_map(Step::Plan),
        5 => (any::<prop::sample::Index>(), any::<u8>(), any::<u8>())
            .prop_map(|(push, done, refused)| Step::Answer { push, done, refused }),
        1 => any::<prop::sample::Index>().prop_map(Step::Retry),
    ]
}

/// Two backends that do what they are asked, and what is on its way to them.
#[derive(Default)]
struct Outside {
    under_way: Vec<(Push, BTreeSet<E164>)>,
    /// The content address of what a backend has of a number.
    held: BTreeMap<(String, E164), i64>,
    orders: Vec<(i64, OrderKind)>,
}

impl Outside {
    async fn plan(&mut self, world: &World, account: &Account, kind: OrderKind) -> bool {
        let Some((push, numbers)) = plan(world, account, kind).await else { return false };
        let numbers: BTreeSet<E164> = numbers.into_iter().collect();
        for (other, carried) in &self.under_way {
            let twice = other.backend == push.backend && !carried.is_disjoint(&numbers);
            assert!(!twice, "a backend is asked twice at once: {push:?} {other:?}");
        }
        self.under_way.push((push, numbers));
        true
    }

    /// A backend answers for those numbers of a push whose bits are set; it does what it does not refuse.
    async fn answer(&mut self, world: &World, index: usize, done: u8, refused: u8) {
        let (push, numbers) = self.under_way.remove(index);
        let bit = |bits: u8, number: &E164| bits >> (number.as_i64() % 8) & 1 == 1;
        let (did, rest): (Vec<E164>, Vec<E164>) = numbers.into_iter().partition(|number| bit(done, number));
        let (refuses, open): (Vec<E164>, Vec<E164>) = rest.into_iter().partition(|number| bit(refused, number));
        let (backend, service) = (push.backend.clone().unwrap(), push.service.unwrap());
        let settings = world.db.read().await.unwrap().settings(push.settings_id).await.unwrap().unwrap();
        for number in &did {
            let key = (backend.clone(), *number);
            match push.kind {
                OrderKind::Upload => drop(self.held.insert(key, settings.part(service).id())),
                OrderKind::Release => drop(self.held.remove(&key)),
            }
        }
        answer(world, &push, &did, &refuses).await;
        if !open.is_empty() {
            self.under_way.insert(index, (push, open.into_iter().collect()));
        }
    }

    async fn step(&mut self, world: &World, account: &Account, step: Step) {
        let range =
            |first: i64, count: i64| (first..first + count).map(|n| E164::from_i64(441_632_960_000 + n).unwrap());
        match step {
            Step::Upload { first, count, services, header, mobile } => {
                let numbers: Vec<String> = range(first, count).map(|number| number.to_string()).collect();
                let mut form = form(&numbers.join(" "), &services, &format!("h{header}"));
                if mobile {
                    form.capability.push("Mobile".to_owned());
                }
                let order = world.stage_form(&form).await;
                let done = orders::submit(&world.ctx, &right(OrderKind::Upload), &origin(), order, true).await;
                self.orders.extend(matches!(done, Ok(Submitted::Done)).then_some((order, OrderKind::Upload)));
            }
            Step::Release { first, count } => {
                let numbers = ReleaseSelection::Numbers(None, range(first, count).collect());
                let Ok(order) = orders::stage_release(&world.ctx, &grant(), &numbers, None).await else { return };
                let done = orders::submit(&world.ctx, &right(OrderKind::Release), &origin(), order, true).await;
                self.orders.extend(matches!(done, Ok(Submitted::Done)).then_some((order, OrderKind::Release)));
            }
            Step::Plan(kind) => drop(self.plan(world, account, kind).await),
            Step::Answer { .. } if self.under_way.is_empty() => {}
            Step::Answer { push, done, refused } => {
                self.answer(world, push.index(self.under_way.len()), done, refused).await;
            }
            Step::Retry(_) if self.orders.is_empty() => {}
            Step::Retry(index) => {
                let (order, kind) = self.orders[index.index(self.orders.len())];
                let _ = orders::retry_failed(&world.ctx, &right(kind), &origin(), order).await;
            }
        }
    }

    /// Everything that is under way or waits is done.
    async fn finish(&mut self, world: &World, account: &Account) {
        loop {
            while !self.under_way.is_empty() {
                self.answer(world, 0, u8::MAX, 0).await;
            }
            let released = self.plan(world, account, OrderKind::Release).await;
            if !self.plan(world, account, OrderKind::Upload).await && !released {
                return;
            }
        }
    }
}

/// The number in its own row says what follows from its parts.
async fn check_derived(world: &World) {
    let rows = database::texts(
        &world.db,
        "SELECT CAST(n.telephone_number AS TEXT) || ' ' || n.state || ' ' || p.task || ' ' || p.state
        FROM numbers n JOIN number_parts p ON p.telephone_number = n.telephone_number",
    )
    .await;
    let mut numbers: BTreeMap<(String, String), Vec<(Task, SyncState)>> = BTreeMap::new();
    for row in &rows {
        let [number, state, task, part] = row.split(' ').collect::<Vec<_>>()[..] else { panic!("{row}") };
        let parts = numbers.entry((number.to_owned(), state.to_owned())).or_default();
        parts.push((Task::from_key(task).unwrap(), SyncState::from_key(part).unwrap()));
    }
    for ((number, state), parts) in numbers {
        assert_eq!(derived(parts.iter().copied()).key(), state, "{number}: {parts:?}");
        assert_ne!(state, "synced", "{number} needs no parts any more");
    }
    for (what, question) in [
        (
            "numbers that say that they are in parts, and are not, or the other way round",
            "
            SELECT n.telephone_number
            FROM numbers n
            WHERE CASE WHEN n.push_id = 0 THEN 1 ELSE 0 END <> CASE
                WHEN EXISTS (
                    SELECT 1
                    FROM number_parts p
                    WHERE p.telephone_number = n.telephone_number
                ) THEN 1
                ELSE 0
            END",
        ),
        (
            "parts of no number",
            "SELECT p.telephone_number
            FROM number_parts p
            WHERE NOT EXISTS (SELECT 1 FROM numbers n WHERE n.telephone_number = p.telephone_number)",
        ),
        (
            "failed numbers without an error",
            "SELECT telephone_number FROM numbers WHERE (state = 'failed') <> (error_id IS NOT NULL)",
        ),
        (
            "items that are final before all backends of their numbers are",
            "SELECT i.telephone_number
            FROM order_items i
            JOIN numbers n ON n.order_id = i.order_id AND n.telephone_number = i.telephone_number
            JOIN number_parts p ON p.telephone_number = n.telephone_number
            WHERE i.state IN ('done', 'failed') AND p.state = 'pending'",
        ),
    ] {
        assert_eq!(database::numbers(&world.db, question).await, Vec::<i64>::new(), "{what}");
    }
}

async fn whatever_is_done_both_backends_end_with_what_is_wanted(world: World) {
    let (world, account) = two_backends(world).await;
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut outside = Outside::default();
    for _ in 0..12 {
        for _ in 0..25 {
            let step = step().new_tree(&mut runner).unwrap().current();
            outside.step(&world, &account, step).await;
            check_derived(&world).await;
            world.check_invariants().await;
        }
        outside.finish(&world, &account).await;
        check_derived(&world).await;
        // What failed is tried again, and goes through.
        for (order, kind) in outside.orders.clone() {
            let _ = orders::retry_failed(&world.ctx, &right(kind), &origin(), order).await;
        }
        outside.finish(&world, &account).await;
        world.check_invariants().await;
        assert_eq!(parts(&world).await, 0, "nothing waits for ever");
        let mut wanted = BTreeMap::new();
        for (number, _, state) in world.stored().await {
            assert_eq!(state, SyncState::Synced, "{number}");
            let settings = numbers::get(&world.ctx, &grant(), number).await.unwrap().settings;
            for part in world.ctx.policy.backends.parts(ServiceSet::default(), Some(settings.services)) {
                wanted.insert((part.backend.to_owned(), number), settings.part(part.service).id());
            }
        }
        assert_eq!(outside.held, wanted);
    }
    assert!(outside.orders.len() > 40, "the steps do something: {}", outside.orders.len());
}
