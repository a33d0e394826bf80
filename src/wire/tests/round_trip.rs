use proptest::prelude::*;
use serde_json::{Value, json};

use super::{account_body, bytes, e164, name, number_body};
use crate::domain::account::NO_TOKEN;
use crate::domain::{AccountDraft, DirectRouting, NumberSettings, Service, ServiceSet, TeamsSettings, TenantId};
use crate::wire::{
    AccountResource, InputProblem, NumberResource, read_account, read_number, read_number_identifiers, read_numbers,
    read_relationship_patch,
};

fn services() -> impl Strategy<Value = ServiceSet> {
    let teams = prop::option::of(prop::sample::select(ServiceSet::TEAMS.iter().collect::<Vec<_>>()));
    (teams, any::<bool>(), any::<bool>()).prop_map(|(teams, zoom, protection)| {
        let zoom = zoom.then_some(Service::ZoomPhoneCloudPeering);
        teams.into_iter().chain(zoom).chain(protection.then_some(Service::CallProtection)).collect()
    })
}

fn teams() -> impl Strategy<Value = TeamsSettings> {
    let text = || "[^\0]{1,20}";
    let texts = || prop::collection::vec(text(), 0..4);
    (
        text(),
        texts(),
        texts(),
        prop::option::of(text()),
        prop::option::of(text()),
        any::<bool>(),
        prop::option::of(prop::sample::select(vec!["GB", "US", "DE"]).prop_map(str::to_owned)),
    )
        .prop_map(|(usage, choosable, additional, address, location, allow, country)| TeamsSettings {
            usage,
            choosable_capabilities: choosable,
            additional_usages: additional,
            civic_address_id: address,
            location_id: location,
            allow_tenant_address_update: allow,
            displayed_country_code: country,
        })
}

fn settings() -> impl Strategy<Value = NumberSettings> {
    (services(), teams(), prop::option::of("[A-Za-z0-9_-]{1,100}")).prop_map(|(services, teams, header)| {
        let backed = !services.and(ServiceSet::WITH_TEAMS_SETTINGS).is_empty();
        let header = header.filter(|_| services.is_empty() || services.iter().any(Service::takes_sip_header));
        NumberSettings {
            services,
            teams: if backed { teams } else { TeamsSettings::default() },
            calling_profile: None,
            custom_sip_header: header,
        }
        .normalised()
    })
}

fn draft() -> impl Strategy<Value = AccountDraft> {
    // A dash alone stands for a token that is not known yet.
    let token = || "[A-Za-z0-9=_-]{1,100}".prop_filter("no token", |token| token != NO_TOKEN);
    let routing = (any::<bool>(), "[a-z0-9_-]{1,10}", [token(), token()])
        .prop_map(|(call_screening, subdomain, tokens)| DirectRouting { call_screening, subdomain, tokens });
    let tenant = any::<u128>().prop_map(|id| TenantId::parse(&uuid::Uuid::from_u128(id).to_string()).unwrap());
    (0_i64..32, 0_i64..32, tenant, prop::option::of("[^\\p{C}]{1,256}"), prop::option::of(routing)).prop_map(
        |(services, synced, tenant, correlation_id, routing)| {
            let services = ServiceSet::from_bits(services);
            AccountDraft {
                name: name("contoso"),
                tenant_id: Some(tenant),
                correlation_id,
                services,
                synced: ServiceSet::from_bits(synced).without(Service::CallProtection.into()),
                direct_routing: routing.filter(|_| services.contains(Service::DirectRouting)),
                ticket: None,
            }
        },
    )
}

/// Bodies that look like ours, with anything in the places of values.
fn body() -> impl Strategy<Value = Value> {
    let words = [
        "name",
        "accountName",
        "telephoneNumber",
        "numbers",
        "serviceDetails",
        "teamsOperatorConnect",
        "enabled",
        "syncEnabled",
        "configuration",
        "usage",
        "choosableCapabilities",
        "customerRelationship",
        "status",
        "comment",
        "teamsTenantId",
        "teamsDirectRouting",
        "subdomainTokens",
        "customSipHeader",
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        prop::sample::select(vec!["contoso", "+441632960000", "", "x"]).prop_map(Value::from),
        "\\PC{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 60, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(prop::sample::select(words.to_vec()), inner, 0..6)
                .prop_map(|members| json!(members)),
        ]
    })
}

fn told<T>(read: Result<T, Vec<InputProblem>>) -> bool {
    read.err().is_none_or(|problems| {
        let whole =
            |problem: &InputProblem| problem.target.is_empty() && problems.len() == 1 && problem.code == "wrong_type";
        !problems.is_empty()
            && problems
                .iter()
                .all(|problem| !problem.message.is_empty() && (!problem.target.is_empty() || whole(problem)))
    })
}

proptest! {
    #[test]
    fn a_number_is_read_as_it_was_written(settings in settings()) {
        let number = e164("+441632960000");
        let body = number_body("contoso", number, &settings);
        let read = |body: &Value| {
            read_number(&bytes(body), Some("contoso"), Some(number)).whole().map(|sent| sent.settings)
        };
        prop_assert_eq!(read(&body), Ok(settings.clone()));
        let answer = super::json(&NumberResource::from(&super::number("+441632960000", settings.clone())));
        prop_assert_eq!(read(&answer), Ok(settings));
    }

    #[test]
    fn an_account_is_read_as_it_was_written(draft in draft()) {
        let read = read_account(&bytes(&account_body(&draft)), Some(&draft.name)).whole().map(Option::unwrap);
        prop_assert_eq!(read.as_ref().map(|sent| &sent.draft), Ok(&draft));
        // What is not enabled comes back too.
        let body = super::json(&AccountResource::kept(&super::account_of(&read.unwrap())));
        prop_assert_eq!(body, account_body(&draft));
    }

    #[test]
    fn every_problem_of_any_body_says_where_it_is(body in body()) {
        let body = bytes(&body);
        prop_assert!(told(read_account(&body, Some(&name("contoso"))).whole()));
        prop_assert!(told(read_number(&body, Some("contoso"), Some(e164("+441632960000"))).whole()));
        prop_assert!(told(read_numbers(&body, Some("contoso")).whole()));
        prop_assert!(told(read_number_identifiers(&body)));
        prop_assert!(told(read_relationship_patch(&body)));
    }
}
