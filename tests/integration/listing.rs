//! The lists of the Provisioning API: every filter against a plain reading of it in memory, every page at its place.

use nmp::domain::filter::{AccountField, AddressField, ConsentField, Filter, NumberField, parse};
use nmp::domain::{
    Account, AccountForm, CivicAddress, Consent, E164, Number, NumberSettings, Service, ServiceSet, SyncState,
};
use nmp::service::Error;
use nmp::service::api::accounts::CountedAccount;
use nmp::service::listing::{self, ListPart, Window};
use nmp::store::ConsentRow;

use crate::harness::database::execute;
use crate::harness::on_both_databases;
use crate::harness::world::{CONTOSO, FABRIKAM, World, account_form, direct_routing, grant, number, tenant};
use crate::numbers::fill;

mod written;

use written::{Asked, Item, List, Value, check, enabled, text};

on_both_databases![
    numbers_are_found_by_every_filter,
    accounts_are_found_by_every_filter,
    consents_are_found_by_every_filter,
    civic_addresses_are_found_by_every_filter,
    what_has_no_value_is_in_no_list_filtered_by_it,
    what_is_on_its_way_out_is_in_no_list,
    an_account_is_listed_with_the_counts_of_its_services,
    a_plus_that_became_a_blank_is_a_plus,
    a_country_is_found_by_either_of_its_codes,
];

const FLAGS: &[&str] = &["true", "false"];
const STATES: &[&str] = &["synced", "pending", "failed", "releasing", "Synced", "ed", "", "p"];

const NUMBER_FIELDS: &[Asked] = &[
    (
        "telephoneNumber",
        '\'',
        &[
            "+441632960007",
            "+4416",
            "+44163296000",
            "+12",
            "+",
            "",
            "44",
            "1632",
            "0000",
            "+0",
            "6+",
            "x",
            "+4416329600071",
        ],
    ),
    ("accountName", '\'', &["contoso", "fabrikam", "Contoso", "nobody", "o", "fab", "%", "_", ""]),
    ("serviceProvisioningStatus", '\'', STATES),
    ("serviceDetails/teamsOperatorConnect/enabled", 't', FLAGS),
    ("serviceDetails/teamsPhoneMobile/enabled", 't', FLAGS),
    ("serviceDetails/teamsDirectRouting/enabled", 't', FLAGS),
    ("serviceDetails/zoomPhoneCloudPeering/enabled", 't', FLAGS),
    ("serviceDetails/azureOperatorCallProtection/enabled", 't', FLAGS),
    (
        "serviceDetails/teamsOperatorConnect/configuration/usage",
        '\'',
        &["CallingUserAssignment", "ConferenceAssignment", "Assignment", "calling", ""],
    ),
    ("serviceDetails/teamsPhoneMobile/configuration/usage", '\'', &["ConferenceAssignment", "Conf", "conf"]),
    ("serviceDetails/teamsOperatorConnect/assignmentStatus", '\'', &["assigned", "unassigned", "un", ""]),
    ("serviceDetails/teamsPhoneMobile/assignmentStatus", '\'', &["assigned", "unassigned"]),
    ("configuration/customSipHeader", '\'', &["sales", "Sales_1", "sales_1", "_", "%", "s", "S", ""]),
];

struct Numbers<'a>(&'a World, Option<&'a str>);

impl List for Numbers<'_> {
    type Field = NumberField;
    type Key = E164;

    async fn page(&self, filter: &Filter<NumberField>, window: &Window<E164>) -> (Vec<E164>, bool) {
        let listed = listing::numbers(&self.0.ctx, &grant(), self.1, filter, window).await.unwrap();
        (listed.items.iter().map(|number| number.telephone_number).collect(), listed.more)
    }

    async fn count(&self, filter: &Filter<NumberField>) -> i64 {
        listing::count_numbers(&self.0.ctx, &grant(), self.1, filter).await.unwrap()
    }
}

