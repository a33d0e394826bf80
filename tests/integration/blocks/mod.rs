//! The operator's own blocks: which there may be, how much of each is used, and the next free numbers of them.

mod free;
mod pages;
mod ranges;

use nmp::authz::{BlocksRead, Grant};
use nmp::domain::block::{Block, BlockForm};
use nmp::service::blocks::{self, Changed};
use nmp::service::{Error, Page};

use crate::harness::database::texts;
use crate::harness::on_both_databases;
use crate::harness::world::{World, grant, number, origin};

on_both_databases![
    no_two_blocks_share_a_number,
    a_change_that_was_overtaken_is_told,
    a_block_says_how_much_of_it_is_used,
    a_file_is_looked_through_before_it_is_taken,
    what_is_exported_changes_nothing,
    reviews_warn_of_numbers_in_no_block,
];

pub(crate) fn form(first: &str, last: &str) -> BlockForm {
    BlockForm { first: first.to_owned(), last: last.to_owned(), ..BlockForm::default() }
}

pub(crate) async fn add(world: &World, first: &str, last: &str) -> Block {
    blocks::create(&world.ctx, &grant(), &origin(), &form(first, last)).await.unwrap()
}

fn read() -> Grant<BlocksRead> {
    grant()
}

fn said(error: Error) -> String {
    let Error::Invalid(problems) = error else { panic!("{error:?}") };
    problems.into_iter().map(|problem| format!("{}: {}", problem.field, problem.message)).collect::<Vec<_>>().join(" ")
}

async fn no_two_blocks_share_a_number(world: World) {
    add(&world, "+441632960000", "+441632960999").await;
    add(&world, "+441632961000", "+441632961999").await;
    for (first, last) in [
        ("+441632960000", "+441632960999"),
        ("+441632960500", "+441632960599"),
        ("+441632959000", "+441632960000"),
        ("+441632959000", "+441632962000"),
    ] {
        let refused = blocks::create(&world.ctx, &grant(), &origin(), &form(first, last)).await.unwrap_err();
        let reason = said(refused);
        assert!(reason.contains("overlaps the block +441632960000 to +441632960999"), "{first}: {reason}");
    }
    // Its own numbers do not stand in a block's way.
    let wider = form("+441632959000", "+441632960999");
    let first = number("+441632960000");
    let changed = blocks::change(&world.ctx, &grant(), &origin(), (first, 1), &wider).await.unwrap();
    assert!(matches!(changed, Changed::Done(block) if block.size() == 2_000));
    let into_the_next = form("+441632959000", "+441632961000");
    let moved = number("+441632959000");
    let refused = blocks::change(&world.ctx, &grant(), &origin(), (moved, 2), &into_the_next).await.unwrap_err();
    assert!(said(refused).contains("+441632961000 to +441632961999"));
    let actions = texts(&world.db, "SELECT action FROM audit WHERE subject_kind = 'block' ORDER BY seq").await;
    assert_eq!(actions, ["block.create", "block.create", "block.change"]);
}

async fn a_change_that_was_overtaken_is_told(world: World) {
    let block = add(&world, "+441632960000", "+441632960999").await;
    let noted = BlockForm { note: "Leicester".to_owned(), ..(&block).into() };
    let change = async |rev| blocks::change(&world.ctx, &grant(), &origin(), (block.first, rev), &noted).await.unwrap();
    assert!(matches!(change(1).await, Changed::Done(_)));
    let Changed::Stale(Some(now)) = change(1).await else { panic!("it was changed meanwhile") };
    assert_eq!((now.rev, now.block.note.as_str()), (2, "Leicester"));
    let remove = async |rev| blocks::remove(&world.ctx, &grant(), &origin(), (block.first, rev)).await;
    assert!(matches!(remove(1).await.unwrap(), Changed::Stale(_)));
    assert!(matches!(remove(2).await.unwrap(), Changed::Done(_)));
    assert!(matches!(remove(2).await, Err(Error::NotFound(_))));
    assert_eq!(blocks::count(&world.ctx, &read()).await.unwrap(), 0);
}

