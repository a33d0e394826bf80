//! From files: saved pages of a service, and CSV, with all that can be wrong with them.

use std::fs;
use std::path::Path;

use nmp::domain::SyncState;
use nmp::domain::upload::Encoding;
use nmp::moving::files::{self, in_folder};
use nmp::service::moving::{Import, ImportKind, Report};
use nmp::service::{numbers as of_numbers, orders};

use super::{account, dry_run, nothing_is_pushed, number, page, routed, run, stored, told};
use crate::harness::database::{numbers, texts};
use crate::harness::on_both_databases;
use crate::harness::world::{CONTOSO, FABRIKAM, World, account_form, grant};

on_both_databases![
    saved_pages_are_looked_through_and_taken_over,
    numbers_are_recorded_as_they_were_there,
    csv_of_accounts_and_numbers_is_taken_over,
    files_are_read_in_every_encoding_and_form,
    a_file_that_is_no_text_is_read_up_to_there,
    numbers_that_no_plan_knows_are_taken_over_and_told,
    many_numbers_are_written_in_batches_and_one_that_is_killed_goes_on,
];

fn save(folder: &Path, name: &str, text: &str) {
    fs::write(folder.join(name), text).unwrap();
}

async fn taken_in(mut import: Import, folder: &Path) -> Report {
    files::take_in(&mut import, in_folder(folder).unwrap()).await.unwrap();
    import.finish().await.unwrap()
}

/// Pages with everything that was seen to be wrong with some.
fn spoilt(folder: &Path) {
    let good = page(&[account("contoso", CONTOSO), routed("one", "shared"), routed("two", "shared")]);
    save(folder, "accounts-1.json", &good);
    let mut nameless = account("a b", CONTOSO);
    nameless["serviceDetails"]["teamsOperatorConnect"]["enabled"] = serde_json::json!("yes");
    save(folder, "accounts-2.json", &page(&[nameless, account("taken", FABRIKAM)]));
    let first = [
        number("contoso", "+441632960001", "synced"),
        number("contoso", "+441632960002", "synced"),
        number("one", "+441632960003", "synced"),
        number("two", "+441632960004", "synced"),
        number("taken", "+441632960005", "synced"),
        number("nobody", "+441632960006", "synced"),
    ];
    save(folder, "numbers-1.json", &page(&first));
    save(folder, "numbers-2.json", &page(&first[..2]));
    let two = [number("one", "+441632960001", "synced"), number("contoso", "0123", "synced")];
    save(folder, "numbers-3.json", &page(&two));
    let whole = page(&[number("contoso", "+441632960007", "synced")]);
    save(folder, "numbers-4.json", &whole[..whole.len() / 2]);
    save(folder, "numbers-5.json", "{\"items\": []}");
    save(folder, "other.csv", "PK\u{3}\u{4}");
    save(folder, "readme.txt", "not read");
}

async fn saved_pages_are_looked_through_and_taken_over(world: World) {
    world.create(&account_form("taken", CONTOSO)).await;
    let before = stored(&world).await;
    let folder = tempfile::tempdir().unwrap();
    spoilt(folder.path());
    let looked = taken_in(dry_run(&world, ImportKind::Files), folder.path()).await;
    insta::assert_snapshot!("spoilt_pages", told(&looked));
    assert_eq!(stored(&world).await, before, "a dry run changes nothing");

    let made = taken_in(run(&world, ImportKind::Files).await.0, folder.path()).await;
    assert_eq!(told(&made), told(&looked), "a run does what the dry run said");
    let kept = "SELECT CAST(telephone_number AS TEXT) FROM numbers ORDER BY 1";
    assert_eq!(texts(&world.db, kept).await, ["441632960001", "441632960002", "441632960003"]);
    let problems = numbers(&world.db, "SELECT COUNT(*) FROM import_problems").await;
    assert_eq!(problems, [made.problems.len() as i64], "they are kept with the import");
    nothing_is_pushed(&world).await;

    // What is corrected is taken by the next run, and nothing else changes.
    save(folder.path(), "numbers-4.json", &page(&[number("contoso", "+441632960007", "synced")]));
    let made = taken_in(run(&world, ImportKind::Files).await.0, folder.path()).await;
    assert_eq!((made.counts.numbers.new, made.counts.numbers.here), (1, 3), "{}", told(&made));
    nothing_is_pushed(&world).await;
}

