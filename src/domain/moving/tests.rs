use std::fmt::Write as _;

use proptest::prelude::*;

use super::*;
use crate::domain::direct_routing::SubdomainStatus;
use crate::domain::upload::{Column, HEADINGS};
use crate::domain::{Account, DirectRouting, Service, ServiceSet, TenantId};

fn csv_of(rows: &[Vec<String>]) -> String {
    let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
    writer.write_record(ACCOUNT_HEADINGS).unwrap();
    for row in rows {
        writer.write_record(row).unwrap();
    }
    String::from_utf8(writer.into_inner().unwrap()).unwrap()
}

fn told(problem: &MovingProblem) -> String {
    format!("{} {}: {}", problem.line, problem.field, problem.reason)
}

fn read<T: std::fmt::Debug>(incoming: Incoming<T>) -> Vec<String> {
    match incoming {
        Incoming::Item(item) => vec![format!("{item:?}")],
        Incoming::Problems(problems) => problems.iter().map(told).collect(),
    }
}

/// What is told of a file of accounts, and each of its accounts.
fn of_accounts(text: &str) -> Vec<String> {
    let ReadAccounts { told: of_file, accounts } = read_accounts_csv(text);
    of_file.iter().map(told).chain(accounts.into_iter().flat_map(read)).collect()
}

/// What is told of a file of numbers, and each of its numbers, read in pieces of so many bytes.
fn of_numbers(text: &str, piece: usize) -> Vec<String> {
    let (mut csv, mut lines) = (NumbersCsv::default(), Vec::new());
    let mut give = |found| {
        match found {
            OfNumbers::Numbers(numbers) => lines.extend(numbers.into_iter().flat_map(read)),
            OfNumbers::Told(problem) => lines.push(told(&problem)),
        }
        true
    };
    let mut rest = text;
    loop {
        let (piece, behind) = rest.split_at(rest.ceil_char_boundary(piece.min(rest.len())));
        csv.read(piece, behind.is_empty(), &mut give);
        if behind.is_empty() {
            return lines;
        }
        rest = behind;
    }
}

prop_compose! {
    fn any_account()(
        name in "[A-Za-z0-9_-]{1,20}",
        with_tenant: bool,
        correlation_id in proptest::option::of("[ -~é]{1,40}"),
        services in 0_i64..32,
        synced in 0_i64..16,
        subdomain in proptest::option::of("[a-z0-9_-]{1,10}"),
        call_screening: bool,
        tokens in ["[A-Za-z0-9=_-]{1,20}", "[A-Za-z0-9=_-]{0,20}"],
        created in 0_i64..4_000_000_000,
    ) -> Account {
        let services = ServiceSet::from_bits(services);
        let backed = !services.and(ServiceSet::WITH_TEAMS_SETTINGS).is_empty();
        let tenant = TenantId::parse("a7f4bd5c-cc01-40f4-8baa-2b6bdb272b8a").unwrap();
        let routing = subdomain.filter(|_| services.contains(Service::DirectRouting));
        Account {
            id: 1,
            name,
            correlation_id,
            tenant_id: (with_tenant || backed).then_some(tenant),
            services,
            synced: ServiceSet::from_bits(synced),
            number_count: 0,
            direct_routing: routing.map(|subdomain| DirectRouting { call_screening, subdomain, tokens }),
            subdomain_status: SubdomainStatus::default(),
            as_sent: crate::domain::AccountAsSent::default(),
            deleting: false,
            rev: 1,
            created_at: OffsetDateTime::from_unix_timestamp(created).unwrap(),
            updated_at: OffsetDateTime::UNIX_EPOCH,
        }
    }
}

proptest! {
    #[test]
    fn an_exported_account_reads_back_as_it_was(account in any_account()) {
        let text = csv_of(&[account_cells(&account)]);
        prop_assert!(is_accounts_csv(&text));
        let ReadAccounts { told, accounts } = read_accounts_csv(&text);
        let [Incoming::Item(read)] = accounts.as_slice() else { panic!("{accounts:?}") };
        prop_assert!(told.is_empty(), "{told:?}");
        prop_assert_eq!(read.draft.name.as_str(), &account.name);
        prop_assert_eq!(&read.draft.tenant_id, &account.tenant_id);
        prop_assert_eq!(&read.draft.correlation_id, &account.correlation_id);
        prop_assert_eq!((read.draft.services, read.draft.synced), (account.services, account.synced));
        prop_assert_eq!(&read.draft.direct_routing, &account.direct_routing);
        prop_assert_eq!(read.created_at, Some(account.created_at));
    }

    #[test]
    fn any_text_is_answered_without_a_panic(text in "(?s).{0,200}") {
        let _ = read_accounts_csv(&text);
        let _ = of_numbers(&text, text.len().max(1));
        let _ = is_accounts_csv(&text);
    }

    #[test]
    fn a_file_of_numbers_reads_the_same_wherever_it_is_parted(cut in 1_usize..400) {
        let mut text = format!("{}\r\n", HEADINGS.map(Column::heading).join(","));
        for n in 0..20 {
            let account = if n % 3 == 0 { "\"con\r\ntoso\"" } else { "contoso" };
            let rest = ",".repeat(20);
            let _ = write!(text, "+4416329600{n:02},{account},true,assigned,CallingUserAssignment{rest}\r\n");
        }
        let whole = of_numbers(&text, text.len());
        let parted = of_numbers(&text, cut);
        prop_assert_eq!(whole, parted);
    }
}

