//! The same as people see it: the review with its proposals, without script, and the boxes that look for numbers.

use reqwest::StatusCode;
use scraper::{Html, Selector};

use crate::harness::portal::{OF_CONTOSO, Portal, stage_upload};
use crate::harness::runtime;

fn texts(page: &str, selector: &str) -> Vec<String> {
    let selector = Selector::parse(selector).unwrap();
    let words = |text: String| text.split_whitespace().collect::<Vec<_>>().join(" ");
    Html::parse_document(page).select(&selector).map(|found| words(found.text().collect())).collect()
}

#[test]
fn proposals_are_taken_over_in_the_review() {
    runtime().block_on(async {
        let mut portal = Portal::start().await;
        let text = "+44 (0)1632 960100\n+44 (0)1632 960101\n+441632960110/12\n+44 1632 960120-129";
        let order = stage_upload(&mut portal.admin, "contoso", text).await;
        let review = format!("/orders/{order}/review");
        let page = portal.admin.get(&review).await.text;
        assert_eq!(
            texts(&page, "#line-table td[data-label=Proposal] code"),
            ["+441632960100", "+441632960101", "+441632960110-+441632960112"]
        );
        assert_eq!(
            texts(&page, "#read-as tbody td[data-label='Read as']"),
            ["Read as the range from +441632960120 to +441632960129, 10 numbers."]
        );
        let buttons = texts(&page, "#refused button[name=kind]");
        assert_eq!(
            buttons,
            ["Take over all: A 0 that is dialled within the country only: 2 lines", "Take over all: A slash: 1 line"]
        );
        let proposals = format!("/orders/{order}/proposals");
        let odd = portal.admin.post(&proposals, &[("kind", "odd")]).await;
        assert!(odd.text.contains("Choose a line"), "{}", odd.text);
        // Somebody who may only look sees what is proposed, and cannot take it over.
        let mut reader = portal.sign_in("reader").await;
        assert!(texts(&reader.get(&review).await.text, "#refused button").is_empty());
        assert_eq!(reader.post(&proposals, &[("kind", "trunkZero")]).await.status, StatusCode::FORBIDDEN);

        let mended = portal.admin.post(&proposals, &[("kind", "trunkZero")]).await;
        assert_eq!(mended.status, StatusCode::OK, "{}", mended.text);
        assert_ne!(mended.url.path(), review);
        assert_eq!(texts(&mended.text, "#line-table td[data-label=Proposal] code"), ["+441632960110-+441632960112"]);
        let page = mended.url.path().to_owned();
        let selector = Selector::parse("#line-table button[name=line]").unwrap();
        let line =
            Html::parse_document(&mended.text).select(&selector).next().unwrap().attr("value").unwrap().to_owned();
        let last = portal.admin.post(&page.replace("/review", "/proposals"), &[("line", line.as_str())]).await;
        assert!(last.text.contains("New: 15"), "{}", last.text);
        assert!(texts(&last.text, "#line-table").is_empty());
    });
}

#[test]
fn a_number_is_found_however_it_is_written() {
    runtime().block_on(async {
        let mut portal = Portal::start().await;
        for text in [
            OF_CONTOSO,
            "441632960000",
            "\u{202a}+44 1632 960000\u{202c}",
            "+44 (0)1632 960000",
            "tel:+44-1632-960000",
            "0044 1632 960000",
        ] {
            let query: String = url::form_urlencoded::byte_serialize(text.as_bytes()).collect();
            let found = portal.admin.get(&format!("/search?q={query}")).await;
            assert_eq!(found.url.path(), "/numbers/+441632960000", "{text}");
            let list = portal.admin.get(&format!("/numbers?q={query}")).await;
            assert!(list.text.contains("+441632960000"), "{text}");
        }
        let none = portal.admin.get("/numbers/+44%20(0)1632%20960000").await;
        assert_eq!(none.status, StatusCode::NOT_FOUND);
        assert!(none.text.contains("Leave it out"), "{}", none.text);
    });
}
