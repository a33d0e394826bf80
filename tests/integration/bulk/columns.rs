//! Files whose headings are not known: what their columns are is asked, as of an upload, and remembered.

use std::sync::Arc;

use nmp::authz::Role;
use nmp::domain::upload::{Choices, NOT_READ};
use nmp::domain::{FormOf, Verdict};
use nmp::service::Error;
use nmp::service::bulk::{self, Cleared, EditForm, Selection, SentForm};
use nmp::service::staging::{self, SaidOfColumns};
use reqwest::StatusCode;

use crate::harness::on_both_databases;
use crate::harness::portal::{OF_CONTOSO, Portal};
use crate::harness::runtime;
use crate::harness::world::{World, grant, person};

on_both_databases![
    columns_are_asked_once_for_every_form,
    a_form_with_problems_does_not_wait,
    proposals_keep_what_was_said
];

const FILE: &str = "Rufnr. von;bis;Kunde;Order\n+441632960000;+441632960004;contoso;x\n+441632960006;;contoso;y\n";

fn sent(text: &str) -> Selection {
    Selection::Written { text: Arc::from(text), is_file: true, choices: Choices::default() }
}

fn said(choices: &[&str]) -> SaidOfColumns {
    SaidOfColumns { choices: choices.iter().map(ToString::to_string).collect(), rest_not_read: true }
}

fn form_for(form_of: FormOf) -> EditForm {
    match form_of {
        FormOf::Manage => EditForm { country_change: bulk::SET.into(), country: "IE".into(), ..EditForm::default() },
        FormOf::Move => EditForm { to: "contoso-2".into(), ..EditForm::default() },
        _ => EditForm::default(),
    }
}

async fn cleared(world: &World, form_of: FormOf, form: &EditForm, text: &str) -> Cleared {
    let admin = person("Alex Admin", &[Role::AdminUser]);
    let form = SentForm { form_of, form, draft: "", file: "kunden.csv" };
    bulk::clear(&world.ctx, &admin, sent(text), form).await.unwrap()
}

async fn waits(world: &World, form_of: FormOf, text: &str) -> String {
    match cleared(world, form_of, &form_for(form_of), text).await {
        Cleared::Waits(id) => id,
        Cleared::Numbers(_) => panic!("nothing is asked"),
    }
}

async fn columns_are_asked_once_for_every_form(world: World) {
    world.local_account("contoso").await;
    world.local_account("contoso-2").await;
    world.upload("contoso", "+441632960000-0009").await;
    let admin = person("Alex Admin", &[Role::AdminUser]);
    let right = ["telephoneNumber", "end", "accountName", NOT_READ];
    for (form_of, verdict) in
        [(FormOf::Release, Verdict::Release), (FormOf::Manage, Verdict::Changed), (FormOf::Move, Verdict::Changed)]
    {
        // Each form asks for headings of its own, so that nothing is remembered yet.
        let file = FILE.replace("Kunde", &format!("Kunde {}", form_of.key()));
        let id = waits(&world, form_of, &file).await;
        let asked = bulk::unclear(&world.ctx, &admin, &id).await.unwrap().unwrap();
        assert_eq!((asked.name.as_str(), asked.columns.row.headings.len()), ("kunden.csv", 4));
        assert_eq!(asked.columns.values[1], ["+441632960004"]);
        let is_gone = staging::unclear(&world.ctx, &grant(), &id).await;
        assert!(matches!(is_gone, Err(Error::NotFound("upload"))), "it is no upload: {is_gone:?}");
        let none = bulk::say_columns(&world.ctx, &admin, &id, &said(&[NOT_READ, NOT_READ])).await;
        assert!(matches!(none, Err(Error::Invalid(_))), "{none:?}");
        let order = bulk::say_columns(&world.ctx, &admin, &id, &said(&right)).await.unwrap();
        let review = world.review(order).await;
        assert_eq!(review.order.form_of, form_of);
        assert_eq!(review.counts, [(verdict, 6)], "{:?}", review.problems);
        assert!(bulk::unclear(&world.ctx, &admin, &id).await.is_err(), "it waits no more");
        // From now on it is known.
        let Cleared::Numbers(selection) = cleared(&world, form_of, &form_for(form_of), &file).await else {
            panic!("it is asked again")
        };
        let order = bulk::stage_release(&world.ctx, &grant(), &selection, &EditForm::default()).await.unwrap();
        assert_eq!(world.review(order).await.counts, [(Verdict::Release, 6)]);
    }
}