async fn a_block_says_how_much_of_it_is_used(world: World) {
    world.local_account("contoso").await;
    add(&world, "+441632960000", "+441632960999").await;
    add(&world, "+447700900000", "+447700900099").await;
    world.upload("contoso", "+441632960000-0099\n+441632961000\n+447700900050-0059").await;
    free::release(&world, "+4416329600", 100).await;
    world.upload("contoso", "+441632960000-0004").await;
    let page = blocks::list(&world.ctx, &read(), Page::First).await.unwrap();
    let used: Vec<_> = page.blocks.iter().map(|used| (used.used, used.quarantined, used.reserved)).collect();
    assert_eq!(used, [(5, 95, 0), (10, 0, 0)]);
    assert_eq!((page.more_before, page.more_after), (false, false));
}

const FILE: &str = "first,last,country,kind,note\n\
                    +441632960000,+441632960999,GB,geographic,Leicester\n\
                    +447700900000,+447700900999,UK,mobile,\n";

async fn a_file_is_looked_through_before_it_is_taken(world: World) {
    add(&world, "+441632960000", "+441632960999").await;
    let plan = blocks::look_through(&world.ctx, &grant(), FILE).await.unwrap();
    assert_eq!((plan.new.len(), plan.changed.len(), plan.unchanged, plan.problems.len()), (1, 1, 0, 0));
    assert_eq!(blocks::count(&world.ctx, &read()).await.unwrap(), 1, "nothing is changed yet");
    blocks::import(&world.ctx, &grant(), &origin(), FILE).await.unwrap();
    let again = blocks::look_through(&world.ctx, &grant(), FILE).await.unwrap();
    assert_eq!((again.new.len(), again.changed.len(), again.unchanged), (0, 0, 2));

    // One bad line, and nothing of the file is taken.
    let bad = "first,last,country\n+12065550100,+12065550199,US\n+441632960500,+441632961499,GB\n";
    let refused = blocks::import(&world.ctx, &grant(), &origin(), bad).await.unwrap();
    let told: Vec<_> = refused.problems.iter().map(|problem| (problem.line, problem.reason.as_str())).collect();
    assert_eq!(told, [(3, "Overlaps the block +441632960000 to +441632960999 that is kept already.")]);
    assert_eq!(blocks::count(&world.ctx, &read()).await.unwrap(), 2);
}

async fn what_is_exported_changes_nothing(world: World) {
    blocks::import(&world.ctx, &grant(), &origin(), FILE).await.unwrap();
    let lines = blocks::every(&world.ctx, &read()).await.unwrap();
    let cells = lines.iter().map(|block| nmp::domain::block::file::cells(block).join(","));
    let text = std::iter::once("first,last,country,kind,note".to_owned()).chain(cells).collect::<Vec<_>>().join("\r\n");
    let plan = blocks::look_through(&world.ctx, &grant(), &text).await.unwrap();
    assert_eq!((plan.new.len(), plan.changed.len(), plan.unchanged, plan.problems.len()), (0, 0, 2, 0));
}

async fn reviews_warn_of_numbers_in_no_block(world: World) {
    world.local_account("contoso").await;
    let warned = async |text: &str| world.review(world.stage("contoso", text).await).await.warnings.join(" ");
    assert!(!warned("+441632960000").await.contains("block"), "no blocks are kept");
    add(&world, "+441632960000", "+441632960999").await;
    assert!(!warned("+441632960000-0009").await.contains("block"));
    let one = warned("+441632960999\n+441632961000").await;
    assert!(one.contains("The new number +44 1632 961000 is in none of your blocks."), "{one}");
    let several = warned("+441632960998-1632961001").await;
    assert!(several.is_empty() || several.contains("none of your blocks"), "{several}");
    let several = warned("+441632959999\n+441632960000\n+441632961000-1009").await;
    assert!(
        several.contains("11 of the new numbers are in none of your blocks, such as +44 1632 959999."),
        "{several}"
    );
}
