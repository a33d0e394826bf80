//! The pages: forms for ticked numbers, for lists and for files, and what is wrong with them.

use std::time::Duration;

use reqwest::StatusCode;

use crate::harness::portal::{OF_CONTOSO, OF_FABRIKAM, Portal};
use crate::harness::visitor::Visitor;
use crate::harness::{eventually, runtime};

async fn form(person: &mut Visitor, path: &str, fields: &[(&str, &str)], file: Option<&[u8]>) -> (StatusCode, String) {
    let answer = person.upload(path, fields, file).await.unwrap();
    (answer.status, answer.location.unwrap_or(answer.text))
}

#[test]
fn every_setting_is_kept_until_something_else_is_chosen() {
    runtime().block_on(async {
        let Portal { demo: _demo, mut admin } = Portal::start().await;
        let page =
            admin.get(&format!("/numbers/manage?number=%2B{}&number=%2B{}", &OF_CONTOSO[1..], &OF_FABRIKAM[1..])).await;
        assert_eq!(page.status, StatusCode::OK, "{}", page.text);
        assert!(
            page.text.contains("Manage 2 numbers") && page.text.contains("Keep (CallingUserAssignment)"),
            "{}",
            page.text
        );
        assert!(page.text.contains("several enterprises"), "{}", page.text);
        let fields = [("number", OF_CONTOSO), ("number", OF_FABRIKAM), ("custom_sip_header_change", "set")];
        let (status, text) = form(&mut admin, "/numbers/manage", &fields, None).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(text.contains("Type the SIP header") && text.contains("Manage 2 numbers"), "{text}");
        let fields = [&fields[..], &[("custom_sip_header", "gate-1")]].concat();
        let (status, review) = form(&mut admin, "/numbers/manage", &fields, None).await;
        assert_eq!(status, StatusCode::SEE_OTHER, "{review}");
        let shown = admin.get(&review).await;
        assert!(shown.text.contains("gate-1") && shown.text.contains("Change 2 numbers"), "{}", shown.text);
        assert!(shown.text.contains("/numbers/manage?draft="), "{}", shown.text);
        let draft = review.trim_start_matches("/orders/").trim_end_matches("/review").to_owned();
        let back = admin.get(&format!("/numbers/manage?draft={draft}")).await;
        assert!(back.text.contains("gate-1") && back.text.contains(OF_CONTOSO), "{}", back.text);
    });
}

#[test]
fn one_number_is_managed_by_the_same_form_and_by_no_other_number() {
    runtime().block_on(async {
        let Portal { demo: _demo, mut admin } = Portal::start().await;
        let page = admin.get(&format!("/numbers/{OF_CONTOSO}/edit")).await;
        assert!(page.url.path() == "/numbers/manage", "{}", page.url);
        assert!(page.text.contains("Manage number +44 1632 960000"), "{}", page.text);
        assert!(page.text.contains("Keep (CallingUserAssignment)"), "{}", page.text);
        assert!(!page.text.contains("<textarea"), "there is no box for other numbers: {}", page.text);
        assert_eq!(admin.get("/numbers/+441632969999/edit").await.status, StatusCode::NOT_FOUND);
    });
}

#[test]
fn addresses_are_chosen_from_where_the_account_is_known() {
    runtime().block_on(async {
        let Portal { demo: _demo, mut admin } = Portal::start().await;
        let picker = "<select id=\"f-civic_address\"";
        let page = admin.get("/numbers/manage?account=contoso").await;
        assert!(page.text.contains(picker), "the list was filtered by account: {}", page.text);
        let page = admin.get("/numbers/manage").await;
        assert!(!page.text.contains(picker) && page.text.contains("Show its addresses"), "{}", page.text);
        let typed = [("numbers", OF_CONTOSO), ("look", "addresses"), ("ticket", "CHG-9")];
        let look = async |admin: &mut Visitor, path: &str, account: (&str, &str)| {
            form(admin, path, &[&typed[..], &[account]].concat(), None).await
        };
        for (path, field) in [("/numbers/manage", "addresses_of"), ("/numbers/move", "to")] {
            let (status, text) = look(&mut admin, path, (field, "contoso")).await;
            assert!(status == StatusCode::OK && text.contains(picker), "{text}");
            assert!(text.contains(OF_CONTOSO) && text.contains("CHG-9"), "what was typed stays: {text}");
            let (status, text) = look(&mut admin, path, (field, "nobody")).await;
            assert!(
                status == StatusCode::UNPROCESSABLE_ENTITY && text.contains("There is no account named nobody"),
                "{text}"
            );
        }
    });
}

