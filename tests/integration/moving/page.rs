//! The page for administrators: choose files, see what would be taken, import.

use reqwest::{Method, StatusCode};

use super::{account, number, page};
use crate::harness::portal::Portal;
use crate::harness::runtime;
use crate::harness::visitor::{Answer, MULTIPART, Visitor, multipart_end};
use crate::harness::world::CONTOSO;

/// Sends files as the form of the page does.
async fn send(visitor: &mut Visitor, files: &[(&str, &str)]) -> Answer {
    let boundary = MULTIPART.split_once("boundary=").unwrap().1;
    let mut body = Vec::new();
    for (name, text) in files {
        let head =
            format!("--{boundary}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\n\r\n");
        body.extend([head.as_bytes(), text.as_bytes(), b"\r\n"].concat());
    }
    body.extend(multipart_end());
    let request = visitor.request(&Method::POST, &visitor.url("/import")).header("content-type", MULTIPART).body(body);
    visitor.take(request.send().await.unwrap()).await.unwrap()
}

#[test]
fn files_are_looked_through_then_imported() {
    runtime().block_on(async {
        let Portal { demo, mut admin } = Portal::start().await;
        let empty = send(&mut admin, &[]).await;
        assert_eq!(empty.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(empty.text.contains("Choose at least one file."), "{}", empty.text);

        let accounts = page(&[account("moved", CONTOSO)]);
        let listed = [number("moved", "+441632970001", "synced"), number("contoso", "+441632960000", "synced")];
        let files = [
            ("numbers.json", page(&listed)),
            ("accounts.json", accounts),
            ("half.json", page(&listed)[..90].to_owned()),
        ];
        let files: Vec<(&str, &str)> = files.iter().map(|(name, text)| (*name, text.as_str())).collect();
        let location = send(&mut admin, &files).await.location.unwrap();
        let looked = admin.get(&location).await;
        assert!(looked.text.contains("Nothing has been changed yet."), "{}", looked.text);
        assert!(looked.text.contains("it was cut"), "{}", looked.text);
        assert!(looked.text.contains("with other settings"), "{}", looked.text);
        assert_eq!(admin.get("/accounts/moved").await.status, StatusCode::NOT_FOUND);
        let problems = admin.get(&format!("{location}/problems.csv")).await;
        assert_eq!(problems.text.lines().count(), 3, "{}", problems.text);

        // Who presses twice makes it once.
        let mut again = Visitor::sign_in(&demo.portal, "admin").await;
        let run = format!("{location}/run");
        let (made, also) = tokio::join!(admin.post(&run, &[]), again.post(&run, &[]));
        let is_made = |text: &str| text.contains("1 account and 1 number were taken over");
        assert!(is_made(&made.text) != is_made(&also.text), "{}\n{}", made.text, also.text);
        assert_eq!(admin.get("/numbers/%2B441632970001").await.status, StatusCode::OK);
        let again = admin.post(&format!("{location}/run"), &[]).await;
        assert!(again.text.contains("made already"), "{}", again.text);

        // What was only looked through can be given up.
        let location = send(&mut admin, &files).await.location.unwrap();
        admin.post(&format!("{location}/forget"), &[]).await;
        assert_eq!(admin.get(&location).await.status, StatusCode::NOT_FOUND);
        let list = admin.get("/import").await;
        assert!(list.text.contains("Imported"), "{}", list.text);
        assert!(admin.get("/audit?action=import.complete").await.text.contains("Import made"));
        let mut reader = Visitor::sign_in(&demo.portal, "reader").await;
        assert_eq!(reader.get("/import").await.status, StatusCode::FORBIDDEN);
    });
}