fn number_item(number: &Number) -> (E164, Item) {
    let services = number.settings.services;
    let usage = |service| services.contains(service).then(|| Value::Text(number.settings.teams.usage.clone()));
    let status = if number.assigned { "assigned" } else { "unassigned" };
    let assignment = |service| services.contains(service).then(|| Value::Text(status.to_owned()));
    let item = vec![
        text(number.telephone_number),
        text(&number.account),
        text(number.state.key()),
        enabled(services, Service::OperatorConnect),
        enabled(services, Service::TeamsPhoneMobile),
        enabled(services, Service::DirectRouting),
        enabled(services, Service::ZoomPhoneCloudPeering),
        enabled(services, Service::CallProtection),
        usage(Service::OperatorConnect),
        usage(Service::TeamsPhoneMobile),
        assignment(Service::OperatorConnect),
        assignment(Service::TeamsPhoneMobile),
        number.settings.custom_sip_header.as_ref().and_then(text),
    ];
    (number.telephone_number, item)
}

/// Numbers of all kinds, also of services that have no backend.
async fn fill_numbers(world: &World) {
    fill(world).await;
    let local = |services: &[Service], header: &str| NumberSettings {
        services: services.iter().copied().collect(),
        custom_sip_header: Some(header.to_owned()),
        ..NumberSettings::default()
    };
    let mut tx = world.db.begin().await.unwrap();
    let mut ids = Vec::new();
    for settings in [
        local(&[Service::DirectRouting, Service::CallProtection], "Sales_1"),
        local(&[Service::ZoomPhoneCloudPeering], "sales-1"),
        NumberSettings { custom_sip_header: None, ..local(&[Service::OperatorConnect, Service::CallProtection], "") },
    ] {
        ids.push(tx.intern_settings(&settings).await.unwrap());
    }
    tx.commit().await.unwrap();
    for (id, remainder) in ids.iter().zip([3, 4, 5]) {
        let sql = format!("UPDATE numbers SET settings_id = {id} WHERE telephone_number % 9 = {remainder}");
        execute(&world.db, &sql).await;
    }
}

async fn numbers_are_found_by_every_filter(world: World) {
    fill_numbers(&world).await;
    let mut tx = world.db.read().await.unwrap();
    let page = tx.numbers_page(&nmp::store::NumberFilter::default(), nmp::store::Page::First, 10_000).await.unwrap();
    drop(tx);
    let kept: Vec<&Number> = page.numbers.iter().filter(|number| number.state != SyncState::Releasing).collect();
    let items: Vec<(E164, Item)> = kept.iter().map(|number| number_item(number)).collect();
    check(&Numbers(&world, None), NUMBER_FIELDS, &items, 250).await;
    let of_contoso: Vec<(E164, Item)> =
        kept.iter().filter(|number| &*number.account == "contoso").map(|number| number_item(number)).collect();
    check(&Numbers(&world, Some("contoso")), NUMBER_FIELDS, &of_contoso, 100).await;
    let missing = listing::numbers(&world.ctx, &grant(), Some("Contoso"), &Filter::default(), &Window::first(9)).await;
    assert!(matches!(missing, Err(Error::NotFound("account"))));
}

const ACCOUNT_FIELDS: &[Asked] = &[
    ("name", '\'', &["contoso", "Contoso", "Contoso_2", "contoso-", "_", "-", "o", ""]),
    ("correlationId", '\'', &["50%_x", "50", "%", "_x", "Caf\u{e9}", "\u{e9}", "caf\u{e9}", "O'Brien", "'", ""]),
    ("serviceProvisioningStatus", '\'', STATES),
    ("serviceDetails/teamsTenantId", '\'', &[CONTOSO, FABRIKAM, "a7f4", "-", ""]),
    ("serviceDetails/teamsOperatorConnect/enabled", 't', FLAGS),
    ("serviceDetails/teamsPhoneMobile/enabled", 't', FLAGS),
    ("serviceDetails/teamsDirectRouting/enabled", 't', FLAGS),
    ("serviceDetails/zoomPhoneCloudPeering/enabled", 't', FLAGS),
    ("serviceDetails/azureOperatorCallProtection/enabled", 't', FLAGS),
];

