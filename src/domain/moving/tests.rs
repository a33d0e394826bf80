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

fn problems<T: std::fmt::Debug>(read: Vec<Incoming<T>>) -> Vec<String> {
    let told = |incoming| match incoming {
        Incoming::Item(item) => vec![format!("{item:?}")],
        Incoming::Problems(problems) => {
            problems.into_iter().map(|p| format!("{} {}: {}", p.line, p.field, p.reason)).collect()
        }
    };
    read.into_iter().flat_map(told).collect()
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
        let read = read_accounts_csv(&csv_of(&[account_cells(&account)]));
        let [Incoming::Item(read)] = read.as_slice() else { panic!("{read:?}") };
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
        let _ = NumbersCsv::default().block(&text);
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
        let whole = problems(NumbersCsv::default().block(&text));
        let (mut csv, mut parted, mut held) = (NumbersCsv::default(), Vec::new(), Vec::new());
        for piece in text.as_bytes().chunks(cut) {
            held.extend_from_slice(piece);
            let end = whole_records(&held);
            let block: Vec<u8> = held.drain(..end).collect();
            if !block.is_empty() {
                parted.extend(problems(csv.block(std::str::from_utf8(&block).unwrap())));
            }
        }
        prop_assert_eq!(whole, parted);
    }
}

#[test]
fn every_problem_of_a_line_of_accounts_is_told() {
    let text = "AccountName,TeamsTenantId,CorrelationId,Services,SyncedServices,Subdomain,CallScreening,Region1Token\n\
                a b,x,,operatorConnect;nonsense,operatorConnect,a.b,perhaps,\"a b\"\n\
                contoso,,,operatorConnect,,fourth,true,\n\
                short,line\n";
    insta::assert_snapshot!(problems(read_accounts_csv(text)).join("\n"));
    assert_eq!(
        problems(read_accounts_csv("AccountName,Colour\ncontoso,blue\n")).len(),
        2,
        "an unknown heading, and one that is missing"
    );
}

#[test]
fn a_number_may_be_without_a_service_and_in_no_plan_but_not_without_an_account() {
    let text =
        "telephoneNumber,accountName,serviceDetails_teamsOperatorConnect_enabled\n+12,contoso,\n+441632960001,,true\n";
    let mut csv = NumbersCsv::default();
    let read = csv.block(text);
    assert!(matches!(&read[0], Incoming::Item(number) if number.number.as_i64() == 12));
    assert!(matches!(&read[1], Incoming::Problems(found) if found[0].line == 3 && found[0].field == "accountName"));
    assert!(!csv.is_refused());
    let mut csv = NumbersCsv::default();
    assert_eq!(problems(csv.block("Numbers\n+441632960001\n")).len(), 1);
    assert!(csv.is_refused());
}
