use proptest::prelude::*;

use super::*;
use crate::domain::{Number, Service, ServiceSet, SyncState, TeamsSettings, country};

fn numbers(text: &str) -> Vec<String> {
    Reader::new(text, 1_000)
        .filter_map(|line| match line {
            Line::Number(UploadedNumber { doubt: Some(doubt), .. }) => {
                Some(format!("{}: {} ({})", doubt.line, doubt.reason, doubt.value))
            }
            Line::Number(row) => Some(row.number.to_string()),
            Line::Problem(problem) => Some(format!("{}: {} ({})", problem.line, problem.reason, problem.value)),
            Line::Note(_) => None,
        })
        .collect()
}

#[test]
fn numbers_may_stand_between_any_separators() {
    let expected = ["+441632960000", "+441632960001", "+441632960002"];
    for text in [
        "+441632960000\n+441632960001\n+441632960002",
        "+441632960000,441632960001;+441632960002\n",
        "441632960000 441632960001\t441632960002",
        "Numbers\r\n+441632960000\r\n+441632960001\r\n+441632960002\r\n",
        "\u{feff}+44 1632 960000, +44 (1632) 960-001, +44-1632-960002",
        "+44 1632 960000 +44 1632 960001 +44 1632 960002",
        "'+441632960000\n\"+441632960001\"\n\n+441632960002",
    ] {
        assert_eq!(numbers(text), expected, "{text}");
    }
}

#[test]
fn ranges_are_written_out() {
    let expected = ["+441632960098", "+441632960099", "+441632960100"];
    for text in [
        "+441632960098-+441632960100",
        "+441632960098-0100",
        "+441632960098 - +441632960100",
        "441632960098-441632960100",
        "+441632960098\u{2013}+441632960100",
        "+44 1632 960098 - 0100",
        "+441632960098..+441632960100",
    ] {
        assert_eq!(numbers(text), expected, "{text}");
    }
    assert_eq!(numbers("+12025550100-0101"), ["+12025550100", "+12025550101"]);
    assert_eq!(numbers("+1-202-555-0100"), ["+12025550100"]);
}