struct Accounts<'a>(&'a World);

impl List for Accounts<'_> {
    type Field = AccountField;
    type Key = String;

    async fn page(&self, filter: &Filter<AccountField>, window: &Window<String>) -> (Vec<String>, bool) {
        let ListPart { items, more } = listing::accounts(&self.0.ctx, &grant(), filter, window).await.unwrap();
        (items.into_iter().map(|counted| counted.account.name).collect(), more)
    }

    async fn count(&self, filter: &Filter<AccountField>) -> i64 {
        listing::count_accounts(&self.0.ctx, &grant(), filter).await.unwrap()
    }
}

fn account_item(account: &Account) -> (String, Item) {
    let item = vec![
        text(&account.name),
        account.correlation_id.as_ref().and_then(text),
        text("synced"),
        account.tenant_id.as_ref().and_then(text),
        enabled(account.services, Service::OperatorConnect),
        enabled(account.services, Service::TeamsPhoneMobile),
        enabled(account.services, Service::DirectRouting),
        enabled(account.services, Service::ZoomPhoneCloudPeering),
        enabled(account.services, Service::CallProtection),
    ];
    (account.name.clone(), item)
}

async fn accounts_are_found_by_every_filter(world: World) {
    let mut accounts = Vec::new();
    let correlations = ["", "50%_x", "501xx", "Caf\u{e9}", "O'Brien", "caf\u{e9} 50"];
    for index in 0..40_usize {
        let services: ServiceSet = Service::ALL.into_iter().filter(|s| index % (2 + *s as usize) == 0).collect();
        let services = if services.is_empty() { Service::ZoomPhoneCloudPeering.into() } else { services };
        let backed = !services.and(ServiceSet::WITH_TEAMS_SETTINGS).is_empty();
        let form = AccountForm {
            name: format!("{}{}{index}", ["contoso", "Contoso", "fabrikam"][index % 3], ["-", "_"][index % 2]),
            correlation_id: correlations[index % correlations.len()].to_owned(),
            tenant_id: if backed || index % 4 == 0 { [CONTOSO, FABRIKAM][index % 2].to_owned() } else { String::new() },
            services,
            direct_routing: direct_routing(&format!("label-{index}")),
            ..AccountForm::default()
        };
        accounts.push(world.create(&form).await);
    }
    assert!(accounts.iter().any(|account| account.tenant_id.is_none()));
    execute(&world.db, "UPDATE accounts SET deleting = TRUE WHERE name LIKE '%7'").await;
    accounts.retain(|account| !account.name.ends_with('7'));
    accounts.sort_by(|a, b| a.name.cmp(&b.name));
    let items: Vec<(String, Item)> = accounts.iter().map(account_item).collect();
    check(&Accounts(&world), ACCOUNT_FIELDS, &items, 200).await;
}

const CONSENT_FIELDS: &[Asked] = &[
    ("tenantId", '\'', &[CONTOSO, "00000000-0000-4000-8000-000000000012", "0000", "-", ""]),
    ("status", '\'', &["active", "suspended", "Active", "sus", "e", ""]),
    ("accountName", '\'', &["account-1", "account-2", "Account", "-", ""]),
    ("consentedCountries", '[', &["US", "GB", "DE", "FR", "U", "", "US,GB", ","]),
    ("customerRelationship/status", '\'', &["AgreementSigned", "Agreement", "signed", ""]),
    ("serviceProvisioningStatus", '\'', STATES),
];

struct Consents<'a>(&'a World);

impl List for Consents<'_> {
    type Field = ConsentField;
    type Key = String;

    async fn page(&self, filter: &Filter<ConsentField>, window: &Window<String>) -> (Vec<String>, bool) {
        let listed = listing::consents(&self.0.ctx, &grant(), filter, window).await.unwrap();
        (listed.items.iter().map(|item| item.consent.consent.tenant_id.to_string()).collect(), listed.more)
    }

    async fn count(&self, filter: &Filter<ConsentField>) -> i64 {
        listing::count_consents(&self.0.ctx, &grant(), filter).await.unwrap()
    }
}