async fn a_form_with_problems_does_not_wait(world: World) {
    world.local_account("contoso").await;
    let to_nobody = EditForm::default();
    for form_of in [FormOf::Manage, FormOf::Move] {
        assert!(matches!(cleared(&world, form_of, &to_nobody, FILE).await, Cleared::Numbers(_)), "{form_of:?}");
    }
    // What is clear never waits, nor does a list.
    for text in ["Number,Account\n+441632960000,contoso\n", "+441632960000\n"] {
        assert!(matches!(cleared(&world, FormOf::Release, &to_nobody, text).await, Cleared::Numbers(_)), "{text}");
    }
}

async fn proposals_keep_what_was_said(world: World) {
    world.local_account("contoso").await;
    world.upload("contoso", "+441632960000-0009").await;
    let admin = person("Alex Admin", &[Role::AdminUser]);
    let kind = staging::Mending::Kind(nmp::domain::entry::Kind::TrunkZero);
    // With headings and without: of these nothing but the text itself tells what was said.
    for file in [
        "Rufnr. von;Kunde Nr\n+44 (0)1632 960000;contoso\n+441632960001;contoso\n",
        "+44 (0)1632 960000;contoso\n+441632960001;contoso\n",
    ] {
        let id = waits(&world, FormOf::Release, file).await;
        let said = said(&["telephoneNumber", "accountName"]);
        let order = bulk::say_columns(&world.ctx, &admin, &id, &said).await.unwrap();
        let review = world.review(order).await;
        assert_eq!(
            (review.counts.as_slice(), review.refused_count()),
            ([(Verdict::Release, 1)].as_slice(), 1),
            "{file}"
        );
        let order = bulk::mend(&world.ctx, &admin, order, kind).await.unwrap();
        let review = world.review(order).await;
        assert_eq!(
            (review.counts.as_slice(), review.refused_count()),
            ([(Verdict::Release, 2)].as_slice(), 0),
            "{file}"
        );
    }
}

#[test]
fn the_page_asks_what_the_columns_are() {
    runtime().block_on(async {
        let Portal { demo: _demo, mut admin } = Portal::start().await;
        let file = format!("Wert;Klient\n{OF_CONTOSO};contoso\n");
        let fields = [("ticket", "CHG-7")];
        let sent = admin.upload("/numbers/release", &fields, Some(file.as_bytes())).await.unwrap();
        assert_eq!(sent.status, StatusCode::SEE_OTHER, "{}", sent.text);
        let location = sent.location.unwrap();
        assert!(location.starts_with("/numbers/headings?of=release&upload="), "{location}");
        let page = admin.get(&location).await;
        assert!(page.text.contains("Wert") && page.text.contains("Release numbers"), "{}", page.text);
        let id = location.split("upload=").nth(1).unwrap().to_owned();
        let say = |number: &'static str, account: &'static str| {
            [("of", "release"), ("choice[]", number), ("choice[]", account)]
        };
        let fields = [&say("", "accountName")[..], &[("upload", id.as_str())]].concat();
        let again = admin.post("/numbers/headings", &fields).await;
        assert_eq!(again.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", again.text);
        let fields = [&say("telephoneNumber", "accountName")[..], &[("upload", id.as_str())]].concat();
        let review = admin.post("/numbers/headings", &fields).await;
        assert!(review.url.path().ends_with("/review") && review.text.contains("CHG-7"), "{}", review.text);
        // Who comes back later is told.
        let gone = admin.get(&location).await;
        assert!(gone.text.contains("No file of yours waits here any more"), "{}", gone.text);
    });
}