#[test]
fn every_problem_of_a_line_of_accounts_is_told() {
    let text = "AccountName,TeamsTenantId,CorrelationId,Services,SyncedServices,Subdomain,CallScreening,Region1Token\n\
                a b,x,,operatorConnect;nonsense,operatorConnect,a.b,perhaps,\"a b\"\n\
                contoso,,,operatorConnect,,fourth,true,\n\
                short,line\n";
    insta::assert_snapshot!(of_accounts(text).join("\n"));
    assert_eq!(
        of_accounts("AccountName,Colour\ncontoso,blue\n"),
        [
            "1 Services: The heading Services is missing.",
            "1 Colour: This heading is not known, and the column was not read. Those of accounts are AccountName, \
             TeamsTenantId, CorrelationId, Services, SyncedServices, Numbers, CreatedAt, Subdomain, CallScreening, \
             Region1Token, Region2Token."
        ]
    );
}

/// What an account of each file is, in short.
fn short(text: &str) -> Vec<String> {
    assert!(is_accounts_csv(text), "{text}");
    let ReadAccounts { told: of_file, accounts } = read_accounts_csv(text);
    let account = |incoming| match incoming {
        Incoming::Item(IncomingAccount { draft, line, .. }) => vec![format!(
            "{line} {} {} {} {}",
            draft.name.as_str(),
            draft.tenant_id.map(|tenant| tenant.as_str().chars().take(4).collect::<String>()).unwrap_or_default(),
            draft.services.in_words(),
            draft
                .direct_routing
                .map(|routing| format!("{} {}", routing.subdomain, routing.call_screening))
                .unwrap_or_default()
        )],
        Incoming::Problems(problems) => problems.iter().map(told).collect(),
    };
    of_file.iter().map(told).chain(accounts.into_iter().flat_map(account)).collect()
}

#[test]
fn files_of_accounts_are_read_as_people_have_them() {
    let tenant = "a7f4bd5c-cc01-40f4-8baa-2b6bdb272b8a";
    let right = ["contoso a7f4 Operator Connect and Direct Routing fourth false"];
    for text in [
        format!(
            "Account Name,Tenant ID,Services,Sub-domain,Call screening\n\
             contoso,{tenant},\"Operator Connect;Direct Routing\",fourth,no\n"
        ),
        format!("sep=;\r\nACCOUNT;TENANT;SERVICE;LABEL;CALL_SCREENING\r\ncontoso;{tenant};OC|DR;fourth;FALSCH\r\n"),
        format!(
            "account\tteams tenant\tservices\tsubdomain\tcall screening\n\
             contoso\t{tenant}\toperatorConnect, directRouting\tfourth\t0\n"
        ),
        format!(
            "Customers of 2026\n\nname|tenant|services|subdomain|callScreening||\ncontoso|{tenant}|oc;dr|fourth|non||\n"
        ),
        format!(
            "\u{feff}accountName,serviceDetails_teamsTenantId,serviceDetails_teamsOperatorConnect_enabled,Direct Routing,\
                 serviceDetails_teamsDirectRouting_configuration_subdomain,\
                 serviceDetails_teamsDirectRouting_configuration_callScreening\ncontoso,\u{200b}{tenant},WAHR,ja,fourth,nein\n"
        ),
    ] {
        let read: Vec<String> = short(&text).into_iter().filter(|line| !line.contains("before the headings")).collect();
        let bare: Vec<&str> = read.iter().filter_map(|line| line.split_once(' ')).map(|(_, rest)| rest).collect();
        assert_eq!(bare, right, "{text}");
    }
    // Cells that are missing at the end are blank, lines are those of the file, and every problem is told.
    let text = format!(
        "Report\r\n\r\nAccountName;Services;TeamsTenantId;Subdomain;Colour\r\nshort;zoom\r\n\r\n\
         long;zoom;;;red;blue\r\n\"bad name\";zoom|skype|fax;{tenant};=A1\r\n"
    );
    insta::assert_snapshot!("accounts_with_problems", short(&text).join("\n"));
}