fn consent_item(row: &ConsentRow) -> (String, Item) {
    let consent: &Consent = &row.consent;
    let relationship = &consent.customer_relationship.status;
    let item = vec![
        text(&consent.tenant_id),
        text(&consent.status),
        row.account.as_ref().and_then(text),
        Some(Value::List(consent.consented_countries.clone())),
        Some(relationship).filter(|status| !status.is_empty()).and_then(text),
        text(row.sync_state.key()),
    ];
    (consent.tenant_id.to_string(), item)
}

async fn consents_are_found_by_every_filter(world: World) {
    let mut tenants = vec![CONTOSO.to_owned()];
    tenants.extend((0..35).map(|index| format!("00000000-0000-4000-8000-{index:012}")));
    for (index, id) in tenants.iter().enumerate() {
        let mut consent = world.consent(id, "A company", ["active", "suspended", "NotActive"][index % 3]).await;
        let countries: &[&str] = [&["US", "GB"][..], &["DE"], &[], &["US", "DE", "FR"]][index % 4];
        consent.consented_countries = countries.iter().map(|country| (*country).to_owned()).collect();
        ["AgreementSigned", "", "ConsentDeclined"][index % 3].clone_into(&mut consent.customer_relationship.status);
        world.pull_consent(&consent).await;
        if index % 5 == 0 {
            for name in [format!("account-{index}"), format!("a-later-{index}")] {
                world.create(&account_form(&name, id)).await;
            }
        }
    }
    execute(&world.db, "UPDATE accounts SET deleting = TRUE WHERE name LIKE 'a-later-%5' OR name = 'account-20'").await;
    execute(&world.db, "UPDATE consents SET sync_state = 'pending' WHERE tenant_id LIKE '%1'").await;
    execute(&world.db, "UPDATE consents SET sync_state = 'failed' WHERE tenant_id LIKE '%2'").await;
    let mut items = Vec::new();
    let mut tx = world.db.read().await.unwrap();
    tenants.sort();
    for id in &tenants {
        items.push(consent_item(&tx.consent(&tenant(id)).await.unwrap().unwrap()));
    }
    drop(tx);
    check(&Consents(&world), CONSENT_FIELDS, &items, 200).await;
}

const ADDRESS_FIELDS: &[Asked] = &[
    ("id", '\'', &["address-1", "address-12", "Address", "-", ""]),
    ("country", '\'', &["GB", "CH", "gb", "G", ""]),
    ("cityOrTown", '\'', &["Z\u{fc}rich", "z\u{fc}rich", "\u{fc}", "Bath", "King's Lynn", "'s", ""]),
    ("postalOrZipCode", '\'', &["BA1 1AA", "BA1", " ", "8001", ""]),
    ("companyName", '\'', &["50% Ltd_", "%", "_", "Ltd", "\\", "\"", ""]),
    ("description", '\'', &["Head office", "head", "null", ""]),
    ("validationStatus", '\'', &["validated", "notValidated", "alidated", ""]),
];

struct Addresses<'a>(&'a World);

impl List for Addresses<'_> {
    type Field = AddressField;
    type Key = String;

    async fn page(&self, filter: &Filter<AddressField>, window: &Window<String>) -> (Vec<String>, bool) {
        let listed = listing::civic_addresses(&self.0.ctx, &grant(), "contoso", filter, window).await.unwrap();
        (listed.items.into_iter().map(|address| address.id).collect(), listed.more)
    }

    async fn count(&self, filter: &Filter<AddressField>) -> i64 {
        listing::count_civic_addresses(&self.0.ctx, &grant(), "contoso", filter).await.unwrap()
    }
}

