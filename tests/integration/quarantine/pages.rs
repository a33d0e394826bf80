//! The quarantine and a number's past as people meet them, in a browser without script.

use std::time::Duration;

use reqwest::StatusCode;

use crate::harness::eventually;
use crate::harness::portal::{Portal, stage_release, stage_upload};
use crate::harness::runtime;
use crate::harness::visitor::Visitor;

const NUMBER: &str = "+441632960055";
const PAGE: &str = "/numbers/%2B441632960055";

/// Submits a draft and waits until the backend has answered.
async fn submit(person: &mut Visitor, order: i64) {
    let submitted = person.post(&format!("/orders/{order}/submit"), &[]).await;
    assert_eq!(submitted.url.path(), format!("/orders/{order}"), "{}", submitted.text);
    eventually("the order is complete", Duration::from_mins(1), async || {
        let page = person.get(&format!("/orders/{order}")).await;
        page.text.contains("Complete").then_some(())
    })
    .await;
}

fn said(page: &str) -> String {
    let text: String = scraper::Html::parse_document(page).root_element().text().flat_map(|part| [part, " "]).collect();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn a_number_is_released_asked_for_and_given_to_another() {
    runtime().block_on(async {
        let Portal { demo, mut admin } = Portal::start().await;
        let taken = stage_upload(&mut admin, "contoso", NUMBER).await;
        submit(&mut admin, taken).await;
        let released = stage_release(&mut admin, NUMBER).await;
        submit(&mut admin, released).await;

        // Found by the search although nobody has it; the page says who had it and what now.
        let found = admin.get("/search?q=%2B44%201632%20960055").await;
        assert_eq!((found.status, found.url.path()), (StatusCode::OK, "/numbers/+441632960055"), "{}", found.text);
        let text = said(&found.text);
        assert!(text.contains("is on no account now. Account contoso had it until"), "{text}");
        assert!(text.contains("It is in quarantine until"), "{text}");
        assert!(text.contains(&format!("order {taken}")) && text.contains(&format!("order {released}")), "{text}");

        // Who had it on a day.
        let today = found.text.split("datetime=\"").nth(1).unwrap().get(..10).unwrap().to_owned();
        let answer = said(&admin.get(&format!("{PAGE}?on={today}")).await.text);
        assert!(
            answer.contains("it was with:") && answer.contains("Account Enterprise From Until contoso"),
            "{answer}"
        );
        let answer = said(&admin.get(&format!("{PAGE}?on=2020-03-03")).await.text);
        assert!(answer.contains("On 3 March 2020 nobody had this number."), "{answer}");
        for (day, told) in [("yesterday", "such as 2026-03-03"), ("9000-01-01", "is in the future")] {
            let refused = admin.get(&format!("{PAGE}?on={day}")).await;
            assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
            assert!(
                refused.text.contains(told) && refused.text.contains(&format!("value=\"{day}\"")),
                "{}",
                refused.text
            );
        }

        // The list, its filters and its export.
        let list = admin.get("/numbers/quarantine?account=contoso&q=960055").await;
        assert!(said(&list.text).contains("1 range here, 1 number in all"), "{}", list.text);
        assert!(list.text.contains("/numbers/quarantine.csv?q=960055&#38;account=contoso"), "{}", list.text);
        let csv = admin.get("/numbers/quarantine.csv?q=960055&account=contoso").await;
        let lines: Vec<&str> = csv.text.lines().collect();
        assert_eq!(lines.len(), 2, "{}", csv.text);
        assert!(lines[1].starts_with("+441632960055,GB,contoso,a7f4bd5c-"), "{}", csv.text);
        let none = admin.get("/numbers/quarantine?account=nobody").await;
        assert!(none.text.contains("No number matches"), "{}", none.text);
        let bad = admin.get("/numbers/quarantine?country=GBR&tenant=x").await;
        assert_eq!(bad.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(bad.text.contains("A country is two letters") && bad.text.contains("hexadecimal"), "{}", bad.text);
        assert!(admin.get("/numbers").await.text.contains("href=\"/numbers/quarantine\""));

        // Another account: refused with until when and who had it; a writer sees who can help.
        let draft = stage_upload(&mut admin, "fabrikam", NUMBER).await;
        let review = format!("/orders/{draft}/review");
        let mut writer = Visitor::sign_in(&demo.portal, "writer").await;
        let seen = writer.get(&review).await;
        assert!(said(&seen.text).contains("In quarantine: 1"), "{}", seen.text);
        assert!(seen.text.contains("AdminUser") && !seen.text.contains("Override quarantine"), "{}", seen.text);
        let override_it = format!("/orders/{draft}/quarantine");
        let refused = writer.post(&override_it, &[("all", "true"), ("reason", "Because")]).await;
        assert_eq!(refused.status, StatusCode::FORBIDDEN);

        // The form comes back with what was typed, and everything that is wrong with it.
        let typed = admin.post(&override_it, &[("reason", "")]).await;
        assert_eq!(typed.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(typed.text.contains("Say why") && typed.text.contains("Tick the numbers"), "{}", typed.text);
        let typed = admin.post(&override_it, &[("number", NUMBER), ("reason", &"x".repeat(600))]).await;
        assert_eq!(typed.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(typed.text.contains("checked") && typed.text.contains("xxxxx"), "{}", typed.text);

        let done = admin.post(&override_it, &[("number", NUMBER), ("reason", "The office moved over")]).await;
        assert_eq!((done.status, done.url.path()), (StatusCode::OK, review.as_str()), "{}", done.text);
        assert!(done.text.contains("The office moved over"), "{}", done.text);
        submit(&mut admin, draft).await;
        let order = said(&admin.get(&format!("/orders/{draft}")).await.text);
        assert!(
            order.contains("1 number was let out of quarantine by") && order.contains("The office moved over"),
            "{order}"
        );
        let audit = admin.get("/audit?action=quarantine.override").await;
        assert!(audit.text.contains("The office moved over"), "{}", audit.text);
        let both = said(&admin.get(PAGE).await.text);
        let (now, before) = (both.find("fabrikam").unwrap(), both.find("contoso").unwrap());
        assert!(now < before, "the latest first: {both}");
        drop(demo);
    });
}

#[test]
fn numbers_in_a_row_are_let_out_of_quarantine_with_one_tick() {
    runtime().block_on(async {
        let Portal { demo, mut admin } = Portal::start().await;
        let (block, range) = ("+441632960055-0059", "+441632960055-+441632960059");
        let taken = stage_upload(&mut admin, "contoso", block).await;
        submit(&mut admin, taken).await;
        let released = stage_release(&mut admin, range).await;
        submit(&mut admin, released).await;
        let draft = stage_upload(&mut admin, "fabrikam", block).await;
        let review = admin.get(&format!("/orders/{draft}/review")).await;
        assert!(said(&review.text).contains("In quarantine: 5"), "{}", review.text);
        assert!(review.text.contains(&format!("value=\"{range}\"")), "they stand on one line: {}", review.text);
        let path = format!("/orders/{draft}/quarantine");
        let none = admin.post(&path, &[("number", "+441632960055-nonsense"), ("reason", "x")]).await;
        assert_eq!(none.status, StatusCode::BAD_REQUEST);
        let done = admin.post(&path, &[("number", range), ("reason", "The office moved over")]).await;
        assert!(said(&done.text).contains("5 numbers were let out of quarantine"), "{}", done.text);
        drop(demo);
    });
}
