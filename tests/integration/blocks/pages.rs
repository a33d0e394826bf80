//! Blocks as people meet them, in a browser without script.

use reqwest::StatusCode;

use crate::harness::portal::Portal;
use crate::harness::runtime;
use crate::harness::visitor::Visitor;

fn said(page: &str) -> String {
    let text: String = scraper::Html::parse_document(page).root_element().text().flat_map(|part| [part, " "]).collect();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

async fn add(person: &mut Visitor, first: &str, last: &str, country: &str) -> (StatusCode, String) {
    let form = [("first", first), ("last", last), ("country", country), ("kind", "geographic"), ("note", "Leicester")];
    let answer = person.post("/blocks/new", &form).await;
    (answer.status, said(&answer.text))
}

#[test]
fn a_hundred_numbers_in_a_row_are_found_and_uploaded() {
    runtime().block_on(async {
        let portal = Portal::start().await;
        let mut writer = portal.sign_in("writer").await;
        let empty = said(&writer.get("/blocks").await.text);
        assert!(empty.contains("No blocks yet"), "{empty}");
        let (status, refused) = add(&mut writer, "+441632960000", "+44163296099", "ZZ").await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(refused.contains("stands for no country") && refused.contains("There is a problem"), "{refused}");
        let (_, added) = add(&mut writer, "+441632960000", "+441632960999", "UK").await;
        assert!(added.contains("The block +441632960000 to +441632960999 with 1,000 numbers is added."), "{added}");
        assert!(added.contains("1 % used 1 held, 0 in quarantine, 999 free") && added.contains("GB"), "{added}");

        let wrong =
            writer.post("/blocks/next-free", &[("account", "contoso"), ("count", "0"), ("prefix", "01632")]).await;
        assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(wrong.text.contains("value=\"01632\""), "what was typed is kept");
        let asked = [("account", "contoso"), ("count", "100"), ("prefix", "01632"), ("country", "gb"), ("row", "row")];
        let form = writer.post("/blocks/next-free", &asked).await;
        assert_eq!(form.url.path(), "/numbers/upload");
        assert!(form.text.contains("+441632960001-+441632960100</textarea>"), "{}", form.text);
        let text = said(&form.text);
        assert!(text.contains("100 numbers are reserved by") && text.contains("nothing is uploaded yet"), "{text}");

        let page = writer.get("/blocks").await;
        let text = said(&page.text);
        assert!(text.contains("Reservations") && text.contains("999 free (100 reserved)"), "{text}");
        assert!(text.contains("Release reservation"), "{text}");
        let mut reader = portal.sign_in("reader").await;
        let seen = said(&reader.get("/blocks").await.text);
        assert!(
            seen.contains("999 free") && !seen.contains("Release reservation") && !seen.contains("Add block"),
            "{seen}"
        );
        let id = page.text.split("/blocks/reservations/").nth(1).unwrap().split('/').next().unwrap().to_owned();
        let released = writer.post(&format!("/blocks/reservations/{id}/release"), &[]).await;
        assert!(said(&released.text).contains("The reservation is released"), "{}", released.text);
        let over = writer.get(&format!("/numbers/upload?account=contoso&reservation={id}")).await;
        assert!(said(&over.text).contains("The reservation is over"), "{}", over.text);
    });
}

#[test]
fn a_block_is_changed_and_removed() {
    runtime().block_on(async {
        let portal = Portal::start().await;
        let mut writer = portal.sign_in("writer").await;
        add(&mut writer, "+441632960000", "+441632960999", "GB").await;
        let page = "/blocks/%2B441632960000";
        let form = writer.get(page).await;
        assert_eq!(form.status, StatusCode::OK);
        assert!(form.text.contains("value=\"Leicester\""), "{}", form.text);
        let changed = [("first", "+441632960000"), ("last", "+441632960499"), ("kind", "service"), ("version", "1")];
        let done = said(&writer.post(page, &changed).await.text);
        assert!(done.contains("The block +441632960000 to +441632960499 is changed."), "{done}");
        let stale = writer.post(page, &changed).await;
        assert_eq!(stale.status, StatusCode::CONFLICT);
        assert!(said(&stale.text).contains("Somebody else changed this block meanwhile"), "{}", stale.text);
        let refused = writer.get(&format!("{page}/delete")).await;
        assert_eq!(refused.status, StatusCode::FORBIDDEN);
        let mut admin = portal.admin.clone();
        let asked = said(&admin.get(&format!("{page}/delete")).await.text);
        assert!(asked.contains("Numbers of it that accounts have stay with them"), "{asked}");
        let gone = said(&admin.post(&format!("{page}/delete"), &[("version", "2")]).await.text);
        assert!(gone.contains("is removed") && gone.contains("No blocks yet"), "{gone}");
        assert_eq!(admin.get(page).await.status, StatusCode::NOT_FOUND);
    });
}

#[test]
fn a_file_of_blocks_is_looked_through_and_imported() {
    runtime().block_on(async {
        let portal = Portal::start().await;
        let mut writer = portal.sign_in("writer").await;
        let bad =
            "first,last,country\n+441632960000,+441632960999,XX\n+441632960500,+441632961999,GB\n+1206,+1206,US\n";
        let refused = writer.upload("/blocks/import", &[("blocks", bad)], None).await.unwrap();
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
        let text = said(&refused.text);
        assert!(
            text.contains("3 problems. Nothing is imported") || text.contains("problems. Nothing is imported"),
            "{text}"
        );
        assert!(text.contains("2 country XX") && text.contains("4 first +1206"), "{text}");
        assert!(refused.text.contains("+441632960500,+441632961999,GB"), "nothing typed is lost");

        let good = "first;last;country;kind;note\n+441632960000;+441632960999;GB;geographic;=1+1\n";
        let looked = writer.upload("/blocks/import", &[], Some(good.as_bytes())).await.unwrap();
        let text = said(&looked.text);
        assert!(text.contains("Import 1 block") && text.contains("What the file does"), "{text}");
        let confirmed = [("blocks", good), ("confirmed", "true")];
        let done = writer.upload("/blocks/import", &confirmed, None).await.unwrap();
        assert_eq!(done.location.as_deref(), Some("/blocks"), "{}", done.text);
        let csv = writer.get("/blocks.csv").await.text;
        assert_eq!(csv, "first,last,country,kind,note\r\n+441632960000,+441632960999,GB,geographic,'=1+1\r\n");
        // The export changes nothing, though a spreadsheet would not run its cells.
        let again = said(&writer.upload("/blocks/import", &[("blocks", &csv)], None).await.unwrap().text);
        assert!(again.contains("There is nothing to import"), "{again}");
    });
}

#[test]
fn a_ticked_range_is_released_whole() {
    runtime().block_on(async {
        let Portal { mut admin, demo } = Portal::start().await;
        let order = crate::harness::portal::stage_upload(&mut admin, "contoso", "+441632960100-0199").await;
        admin.post(&format!("/orders/{order}/submit"), &[]).await;
        let list = admin.get("/numbers?view=ranges&account=contoso").await;
        assert!(list.text.contains("value=\"+441632960100-+441632960199\" data-count=\"100\""), "{}", list.text);
        let review = admin.post("/numbers/release", &[("number", "+441632960100-+441632960199")]).await;
        let text = said(&review.text);
        assert!(text.contains("To release: 100") || text.contains("100 To release"), "{text}");
        let folded = said(&admin.get(&format!("/orders/{order}?view=ranges")).await.text);
        assert!(folded.contains("to +44 1632 960199 100 contoso") || folded.contains("960199"), "{folded}");
        drop(demo);
    });
}