#[test]
fn what_nobody_can_be_asked_about_is_refused_or_said() {
    let refused = |text: &str| {
        let ReadAccounts { told: of_file, accounts } = read_accounts_csv(text);
        assert!(accounts.is_empty(), "{text}");
        of_file.iter().map(told).collect::<Vec<_>>().join("\n")
    };
    assert!(refused("AccountName,Services,Acount Name\na,zoom,b\n").contains("it may be AccountName"));
    assert!(refused("AccountName,Services,Account\na,zoom,b\n").contains("stands twice"));
    assert!(refused("AccountName,Services,Zoom Phone Cloud Peering\na,zoom,yes\n").contains("single services"));
    assert!(refused("AccountName,Services\n\"a,zoom\n").contains("never closed"));
}

#[test]
fn accounts_and_numbers_are_told_apart() {
    for accounts in [
        "Tenant,Subdomain\n",
        "Account;Services;Numbers\ncontoso;zoom;120\n",
        "Account;Tenant;Customer no\ncontoso;;4500123456\n",
        "Account\n",
    ] {
        assert!(is_accounts_csv(accounts), "{accounts}");
    }
    for numbers in [
        "telephoneNumber,accountName,serviceDetails_teamsOperatorConnect_enabled\n",
        "start,end,count,accountName\n",
        "Numbers;Account;Service\n+441632960000;contoso;zoom\n",
        "Numbers;Account;Tenant\n+441632960000;contoso;\n",
        "Rufnr.;Account;Services\n+44 1632 960000;contoso;zoom\n",
        "Numbers\n+441632960000\n",
        "",
    ] {
        assert!(!is_accounts_csv(numbers), "{numbers}");
    }
}

#[test]
fn files_of_numbers_are_read_as_people_have_them() {
    for text in [
        "Phone Number;Account;Services;Colour\n+44 1632 960000;contoso;zoom;x\n+441632960001;contoso;Zoom\n",
        "sep=|\nNumber|Account|Service\n+441632960000|contoso|zoom\n'+441632960001|contoso|zoom||\n",
        "#TYPE x\nnumber\taccount name\tservice\n\n=\"+441632960000\"\tcontoso\tzoom\n+441632960001\tcontoso\tzoom\n",
        "Start,End,Account,Services\n+441632960000,+441632960001,contoso,zoom\n",
        "Start,Count,Account,Services\n+441632960000,2,contoso,zoom\n",
        "Number,Account,Services\n+441632960000-+441632960001,contoso,zoom\n",
        "Numbers\n\nNumber,Account,Services\n+441632960000,contoso,zoom\n+441632960001,contoso,zoom\n",
    ] {
        for piece in [text.len(), 64] {
            let read = of_numbers(text, piece);
            let numbers: Vec<&String> = read.iter().filter(|line| line.starts_with("IncomingNumber")).collect();
            assert_eq!(numbers.len(), 2, "{text} {read:?}");
            assert!(numbers[0].contains("960000") && numbers[1].contains("960001"), "{numbers:?}");
            let mut others = read.iter().filter(|line| !line.starts_with("IncomingNumber"));
            assert!(others.all(|line| line.contains("was not read")), "{read:?}");
        }
    }
    let all = |text: &str| of_numbers(text, text.len()).join("\n");
    let many = all("Start,Count,Account\n+10000000000,9000000000,contoso\n");
    assert!(many.contains("2 telephoneNumber: The range has 9000000000 numbers"), "{many}");
    let near = all("Number,Acount\n+441632960000,contoso\n");
    assert!(near.contains("1 Acount: This heading is not known; it may be accountName"), "{near}");
    let none = all("Number,Usage\n+441632960000,x\n");
    assert!(none.starts_with("1 accountName: The heading accountName is missing"), "{none}");
    let said = all("Report\nNumber,Account,Order,Colour\n+441632960000,contoso,7,red\nx,\"con,8\n");
    assert!(said.contains("A quote is opened here"), "{said}");
    let said = all("Report\nNumber,Account,Order,Colour\n+441632960000,contoso,7,red\n");
    assert!(
        said.contains("2 Order: The column was not read") && said.contains("2 Colour: The column was not read"),
        "{said}"
    );
    assert!(said.contains("1 : This line stands before the headings"), "{said}");
}

#[test]
fn a_number_may_be_without_a_service_and_in_no_plan_but_not_without_an_account() {
    let text =
        "telephoneNumber,accountName,serviceDetails_teamsOperatorConnect_enabled\n+12,contoso,\n+441632960001,,true\n";
    let read = of_numbers(text, text.len());
    assert!(read[0].contains("IncomingNumber") && read[0].contains("12"), "{read:?}");
    assert!(read[1].starts_with("3 accountName: The line names no account"), "{read:?}");
    assert_eq!(of_numbers("Numbers\n+441632960001\n", 100).len(), 1);
}