fn address_item(address: &CivicAddress) -> (String, Item) {
    let item = vec![
        text(&address.id),
        address.country.as_ref().and_then(text),
        address.city_or_town.as_ref().and_then(text),
        address.postal_or_zip_code.as_ref().and_then(text),
        address.company_name.as_ref().and_then(text),
        address.description.as_ref().and_then(text),
        address.validation_status.as_ref().and_then(text),
    ];
    (address.id.clone(), item)
}

async fn civic_addresses_are_found_by_every_filter(world: World) {
    world.account("contoso").await;
    let pick = |index: usize, values: &[Option<&str>]| values[index % values.len()].map(str::to_owned);
    let mut addresses: Vec<CivicAddress> = (0..36)
        .map(|index| CivicAddress {
            id: format!("address-{index}"),
            country: pick(index, &[Some("GB"), Some("CH"), None, Some("")]),
            city_or_town: pick(
                index,
                &[Some("Bath"), Some("Z\u{fc}rich"), Some("King's Lynn"), None, Some("z\u{fc}rich")],
            ),
            postal_or_zip_code: pick(index, &[Some("BA1 1AA"), None, Some("8001")]),
            company_name: pick(index, &[Some("50% Ltd_"), Some("50x Ltdx"), Some("a\\b \"c\""), None, None, Some("")]),
            description: pick(index, &[Some("Head office"), Some("null"), None]),
            validation_status: pick(index, &[Some("validated"), Some("notValidated"), None]),
            ..CivicAddress::default()
        })
        .collect();
    let mut tx = world.db.begin().await.unwrap();
    tx.upsert_civic_addresses(&tenant(CONTOSO), &addresses, world.clock.now()).await.unwrap();
    tx.upsert_civic_addresses(&tenant(FABRIKAM), &addresses[..3], world.clock.now()).await.unwrap();
    tx.commit().await.unwrap();
    addresses.sort_by(|a, b| a.id.cmp(&b.id));
    let items: Vec<(String, Item)> = addresses.iter().map(address_item).collect();
    check(&Addresses(&world), ADDRESS_FIELDS, &items, 200).await;
    // An account without a tenant has none.
    let services = Service::ZoomPhoneCloudPeering.into();
    world.create(&AccountForm { name: "zoomed".into(), services, ..AccountForm::default() }).await;
    let none = listing::civic_addresses(&world.ctx, &grant(), "zoomed", &Filter::default(), &Window::first(9)).await;
    assert_eq!(none.unwrap(), ListPart::default());
    let count = listing::count_civic_addresses(&world.ctx, &grant(), "zoomed", &Filter::default()).await;
    assert_eq!(count.unwrap(), 0);
}

async fn what_has_no_value_is_in_no_list_filtered_by_it(world: World) {
    fill_numbers(&world).await;
    let count =
        async |text: &str| listing::count_numbers(&world.ctx, &grant(), None, &parse(text).unwrap()).await.unwrap();
    let header = "configuration/customSipHeader";
    let with_header = count(&format!("startswith({header},'')")).await;
    let sales = count(&format!("{header} eq 'sales'")).await;
    assert!(sales > 0 && sales < with_header);
    for other in [
        format!("{header} ne 'sales'"),
        format!("not ({header} eq 'sales')"),
        format!("not not not {header} eq 'sales'"),
    ] {
        assert_eq!(count(&other).await, with_header - sales, "{other}");
    }
    let all = count(&format!("{header} eq 'sales' or accountName ne 'nobody'")).await;
    assert!(all > with_header, "what else holds still counts");
    let mobile = "serviceDetails/teamsPhoneMobile";
    let enabled = count(&format!("{mobile}/enabled eq true")).await;
    assert_eq!(count(&format!("{mobile}/assignmentStatus ne 'x'")).await, enabled);
    assert_eq!(count(&format!("{mobile}/enabled ne true")).await, all - enabled, "what is not there is not enabled");
}

