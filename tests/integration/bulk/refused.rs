//! What a change, a move or a release refuses: told with all that stood on its line and in its own words, once for many.

use nmp::domain::{FormOf, OrderKind, Verdict};
use nmp::service::bulk::{self, EditForm, SET};
use nmp::service::orders::{self, ReleaseSelection};

use super::{all, stage, submit, ticked, written};
use crate::harness::on_both_databases;
use crate::harness::world::{World, grant, number};

on_both_databases![
    a_line_keeps_all_that_stood_on_it,
    a_draft_that_is_made_anew_keeps_its_lines,
    a_range_is_told_once,
    lines_behind_each_other_are_told_together,
    each_form_has_its_own_words,
];

fn header() -> EditForm {
    EditForm { custom_sip_header_change: SET.into(), custom_sip_header: "gate-1".into(), ..EditForm::default() }
}

/// The same text in each of the three forms.
async fn in_each_form(world: &World, text: &str) -> [i64; 3] {
    let to = EditForm { to: "contoso".into(), ..EditForm::default() };
    [
        bulk::stage_release(&world.ctx, &grant(), &written(text), &EditForm::default()).await.unwrap(),
        stage(world, &written(text), &header()).await,
        bulk::stage_move(&world.ctx, &grant(), None, &written(text), &to).await.unwrap(),
    ]
}

async fn a_line_keeps_all_that_stood_on_it(world: World) {
    world.local_account("contoso").await;
    world.upload("contoso", "+441632960000-0009").await;
    let file = "Number;Account;SIP header\n+441632960000;contoso;a\n+441632960100;contoso;\"b;c\"\n+44163296O001;contoso;d\n\
                +441632960001;nobody;e\n";
    for order in in_each_form(&world, file).await {
        let review = world.review(order).await;
        let told: Vec<_> =
            review.problems.iter().map(|one| (one.line, one.record.as_deref().unwrap_or("none"))).collect();
        let rows = [
            (3, "[\"+441632960100\",\"contoso\",\"b;c\"]"),
            (4, "[\"+44163296O001\",\"contoso\",\"d\"]"),
            (5, "[\"+441632960001\",\"nobody\",\"e\"]"),
        ];
        assert_eq!(told, rows, "{:?}", review.order.form_of);
        let files = orders::files(&world.ctx, &grant(), order).await.unwrap();
        assert_eq!(files[0].headings, ["Number", "Account", "SIP header"]);
    }
}

async fn a_draft_that_is_made_anew_keeps_its_lines(world: World) {
    world.local_account("contoso").await;
    world.local_account("contoso-2").await;
    world.upload("contoso", "+441632960000-0009").await;
    let order = stage(&world, &written("Number;SIP header\n+441632960000;a\n+441632960001;b\n"), &header()).await;
    let to = EditForm { to: "contoso-2".into(), ..EditForm::default() };
    let moved = bulk::stage_move(&world.ctx, &grant(), None, &ticked(&["+441632960001"]), &to).await.unwrap();
    super::done(&world, moved).await;
    assert!(matches!(submit(&world, order).await, orders::Submitted::Moved(_)));
    let review = world.review(order).await;
    assert_eq!(review.counts, [(Verdict::Changed, 1)]);
    let problem = &review.problems[0];
    assert!(problem.reason.contains("It went to another account, contoso-2"), "{problem:?}");
    assert_eq!(problem.record.as_deref(), Some("[\"+441632960001\",\"b\"]"));
}

async fn a_range_is_told_once(world: World) {
    world.local_account("contoso").await;
    world.upload("contoso", "+441632960000").await;
    // More than is read at a time.
    for text in ["+441632960000-5999\n", "Start,End\n+441632960000,+441632965999\n"] {
        for order in in_each_form(&world, text).await {
            let review = world.review(order).await;
            let told: Vec<_> = review.problems.iter().map(|problem| problem.value.as_str()).collect();
            assert_eq!(told, ["+441632960001-+441632965999"], "{:?}", review.order.form_of);
            assert_eq!(review.counts.iter().map(|(_, count)| count).sum::<i64>(), 1);
        }
    }
}

async fn lines_behind_each_other_are_told_together(world: World) {
    world.local_account("contoso").await;
    world.upload("contoso", "+441632960000").await;
    let mut lines: Vec<String> = (1..=3_000).map(|n| format!("+44163297{n:04}")).collect();
    lines.insert(2_000, "+441632960000".to_owned());
    lines.push("+44 (0)1632 960000".to_owned());
    for order in in_each_form(&world, &lines.join("\n")).await {
        let review = world.review(order).await;
        let runs: Vec<_> = review
            .problem_runs
            .iter()
            .map(|run| (run.first.line, run.last.line, run.count, run.last.value.as_str()))
            .collect();
        assert_eq!(runs[0], (1, 2_000, 2_000, "+441632972000"));
        assert_eq!(runs[1], (2_002, 3_001, 1_000, "+441632973000"));
        assert_eq!((runs.len(), runs[2].2), (3, 1), "what has a proposal stands alone: {runs:?}");
        assert_eq!((review.problems.len(), review.refused_count()), (orders::REVIEW_SHOWN, 3_001));
    }
    // Few are told one by one, so that each value is seen.
    let order = stage(&world, &written("+441632971000\n+441632971007\n+441632960000"), &header()).await;
    let review = world.review(order).await;
    assert_eq!(review.problem_runs.iter().map(|run| run.count).collect::<Vec<_>>(), [1, 1]);
}

async fn each_form_has_its_own_words(world: World) {
    let account = world.account("contoso").await;
    world.account("contoso-2").await;
    world.upload("contoso", "+441632960000-0009").await;
    world.backend_answers(&account, OrderKind::Upload, |_| true).await;
    let released = orders::stage_release(
        &world.ctx,
        &grant(),
        &ReleaseSelection::Numbers(None, (0..10).map(|n| number(&format!("+44163296000{n}"))).collect()),
        None,
    )
    .await
    .unwrap();
    let other = stage(&world, &all(), &header()).await;
    super::done(&world, released).await;
    assert!(matches!(submit(&world, other).await, orders::Submitted::Moved(_)));
    let again = bulk::stage_release(&world.ctx, &grant(), &written("+441632960000-0009"), &EditForm::default()).await;
    for (order, words) in [(other, "nothing to change"), (again.unwrap(), "Is being released already")] {
        let review = world.review(order).await;
        let reason = &review.refused_ranges[0].reason;
        assert!(reason.contains(words) && !reason.contains("upload"), "{:?}: {reason}", review.order.form_of);
        assert_eq!((review.refused_ranges.len(), review.refused_ranges[0].count), (1, 10));
    }
    assert_eq!(world.order(other).await.form_of, FormOf::Manage);
}