async fn numbers_are_recorded_as_they_were_there(world: World) {
    let folder = tempfile::tempdir().unwrap();
    save(folder.path(), "a.json", &page(&[account("contoso", CONTOSO)]));
    let listed = [
        number("contoso", "+441632960001", "synced"),
        number("contoso", "+441632960002", "failed"),
        number("contoso", "+441632960003", "pending"),
        number("contoso", "+441632960004", "failed"),
    ];
    save(folder.path(), "n.json", &page(&listed));
    let report = taken_in(run(&world, ImportKind::Files).await.0, folder.path()).await;
    assert_eq!(report.problems, [], "{}", told(&report));
    let get =
        async |text: &str| of_numbers::get(&world.ctx, &grant(), crate::harness::world::number(text)).await.unwrap();
    let synced = get("+441632960001").await;
    assert!(synced.assigned && synced.state == SyncState::Synced && synced.error.is_none());
    assert_eq!(synced.settings.teams.choosable_capabilities, ["InboundCalling", "OutboundCalling"]);
    let failed = get("+441632960002").await;
    assert!(!failed.assigned && failed.state == SyncState::Failed);
    assert_eq!(failed.error.unwrap().message, "Not +441632960002.", "word for word");
    assert_eq!(get("+441632960003").await.error.unwrap().code, "WaitingAtSource");
    let errors = "SELECT COUNT(DISTINCT error_id) FROM numbers WHERE error_id IS NOT NULL";
    assert_eq!(numbers(&world.db, errors).await, [2], "numbers that fail for one cause share it");

    let order = orders::get(&world.ctx, &grant(), synced.order_id).await.unwrap();
    assert_eq!((order.source.label(), order.progress.done, order.progress.failed), ("Import", 1, 3));
    nothing_is_pushed(&world).await;
    // A person may try again what failed.
    let right = crate::harness::world::right(order.kind);
    orders::retry_failed(&world.ctx, &right, &crate::harness::world::origin(), order.id).await.unwrap();
    assert_eq!(get("+441632960002").await.state, SyncState::Pending);
    world.check_invariants().await;
}

async fn csv_of_accounts_and_numbers_is_taken_over(world: World) {
    let folder = tempfile::tempdir().unwrap();
    let accounts = "\u{feff}AccountName;TeamsTenantId;Services;Subdomain\r\n\
                    contoso;a7f4bd5c-cc01-40f4-8baa-2b6bdb272b8a;operatorConnect|directRouting;Fourth\r\n\
                    ghost;;nonsense;\r\n";
    let numbers_csv = "telephoneNumber,accountName,serviceDetails_teamsOperatorConnect_enabled,\
                       serviceDetails_teamsOperatorConnect_assignmentStatus,serviceDetails_teamsOperatorConnect_configuration_usage\n\
                       +441632960000,contoso,true,assigned,CallingUserAssignment\n\
                       +441632960001,contoso,perhaps,,\n\
                       nonsense,contoso,true,,\n\
                       \"+441632960002\",ghost,true,,FirstPartyAppAssignment\n\
                       +441632960000,contoso,true,,CallingUserAssignment\n";
    // Accounts come first whatever the files are called.
    save(folder.path(), "z.csv", accounts);
    save(folder.path(), "a.csv", numbers_csv);
    let report = taken_in(run(&world, ImportKind::Files).await.0, folder.path()).await;
    insta::assert_snapshot!("csv_with_problems", told(&report));
    let assigned = "SELECT COUNT(*) FROM numbers WHERE assigned";
    assert_eq!(numbers(&world.db, assigned).await, [1]);
    assert_eq!(texts(&world.db, "SELECT label FROM subdomains").await, ["fourth"]);
    nothing_is_pushed(&world).await;
}

/// A text as a program saves it.
fn saved(text: &str, kind: &str) -> Vec<u8> {
    let marked = format!("\u{feff}{text}");
    match kind {
        "utf-8 with a mark" => marked.into_bytes(),
        "utf-16, little" => marked.encode_utf16().flat_map(u16::to_le_bytes).collect(),
        "utf-16, big" => marked.encode_utf16().flat_map(u16::to_be_bytes).collect(),
        "utf-16 without a mark" => text.encode_utf16().flat_map(u16::to_le_bytes).collect(),
        "windows-1252" => text.chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect(),
        "carriage returns" => text.replace('\n', "\r").into_bytes(),
        "line feeds behind them" => text.replace('\n', "\r\n").into_bytes(),
        _ => text.as_bytes().to_vec(),
    }
}