async fn what_is_on_its_way_out_is_in_no_list(world: World) {
    world.local_account("contoso").await;
    world.upload("contoso", "+441632960000-0009").await;
    execute(&world.db, "UPDATE numbers SET state = 'releasing' WHERE telephone_number % 5 = 0").await;
    let window = Window::first(100);
    for account in [None, Some("contoso")] {
        for filter in [Filter::default(), parse("accountName eq 'contoso'").unwrap()] {
            let listed = listing::numbers(&world.ctx, &grant(), account, &filter, &window).await.unwrap();
            assert_eq!(listed.items.len(), 8);
            assert_eq!(listing::count_numbers(&world.ctx, &grant(), account, &filter).await.unwrap(), 8);
        }
    }
    execute(&world.db, "UPDATE accounts SET deleting = TRUE").await;
    let gone = listing::numbers(&world.ctx, &grant(), Some("contoso"), &Filter::default(), &window).await;
    assert!(matches!(gone, Err(Error::NotFound("account"))));
    let gone = listing::civic_addresses(&world.ctx, &grant(), "contoso", &Filter::default(), &Window::first(100)).await;
    assert!(matches!(gone, Err(Error::NotFound("account"))));
    assert_eq!(listing::count_accounts(&world.ctx, &grant(), &Filter::default()).await.unwrap(), 0);
}

async fn an_account_is_listed_with_the_counts_of_its_services(world: World) {
    let form = AccountForm { services: Service::ALL.into_iter().collect(), ..account_form("contoso", CONTOSO) };
    world.create(&form).await;
    world.account("fabrikam").await;
    world.upload("contoso", "+441632960000-0009").await;
    let listed = listing::accounts(&world.ctx, &grant(), &Filter::default(), &Window::first(100)).await.unwrap();
    let counts: Vec<(&str, i64, usize)> = listed
        .items
        .iter()
        .map(|CountedAccount { account, counts }| {
            let connect = counts.iter().find(|(service, _)| *service == Service::OperatorConnect).unwrap().1;
            (account.name.as_str(), connect, counts.len())
        })
        .collect();
    assert_eq!(counts, [("contoso", 10, 5), ("fabrikam", 0, 5)]);
}

async fn a_plus_that_became_a_blank_is_a_plus(world: World) {
    world.local_account("contoso").await;
    world.upload("contoso", "+441632960000-0009").await;
    for (filter, found) in [
        ("startswith(telephoneNumber,' 4416')", 10),
        ("telephoneNumber eq ' 441632960003'", 1),
        ("contains(telephoneNumber,' 44')", 10),
        ("not startswith(telephoneNumber,' 4416')", 0),
        ("startswith(telephoneNumber,'4416')", 0),
        ("telephoneNumber eq '441632960003'", 0),
    ] {
        let filter = parse(filter).unwrap();
        assert_eq!(listing::count_numbers(&world.ctx, &grant(), None, &filter).await.unwrap(), found, "{filter:?}");
    }
    // Far behind a start that has many lengths.
    let filter = parse("startswith(telephoneNumber,'+4')").unwrap();
    let window = Window { after: Some(number("+441632960003")), skip: 2, limit: 3 };
    let listed = listing::numbers(&world.ctx, &grant(), Some("contoso"), &filter, &window).await.unwrap();
    let last: Vec<i64> = listed.items.iter().map(|number| number.telephone_number.as_i64() % 10).collect();
    assert_eq!((last, listed.more), (vec![6, 7, 8], true));
}

async fn a_country_is_found_by_either_of_its_codes(world: World) {
    world.consent(CONTOSO, "Contoso Ltd", "active").await;
    for (filter, found) in [
        ("contains(consentedCountries,'UK')", 1),
        ("consentedCountries eq 'GB'", 1),
        ("consentedCountries eq 'us'", 1),
        ("consentedCountries ne 'UK'", 0),
        ("contains(consentedCountries,'FR')", 0),
        (&format!("tenantId eq '{}'", CONTOSO.to_uppercase()), 1),
    ] {
        let filter = parse(filter).unwrap();
        assert_eq!(listing::count_consents(&world.ctx, &grant(), &filter).await.unwrap(), found, "{filter:?}");
    }
}