#[test]
fn numbers_are_released_and_moved_by_list_and_file() {
    runtime().block_on(async {
        let Portal { demo: _demo, mut admin } = Portal::start().await;
        for path in ["/numbers/release", "/numbers/move", "/numbers/manage"] {
            let page = admin.get(path).await;
            assert!(page.status == StatusCode::OK && page.text.contains("name=\"file\""), "{}", page.text);
        }
        let list = format!("{OF_CONTOSO}\n+441632960777\n+44163296O000");
        let (status, review) = form(&mut admin, "/numbers/release", &[("numbers", &list)], None).await;
        assert_eq!(status, StatusCode::SEE_OTHER, "{review}");
        let shown = admin.get(&review).await.text;
        assert!(shown.contains("No account has this number") && shown.contains("+44163296O000"), "{shown}");
        let (status, review) = form(&mut admin, "/numbers/release", &[], Some(OF_CONTOSO.as_bytes())).await;
        assert_eq!(status, StatusCode::SEE_OTHER, "{review}");
        let (status, text) = form(&mut admin, "/numbers/release", &[("numbers", " ")], None).await;
        assert!(status == StatusCode::UNPROCESSABLE_ENTITY && text.contains("Enter at least one number"), "{text}");

        let page = format!("/numbers/%2B{}", &OF_CONTOSO[1..]);
        eventually("the number is at the backend", Duration::from_secs(30), async || {
            admin.get(&page).await.text.contains("Synced").then_some(())
        })
        .await;
        let fields = [("numbers", OF_CONTOSO), ("to", "nobody")];
        let (status, text) = form(&mut admin, "/numbers/move", &fields, None).await;
        assert!(
            status == StatusCode::UNPROCESSABLE_ENTITY && text.contains("There is no account named nobody"),
            "{text}"
        );
        assert!(text.contains(OF_CONTOSO), "what was typed is kept: {text}");
        let (status, review) =
            form(&mut admin, "/numbers/move", &[("numbers", OF_CONTOSO), ("to", "fabrikam")], None).await;
        assert_eq!(status, StatusCode::SEE_OTHER, "{review}");
        let shown = admin.get(&review).await.text;
        assert!(shown.contains("In between it cannot be called") && shown.contains("In quarantine: 1"), "{shown}");
    });
}

#[test]
fn an_upload_begins_with_the_usual_capabilities() {
    runtime().block_on(async {
        let Portal { demo: _demo, mut admin } = Portal::start().await;
        let ticked = |text: &str| {
            let page = scraper::Html::parse_fragment(text);
            let boxes = scraper::Selector::parse("input[name=capability][checked]").unwrap();
            page.select(&boxes).filter_map(|one| one.attr("value")).map(str::to_owned).collect::<Vec<_>>()
        };
        let page = admin.get("/numbers/upload?account=contoso").await;
        assert_eq!(ticked(&page.text), ["InboundCalling", "OutboundCalling"]);
    });
}

#[test]
fn refused_lines_go_back_into_the_form_they_came_from() {
    runtime().block_on(async {
        let Portal { demo: _demo, mut admin } = Portal::start().await;
        let file = format!("Number,Account,SIP header\n{OF_CONTOSO},contoso,a\n+441632960777,contoso,\"b,c\"\n");
        let set = [("custom_sip_header_change", "set"), ("custom_sip_header", "gate-1")];
        let forms: [(&str, &[(&str, &str)]); 3] =
            [("/numbers/release", &[]), ("/numbers/manage", &set), ("/numbers/move", &[("to", "contoso")])];
        for (path, fields) in forms {
            let (status, review) = form(&mut admin, path, fields, Some(file.as_bytes())).await;
            assert_eq!(status, StatusCode::SEE_OTHER, "{review}");
            let page = admin.get(&review).await.text;
            assert!(page.contains(&format!("Mend them in a file and <a href=\"{path}\">")), "{page}");
            assert!(!page.contains("upload that") && !page.contains("Upload the good"), "{path}: {page}");
            let order = review.trim_end_matches("/review");
            let refused = admin.get(&format!("{order}/refused.csv")).await.text;
            let lines: Vec<&str> = refused.lines().collect();
            assert_eq!(lines[0], "Number,Account,SIP header,reason", "{refused}");
            assert!(lines[1].contains("+441632960777") && lines[1].contains("\"b,c\""), "{refused}");
            assert!(lines[1].contains("No account has this number") && lines.len() == 2, "{refused}");
            let mended = refused.replace("+441632960777", OF_CONTOSO);
            let (status, review) = form(&mut admin, path, fields, Some(mended.as_bytes())).await;
            assert_eq!(status, StatusCode::SEE_OTHER, "{review}");
            let page = admin.get(&review).await.text;
            assert!(page.contains("Refused: 0<"), "{path}: {page}");
        }
    });
}

#[test]
fn each_further_service_has_a_field_of_its_own() {
    runtime().block_on(async {
        let Portal { demo: _demo, mut admin } = Portal::start().await;
        let page = admin.get(&format!("/numbers/manage?number=%2B{}", &OF_CONTOSO[1..])).await;
        let html = scraper::Html::parse_document(&page.text);
        let fields = scraper::Selector::parse("main form select[name]").unwrap();
        let mut names: Vec<&str> = html.select(&fields).filter_map(|field| field.attr("name")).collect();
        let further = names.iter().filter(|name| name.starts_with("further_service_")).count();
        assert_eq!(further, 1, "{names:?}");
        let all = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), all, "fields share a name: {names:?}");
        let add = [("number", OF_CONTOSO), ("further_service_zoomPhoneCloudPeering", "+")];
        let (status, review) = form(&mut admin, "/numbers/manage", &add, None).await;
        assert_eq!(status, StatusCode::SEE_OTHER, "{review}");
        let shown = admin.get(&review).await.text;
        assert!(shown.contains("Zoom Phone Cloud Peering is not enabled on account contoso"), "{shown}");
        let draft = review.trim_start_matches("/orders/").trim_end_matches("/review").to_owned();
        let back = admin.get(&format!("/numbers/manage?draft={draft}")).await.text;
        let html = scraper::Html::parse_document(&back);
        let chosen =
            scraper::Selector::parse("select[name=further_service_zoomPhoneCloudPeering] option[selected]").unwrap();
        assert_eq!(html.select(&chosen).filter_map(|one| one.attr("value")).collect::<Vec<_>>(), ["+"], "{back}");
    });
}