async fn files_are_read_in_every_encoding_and_form(world: World) {
    let tenant = CONTOSO;
    let kinds = [
        "utf-8",
        "utf-8 with a mark",
        "utf-16, little",
        "utf-16, big",
        "utf-16 without a mark",
        "windows-1252",
        "carriage returns",
        "line feeds behind them",
    ];
    for (kind, delimiter) in kinds.into_iter().zip([",", ";", "\t", "|"].into_iter().cycle()) {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            fs::write(folder.path().join(name), saved(&text.replace(';', delimiter), kind)).unwrap();
        };
        write(
            "accounts.tsv",
            &format!("account;Tenant ID;Reference;services\ncontoso;{tenant};K\u{f6}ln;OC\nlocal;;;zoom\n"),
        );
        write(
            "numbers.csv",
            "Phone Number;Account;Services;Civic Address;Allow tenant address update\n\
             +44 1632 960000;contoso;OC;K\u{f6}ln;ja\n+441632960001;local;zoom\n",
        );
        let mut import = dry_run(&world, ImportKind::Files);
        let files = in_folder(folder.path()).unwrap();
        let files = files.into_iter().map(|file| file.read_as(Encoding::Windows1252)).collect();
        files::take_in(&mut import, files).await.unwrap();
        let report = import.finish().await.unwrap();
        assert_eq!((report.counts.accounts.new, report.counts.numbers.new), (2, 2), "{kind}: {}", told(&report));
        assert_eq!(report.problems, [], "{kind}: {}", told(&report));
    }
    let folder = tempfile::tempdir().unwrap();
    let accounts = "account;tenant;reference;services\ncontoso;a7f4bd5c-cc01-40f4-8baa-2b6bdb272b8a;K\u{f6}ln;OC\n";
    fs::write(folder.path().join("a.csv"), saved(accounts, "windows-1252")).unwrap();
    let (mut import, _) = run(&world, ImportKind::Files).await;
    let files = in_folder(folder.path()).unwrap();
    let files = files.into_iter().map(|file| file.read_as(Encoding::Windows1252)).collect();
    files::take_in(&mut import, files).await.unwrap();
    import.finish().await.unwrap();
    assert_eq!(texts(&world.db, "SELECT correlation_id FROM accounts").await, ["K\u{f6}ln"]);
}

async fn a_file_that_is_no_text_is_read_up_to_there(world: World) {
    world.local_account("contoso").await;
    let folder = tempfile::tempdir().unwrap();
    let numbers_csv = b"Number,Account,Services,Civic address\n+441632960000,contoso,OC,London\n\
                        +441632960001,contoso,OC,K\xf6ln\n+441632960002,contoso,OC,Bath\n";
    fs::write(folder.path().join("numbers.csv"), numbers_csv).unwrap();
    let report = taken_in(dry_run(&world, ImportKind::Files), folder.path()).await;
    assert_eq!(report.counts.numbers.new, 1, "{}", told(&report));
    let [problem] = report.problems.as_slice() else { panic!("{}", told(&report)) };
    assert_eq!(problem.line, 3);
    assert!(problem.reason.contains("or say that it is Windows-1252"), "{}", problem.reason);
}

async fn numbers_that_no_plan_knows_are_taken_over_and_told(world: World) {
    let folder = tempfile::tempdir().unwrap();
    world.local_account("contoso").await;
    let numbers_csv = "telephoneNumber,accountName,serviceDetails_teamsOperatorConnect_enabled\n\
                       +441632960000,contoso,true\n+4401632960313,contoso,true\n+441,contoso,true\n";
    save(folder.path(), "numbers.csv", numbers_csv);
    let report = taken_in(dry_run(&world, ImportKind::Files), folder.path()).await;
    let said = "2 of the 3 numbers here cannot be called, the first of them +4401632960313: it is not possible in the numbering \
                plan of GB.";
    assert!(told(&report).contains(said), "{}", told(&report));
    let report = taken_in(run(&world, ImportKind::Files).await.0, folder.path()).await;
    assert_eq!((report.counts.numbers.new, report.counts.numbers.left_out), (3, 0), "{}", told(&report));
}

async fn many_numbers_are_written_in_batches_and_one_that_is_killed_goes_on(world: World) {
    let folder = tempfile::tempdir().unwrap();
    save(folder.path(), "accounts.json", &page(&[account("contoso", CONTOSO), account("fabrikam", FABRIKAM)]));
    let save_page = |at: usize| {
        let numbers: Vec<_> = (0..5_000)
            .map(|n| number(["contoso", "fabrikam"][n % 2], &format!("+44163{:07}", at * 5_000 + n), "synced"))
            .collect();
        save(folder.path(), &format!("numbers-{at}.json"), &page(&numbers));
    };
    (0..5).for_each(save_page);
    // It is gone before it has come to its end: what was not written yet is lost with it.
    let (mut import, _) = run(&world, ImportKind::Files).await;
    files::take_in(&mut import, in_folder(folder.path()).unwrap()).await.unwrap();
    drop(import);
    assert_eq!(numbers(&world.db, "SELECT COUNT(*) FROM numbers").await, [20_000]);
    assert_eq!(texts(&world.db, "SELECT status FROM imports").await, ["running"]);
    nothing_is_pushed(&world).await;

    let report = taken_in(run(&world, ImportKind::Files).await.0, folder.path()).await;
    let counts = report.counts.numbers;
    assert_eq!((counts.new, counts.here, report.problems.len()), (5_000, 20_000, 0), "{}", told(&report));
    assert_eq!(texts(&world.db, "SELECT status FROM imports").await, ["complete"], "it is the same import");
    assert_eq!(numbers(&world.db, "SELECT total FROM orders ORDER BY id").await, [20_000, 5_000]);
    assert_eq!(numbers(&world.db, "SELECT number_count FROM accounts ORDER BY id").await, [12_500, 12_500]);
    nothing_is_pushed(&world).await;
}