#[test]
fn a_cell_holds_a_number_or_a_range() {
    let enabled = "serviceDetails_teamsOperatorConnect_enabled";
    let text = format!(
        "telephoneNumber,{enabled}\n+12065550160-0161,true\n\"+44 1632 960960, 61\",true\n\u{202a}+441632960000\u{202c},true\n\
         +44 (0)1632 960001,true\n"
    );
    insta::assert_snapshot!(numbers(&text).join("\n"), @r"
    +12065550160
    +12065550161
    3: Behind a comma stands no whole number. Write each number whole, with its + and country code. (+44 1632 960960, 61)
    +441632960000
    5: The (0) is dialled within the country only and is no part of the number. Leave it out. (+44 (0)1632 960001)
    ");
    let mends: Vec<Change> = Reader::new(&text, 1_000)
        .filter_map(|line| match line {
            Line::Problem(LineProblem { mend: Some(mend), .. }) => {
                Some(Change { start: mend.start, end: mend.end, written: mend.proposal? })
            }
            _ => None,
        })
        .collect();
    assert_eq!(mends.len(), 1, "a cell has no room for several numbers");
    assert!(mended(&text, mends).ends_with("\n+441632960001,true\n"));
}

#[test]
fn a_short_end_is_said() {
    let notes: Vec<String> = Reader::new("+441632960000-+441632960001\n+44 1632 960098-0100", 10)
        .filter_map(|line| match line {
            Line::Note(note) => Some(format!("{}: {} ({})", note.line, note.text, note.value)),
            _ => None,
        })
        .collect();
    let said = "2: Read as the range from +441632960098 to +441632960100, 3 numbers. (+44 1632 960098-0100)";
    assert_eq!(notes, [said]);
}

#[test]
fn what_is_proposed_mends_a_list() {
    let text = "Numbers\n\u{200e}+44 (0)1632 960000\r\n+441632960010/12;\n+441632960020 x12, +441632960021";
    let changes: Vec<Change> = Reader::new(text, 10)
        .filter_map(|line| match line {
            Line::Problem(LineProblem { mend: Some(mend), .. }) => {
                Some(Change { start: mend.start, end: mend.end, written: mend.proposal? })
            }
            _ => None,
        })
        .collect();
    let right = "Numbers\n+441632960000\r\n+441632960010-+441632960012;\n+441632960020, +441632960021";
    assert_eq!(mended(text, changes), right);
}

#[test]
fn every_problem_names_its_line() {
    let text = "+44163296000x\n01632960000\n12345678901234567\n+441632960000\n+441632960000\n+441632960999-0001\n\
                +441632000000-+441633000000\n";
    insta::assert_snapshot!(numbers(text).join("\n"), @r"
    1: “x” stands for digits. Write both ends of the range that is meant. (+44163296000x)
    2: The country code is missing: a number cannot start with 0; write +44… rather than 0… or 00…. (01632960000)
    3: Too long: 17 digits, and E.164 allows 15 at most. (12345678901234567)
    +441632960000
    5: Stands twice: the first is on line 4. Remove one of the two. (+441632960000)
    6: The range ends at +441632960001, before it starts at +441632960999. Write the smaller number first. (+441632960999-0001)
    7: The range has 1000001 numbers; one order takes up to 1000. (+441632000000-+441633000000)
    ");
}

#[test]
fn reading_stops_at_the_limit_and_says_so() {
    let read: Vec<_> = Reader::new("+441632960000-+441632960999, +441632961000, +441632961001", 1_000).collect();
    assert_eq!(read.len(), 1_001);
    assert!(matches!(read.last(), Some(Line::Problem(p)) if p.reason.contains("up to 1,000 numbers")));
}

#[test]
fn headings_are_checked_all_at_once() {
    insta::assert_snapshot!(numbers("telephone-number,accountName,accountName,colour\n+441632960000,a,b,c\n").join("\n"), @r"
    1: This heading stands twice. Remove one of the two columns. (accountName)
    1: This heading is not known. The headings are those of the CSV export of numbers, or the single heading Numbers. (colour)
    ");
    let read = numbers("acount,usage,service\nb,c,d\n");
    assert!(read[0].starts_with("1: This heading is not known; it may be accountName. "), "{read:?}");
    assert!(read[1].starts_with("1: The heading telephoneNumber is missing. ") && read.len() == 2, "{read:?}");
    let text = "telephoneNumber,serviceDetails_teamsDirectRouting_configuration_subdomain\n+441632960000,contoso\n";
    insta::assert_snapshot!(numbers(text).join("\n"), @"\
        1: This belongs to the account and not to its numbers. Take the column out; set it on the account's page. \
        (serviceDetails_teamsDirectRouting_configuration_subdomain)");
}

#[test]
fn every_cell_of_a_line_is_checked() {
    let text = "telephoneNumber,serviceDetails_teamsOperatorConnect_enabled,\
                serviceDetails_teamsOperatorConnect_configuration_allowTenantAddressUpdate\nabc,perhaps,maybe\n\
                +441632960001,true\n+441632960002,,\n+441632960003,WAHR,non,,,\n+441632960004,true,true,,x\n\
                +441632960005,=A1,true\n";
    let read = numbers(text);
    assert!(read[0].starts_with("2: ") && read[0].ends_with("(abc)"), "{}", read[0]);
    insta::assert_snapshot!(read.get(1..).unwrap().join("\n"), @r"
    2: Write true or false. (perhaps)
    2: Write true or false. (maybe)
    +441632960001
    +441632960002
    +441632960003
    6: The line has 5 cells and the heading row 3. Quote a cell that holds the sign that parts cells. (x)
    7: This is a formula. Copy the column and paste it as values (Paste special, Values), then save the file anew. (=A1)
    ");
}

#[test]
fn a_line_has_one_teams_service_and_any_of_the_others() {
    let text = "telephoneNumber,serviceDetails_teamsOperatorConnect_enabled,\
                serviceDetails_teamsDirectRouting_enabled,serviceDetails_zoomPhoneCloudPeering_enabled,\
                serviceDetails_azureOperatorCallProtection_enabled,\
                serviceDetails_teamsOperatorConnect_configuration_usage\n+441632960000,,true,true,TRUE,\n\
                +441632960001,true,true,,,\n+441632960002,,true,,,CallingUserAssignment\n+441632960003,false,,,,\n\
                +441632960004,,,x,,\n";
    insta::assert_snapshot!(numbers(text).join("\n"), @r"
    +441632960000
    3: A number has at most one of Operator Connect, Teams Phone Mobile, Direct Routing. Write true for one of them. (true)
    4: The line has settings for Operator Connect, which is not enabled on it. Write true, or leave them blank. ()
    +441632960003
    6: Write true or false. (x)
    ");
    let text = "Number;Services\n+441632960000;operatorConnect\n+441632960001;Direct Routing|Zoom\n\
                +441632960002;zoomPhoneCloudPeering, TPM\n+441632960003;Skype\n";
    insta::assert_snapshot!(numbers(text).join("\n"), @r"
    +441632960000
    +441632960001
    +441632960002
    5: Write one of Operator Connect, Teams Phone Mobile, Direct Routing, Zoom Phone Cloud Peering, Azure Operator Call Protection. (Skype)
    ");
}

#[test]
fn a_line_may_be_a_range() {
    for text in [
        "StartingNumber,EndingNumber\n+441632960098,+441632960100\n",
        "Start;End;Count\n+441632960098;+441632960100;3\n",
        "Start\tCount\n+441632960098\t3\n",
        "Number|Usage\n+441632960098-+441632960100|CallingUserAssignment\n",
        "Number|Usage\n+441632960098-0100|\n",
    ] {
        assert_eq!(numbers(text), ["+441632960098", "+441632960099", "+441632960100"], "{text}");
    }
    let text = "Start,End,Count\n+441632960010,+441632960001,\n+441632960010,+4416329600,\n\
                +441632960010,+441632960019,9\n+441632960010,,0\n+441632960010,,5000\n+441632960010,,\n";
    insta::assert_snapshot!(numbers(text).join("\n"), @r"
    2: The range ends at +441632960001, before it starts at +441632960010. Write the smaller number first. ()
    3: The range ends at +4416329600, before it starts at +441632960010. Write the smaller number first. ()
    4: From +441632960010 to +441632960019 there are 10 numbers, and the line says 9. ()
    5: This is no count of numbers. Write a whole number, such as 10. (0)
    6: The range has 5000 numbers; one order takes up to 1000. ()
    +441632960010
    ");
}

#[test]
fn files_of_one_upload_are_read_one_after_the_other() {
    let none = Choices::default();
    let mut reader = Reader::of(Part { name: "a.csv", text: "Number,Usage\n+441632960000,x\n" }, 10, &none);
    assert_eq!(reader.by_ref().count(), 1);
    reader.go_on(Part { name: "b.csv", text: "Numbers\n+441632960001\n\n+441632960000\n" }, &none);
    let read: Vec<_> = reader.collect();
    let [Line::Number(number), Line::Problem(twice)] = read.as_slice() else { panic!("{read:?}") };
    assert_eq!(file_and_line(number.line.into()), (1, 2));
    assert_eq!(file_and_line(twice.line.into()), (1, 4));
    assert_eq!(twice.reason, "Stands twice: the first is on line 2 of a.csv. Remove one of the two.");
}

#[test]
fn a_quote_that_never_closes_is_found() {
    let text = "telephoneNumber,accountName\n+441632960000,contoso\n+441632960001,\"fabrikam\n+441632960002,x\n";
    insta::assert_snapshot!(numbers(text).join("\n"), @"\
        3: A quote is opened here and never closed. Close it with \" at the end of the cell, or write \"\" for a quote \
        within one. (+441632960001,\"fabrikam)");
}

#[test]
fn bytes_that_are_no_text_are_explained() {
    assert!(decode(&[0xFF, 0xFE, b'1', 0]).unwrap_err().contains("UTF-16"));
    assert!(decode(b"1\x002\x003\x004\0").unwrap_err().contains("UTF-16"));
    assert!(decode(b"PK\x03\x04zip").unwrap_err().contains("Excel"));
    assert_eq!(
        decode(b"1\n2\n\xff").unwrap_err(),
        "Line 3 of the file is not UTF-8 text. Save it as \u{201c}CSV UTF-8\u{201d} and choose it again."
    );
    assert_eq!(decode("\u{feff}+44".as_bytes()), Ok("\u{feff}+44"));
}

fn settings() -> impl Strategy<Value = NumberSettings> {
    let word = "[A-Za-z0-9_-]{1,12}";
    let words = prop::collection::vec("[A-Za-z]{1,10}", 0..3);
    // One Teams service at most, and any of the others.
    let services = (0..4_usize, any::<bool>(), any::<bool>()).prop_filter("no service", |s| *s != (3, false, false));
    (
        services,
        "[A-Za-z]{1,20}",
        words.clone(),
        words,
        prop::option::of(word),
        prop::option::of("[=+@-][a-z]{0,9}"),
        any::<bool>(),
        // As a backend may have said it.
        prop::option::of(prop_oneof![Just("UK".to_owned()), "[A-Z]{2}"]),
        prop::option::of(word),
    )
        .prop_map(
            |(
                (teams, zoom, protection),
                usage,
                choosable_capabilities,
                additional_usages,
                civic_address_id,
                location_id,
                allow,
                displayed_country_code,
                header,
            )| {
                let teams = ServiceSet::TEAMS.iter().nth(teams);
                let others = [(zoom, Service::ZoomPhoneCloudPeering), (protection, Service::CallProtection)];
                let others = others.into_iter().filter(|(has, _)| *has).map(|(_, service)| service);
                let settings = NumberSettings {
                    services: teams.into_iter().chain(others).collect(),
                    custom_sip_header: header,
                    ..NumberSettings::default()
                };
                if !settings.has_teams_settings() {
                    return settings;
                }
                let teams = TeamsSettings {
                    usage,
                    choosable_capabilities,
                    additional_usages,
                    civic_address_id,
                    location_id,
                    allow_tenant_address_update: allow,
                    displayed_country_code,
                };
                NumberSettings { teams, ..settings }.normalised()
            },
        )
}

proptest! {
    #[test]
    fn an_export_reads_back_unchanged(settings in settings(), value in 441_632_000_000_i64..441_633_000_000, for_spreadsheets: bool) {
        let number = Number {
            telephone_number: E164::from_i64(value).unwrap(),
            account: "contoso".into(),
            tenant_id: None,
            settings: settings.clone().into(),
            country: None,
            state: SyncState::Synced,
            assigned: false,
            error: None,
            as_sent: None,
            rev: 1,
            order_id: 1,
            changed_at: time::OffsetDateTime::UNIX_EPOCH,
            notice: None,
        };
        let mut csv = csv::Writer::from_writer(Vec::new());
        csv.write_record(HEADINGS.map(Column::heading)).unwrap();
        csv.write_record(cells(&number, for_spreadsheets)).unwrap();
        let text = String::from_utf8(csv.into_inner().unwrap()).unwrap();
        let read: Vec<_> = Reader::new(&text, 10).collect();
        let [Line::Number(row)] = read.as_slice() else { panic!("{read:?}") };
        prop_assert_eq!((row.line, row.number, row.account.as_deref()), (2, number.telephone_number, Some("contoso")));
        let said = row.settings.as_ref().unwrap();
        let mut alone = settings.clone();
        if let Some(code) = &mut alone.teams.displayed_country_code {
            *code = country::iso(code).to_owned();
        }
        prop_assert_eq!(said.alone(), alone);
        prop_assert_eq!(said.over(&settings), settings, "a line over what it was made of changes nothing");
    }

    #[test]
    fn what_a_file_does_not_say_stays(before in settings(), header in "[a-z]{1,9}") {
        let text = format!("Number,SIP header\n+441632960000,{header}\n+441632960001,\n");
        let read: Vec<_> = Reader::new(&text, 10).collect();
        let [Line::Number(set), Line::Number(unset)] = read.as_slice() else { panic!("{read:?}") };
        let after = |row: &UploadedNumber| row.settings.as_ref().unwrap().over(&before);
        prop_assert_eq!(after(set), NumberSettings { custom_sip_header: Some(header), ..before.clone() });
        prop_assert_eq!(after(unset), NumberSettings { custom_sip_header: None, ..before.clone() });
    }

    #[test]
    fn any_workbook_is_answered_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = workbook::read(&[b"PK\x03\x04".as_slice(), &bytes].concat(), None);
    }

    #[test]
    fn any_text_is_answered_without_a_panic(text in "(?s).{0,200}") {
        let _ = Reader::new(&text, 50).count();
    }

    #[test]
    fn any_bytes_are_answered_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = decode(&bytes);
    }
}

#[test]
fn lines_of_csv_are_counted_whatever_ends_them() {
    for end in ["\n", "\r\n"] {
        let text = ["telephoneNumber,accountName", "", "x,a", "+441632960000,\"two", "lines\"", "y,a"].join(end);
        let lines: Vec<u32> = Reader::new(&text, 10)
            .map(|line| match line {
                Line::Problem(problem) => problem.line,
                Line::Number(row) => row.line,
                Line::Note(note) => note.line,
            })
            .collect();
        assert_eq!(lines, [3, 4, 6], "{end:?}");
    }
}

#[test]
fn a_line_that_is_none_is_passed_over() {
    let heads = "telephoneNumber,accountName,serviceDetails_teamsOperatorConnect_enabled";
    let wide = ",".repeat(1_000);
    let long = format!("+441632960001,\"{}\n{}\",true", "x".repeat(40_000), "y".repeat(40_000));
    let text = format!("{heads}\n+441632960000,a,true\n\n{wide}\r\n{wide}\n\n{long}\n+441632960002,b,true\nx,b,true");
    insta::assert_snapshot!(numbers(&text).join("\n"));
}

#[test]
fn headings_cells_and_values_are_bounded() {
    let capabilities = "serviceDetails_teamsOperatorConnect_configuration_choosableCapabilities";
    let enabled = "serviceDetails_teamsOperatorConnect_enabled";
    insta::assert_snapshot!(numbers(&"did,".repeat(500_000)).join("\n"), @"\
        1: The heading row has 500001 cells and 2000000 bytes, far more than the 25 headings that there are. \
        The headings are those of the CSV export of numbers, or the single heading Numbers. \
        (did,did,did,did,did,did,did,did,did,did,did,did,did,did,did,…)");
    insta::assert_snapshot!(numbers(&format!("telephoneNumber,{}\n", "x".repeat(50_000))).join("\n"), @"\
        1: This heading is not known. The headings are those of the CSV export of numbers, or the single heading Numbers. \
        (xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…)");
    let (long, many) = ("x".repeat(5_000), "a;".repeat(101));
    let text = format!(
        "telephoneNumber,{enabled},{capabilities}\n+441632960000,{long},a\n+441632960001,true,{many}\n{long},true,"
    );
    insta::assert_snapshot!("cells_and_values_are_bounded", numbers(&text).join("\n"));
}

#[test]
fn an_entry_is_bounded_and_the_next_one_is_read() {
    let text = format!("{}\n+441632960000\n{}", "1 ".repeat(1_000), "1-".repeat(1_000));
    let read = numbers(&text);
    assert_eq!(read.len(), 3, "{read:?}");
    assert!(read[0].starts_with("1: Too long for a number or a range."), "{}", read[0]);
    assert_eq!(read[1], "+441632960000");
    assert!(read[2].starts_with("3: Too long for a number or a range."), "{}", read[2]);
}

#[test]
fn problems_are_told_up_to_the_limit_of_numbers() {
    for (limit, told) in [(10, 1_000), (5_000, 5_000)] {
        let read: Vec<Line> = Reader::new(&"1x\n".repeat(20_000), limit).collect();
        assert_eq!(read.len(), told + 1);
        let Some(Line::Problem(last)) = read.last() else { panic!("a number") };
        let words = format!("{told} problems were found by here, and no more are told at once.");
        assert!(last.reason.starts_with(&words), "{}", last.reason);
        assert_eq!(last.line as usize, told);
    }
    let text = "+441632960000-+441632960999\n".repeat(1_000);
    assert_eq!(Reader::new(&text, 1_000).count(), 1_000 + 1_000 + 1, "numbers that stand twice count too");
    let mut reader = Reader::new(&text, 1_000);
    reader.refuse(1_000);
    assert_eq!(reader.count(), 1, "what others found counts too");
}

/// The parts of which bad texts are made: each alone, many times, and with every other.
const PARTS: [&str; 26] = [
    "\n",
    "\r\n",
    "\r",
    ",",
    ";",
    "\t",
    " ",
    "\"",
    "\"\"",
    "'",
    "+",
    "-",
    " - ",
    "..",
    "1",
    "1- ",
    "+1-+999999999,",
    "x",
    "+441632960000",
    "+441632960000-0999 ",
    "telephoneNumber",
    "Numbers",
    "\u{2013}",
    "\u{3000}",
    "\0",
    "a;",
];

/// Reads a text to its end and looks at every line that comes out.
fn bounded(text: &str) {
    const LIMIT: usize = 500;
    let mut reader = Reader::new(text, LIMIT);
    let (mut taken, mut problems) = (0, 0);
    loop {
        let chunk = reader.chunk();
        if chunk.is_empty() {
            break;
        }
        assert!(chunk.len() <= CHUNK_LINES);
        assert!(chunk.iter().map(Line::bytes).sum::<usize>() <= CHUNK_BYTES + 200_000);
        for line in chunk {
            let problem = match line {
                Line::Problem(problem) => problem,
                Line::Number(_) => {
                    taken += 1;
                    continue;
                }
                Line::Note(_) => continue,
            };
            problems += 1;
            let heading = problem.heading.as_deref().unwrap_or_default();
            // One more is the ellipsis.
            assert!(heading.chars().count() <= 90, "{heading}");
            assert!(problem.value.chars().count() <= VALUE_SHOWN + 1, "{}", problem.value);
            assert!(problem.reason.chars().count() <= REASON_SHOWN + 1, "{}", problem.reason);
        }
    }
    assert!(taken <= LIMIT, "{taken} numbers");
    // The last line may have a problem in each of its cells, and there is the line that says that reading stopped.
    assert!(problems <= FEWEST_PROBLEMS + 257, "{problems} problems");
}

/// A megabyte of each kind. What is quadratic in the length does not end in minutes.
#[test]
fn reading_takes_work_in_proportion_to_the_text() {
    let begun = std::time::Instant::now();
    let columns = HEADINGS.map(Column::heading).join(",");
    let mut slowest = (std::time::Duration::ZERO, "");
    for part in PARTS {
        for begins in
            ["", "Numbers\n", "telephoneNumber,", "telephoneNumber,accountName\n", &format!("{columns}\n"), "\"", "+1 "]
        {
            let text = format!("{begins}{}", part.repeat(300_000 / part.len()));
            let began = std::time::Instant::now();
            bounded(&text);
            slowest = slowest.max((began.elapsed(), part));
        }
    }
    assert!(slowest.0.as_secs() < 10, "{slowest:?} of {:?}", begun.elapsed());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn whatever_is_read_is_bounded(
        begins in prop::sample::select(vec!["", "Numbers\n", "telephoneNumber,accountName\n", "telephoneNumber;accountName\r\n"]),
        parts in prop::collection::vec((prop::sample::select(PARTS.to_vec()), 1_usize..2_000), 0..12),
        rounds in 1_usize..4,
    ) {
        let text: String = parts.iter().map(|(part, times)| part.repeat(*times)).collect();
        bounded(&format!("{begins}{}", text.repeat(rounds)));
    }

    /// The walk over records and the CSV reader agree on where records are, so that none that is oversized gets through.
    #[test]
    fn records_are_where_the_reader_finds_them(
        parts in prop::collection::vec(prop::sample::select(vec!["a", ",", "\"", "\"\"", "\n", "\r\n", "\r", " ", "'"]), 0..40),
    ) {
        let text = parts.concat();
        let walked: Vec<_> = records::Records::new(&text, b',').collect();
        let read: Vec<_> = csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .from_reader(text.as_bytes())
            .into_records()
            .map(|record| record.unwrap())
            .collect();
        prop_assert_eq!(
            walked.iter().map(|record| record.cells).collect::<Vec<_>>(),
            read.iter().map(csv::StringRecord::len).collect::<Vec<_>>(),
            "{:?}", text
        );
        for (place, record) in walked.iter().enumerate() {
            let lines = text.get(..record.start).unwrap().matches('\n').count() + 1;
            prop_assert_eq!(record.line as usize, lines);
            let behind = records::Records::new(&text, b',').behind(record).collect::<Vec<_>>();
            prop_assert_eq!(&behind, &walked.get(place + 1..).unwrap().to_vec());
        }
    }
}
