//! What bad input gets: a clear line for each thing that is wrong, all of them at once, what was typed kept, and nothing
//! stored half. Never an error of ours.

use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use nmp::domain::upload::HEADINGS;
use reqwest::StatusCode;
use scraper::{ElementRef, Html, Selector};

use crate::harness::portal::{OF_FABRIKAM, Portal, upload_form};
use crate::harness::runtime;
use crate::harness::visitor::{Answer, MULTIPART, Visitor, file_head, multipart, multipart_end};

fn all<'a>(page: &'a Html, selector: &str) -> Vec<ElementRef<'a>> {
    let selector = Selector::parse(selector).unwrap();
    page.select(&selector).collect()
}

fn text(element: ElementRef) -> String {
    element.text().collect::<Vec<_>>().join(" ").split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The text field as a browser would show it.
fn typed(page: &Html) -> String {
    all(page, "#f-numbers").iter().flat_map(ElementRef::text).collect::<String>().trim_start_matches('\n').to_owned()
}

/// What a page says is wrong, a line each.
fn complaints(page: &Html) -> String {
    let mut said = String::new();
    for line in all(page, ".summary li, .notice") {
        let _ = writeln!(said, "  {}", text(line));
    }
    for row in all(page, "#refused tbody tr") {
        let cells: Vec<_> = row.child_elements().map(text).collect();
        let _ = writeln!(said, "  {}", cells.join(" | "));
    }
    said
}

/// An export of numbers without what tells how they stand, for backends answer meanwhile.
fn as_it_should_be(csv: &str) -> String {
    let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(csv.as_bytes());
    let records = reader.records().map(|record| record.unwrap());
    records.map(|record| record.iter().take(HEADINGS.len()).collect::<Vec<_>>().join(",") + "\n").collect()
}

/// Somebody who uploads, and what they find afterwards.
struct Uploading {
    portal: Portal,
    said: String,
}

impl Uploading {
    async fn page(&mut self, path: &str) -> String {
        let answer = self.portal.admin.get(path).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}: {}", answer.text);
        answer.text
    }

    /// Every number and every order that is stored.
    async fn stored(&mut self) -> (String, usize) {
        (as_it_should_be(&self.page("/numbers.csv").await), self.page("/orders.csv").await.lines().count())
    }

    /// Types this into the text field.
    async fn text(&mut self, case: &str, account: &str, numbers: &str) {
        self.fields(case, &upload_form(account, numbers)).await;
    }

    async fn fields(&mut self, case: &str, form: &[(&str, &str)]) {
        let numbers = form.iter().find(|(name, _)| *name == "numbers").map_or("", |(_, numbers)| numbers);
        let kept = self.take(case, form, None).await;
        assert_eq!(kept.as_deref(), Some(numbers), "{case}: what was typed");
    }

    /// Chooses this file.
    async fn file(&mut self, case: &str, file: &[u8]) {
        self.take(case, &upload_form("contoso", ""), Some(file)).await;
    }

    /// Sends the form, writes down what is said, and gives what stands in the text field when the form is back.
    async fn take(&mut self, case: &str, form: &[(&str, &str)], file: Option<&[u8]>) -> Option<String> {
        let before = self.stored().await;
        let answer = self.portal.admin.upload("/numbers/upload", form, file).await.unwrap();
        let _ = writeln!(self.said, "{case}");
        let kept = match answer.status {
            StatusCode::SEE_OTHER if answer.location.as_deref().is_some_and(|to| to.contains("/headings?")) => {
                return self.asked(answer.location.as_deref().unwrap(), &before).await;
            }
            StatusCode::SEE_OTHER => self.review(case, &answer, &before.0).await,
            StatusCode::UNPROCESSABLE_ENTITY | StatusCode::PAYLOAD_TOO_LARGE => {
                let _ = writeln!(self.said, "  (the form again, {})", answer.status.as_u16());
                assert_eq!(self.stored().await, before, "{case}: something was stored");
                Html::parse_document(&answer.text)
            }
            other => panic!("{case}: {other} {}", answer.text),
        };
        if answer.status != StatusCode::SEE_OTHER {
            self.said += &complaints(&kept);
        }
        self.said.push('\n');
        for (name, value) in form.iter().filter(|(name, _)| *name == "ticket" || *name == "country") {
            let field = all(&kept, &format!("#f-{name}"));
            assert_eq!(field[0].attr("value"), Some(*value), "{case}: the {name} that was typed");
        }
        Some(typed(&kept))
    }

    /// The page asks what columns are, and goes on asking where nothing is said.
    async fn asked(&mut self, page: &str, before: &(String, usize)) -> Option<String> {
        let asked = Html::parse_document(&self.page(page).await);
        let _ = writeln!(self.said, "  (what columns are is asked)");
        let upload = page.rsplit('=').next().unwrap();
        let again = self.portal.admin.post("/numbers/upload/headings", &[("upload", upload)]).await;
        assert_eq!(again.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", again.text);
        self.said += &complaints(&Html::parse_document(&again.text));
        for row in all(&asked, "#columns tbody tr") {
            let cells: Vec<_> = row.child_elements().take(2).map(text).collect();
            let what = if all(&asked, "select").is_empty() { "known" } else { "listed" };
            let _ = writeln!(self.said, "  {} | {what}", cells.join(" | "));
        }
        self.said.push('\n');
        assert_eq!(self.stored().await, *before, "something was stored");
        None
    }

    /// The review says what is wrong, submitting it does nothing, and the form can be taken up again.
    async fn review(&mut self, case: &str, answer: &Answer, before: &str) -> Html {
        let review = answer.location.clone().unwrap();
        let _ = writeln!(self.said, "  (the review)");
        let page = self.page(&review).await;
        let said = complaints(&Html::parse_document(&page));
        assert!(!said.is_empty(), "{case}: {page}");
        self.said += &said;
        let order = review.trim_end_matches("/review");
        let submitted = self.portal.admin.post(&format!("{order}/submit"), &[]).await;
        assert_eq!(submitted.status, StatusCode::CONFLICT, "{case}: {}", submitted.text);
        assert_eq!(self.stored().await.0, before, "{case}: something was stored");
        let draft = order.rsplit('/').next().unwrap();
        Html::parse_document(&self.page(&format!("/numbers/upload?draft={draft}")).await)
    }
}

#[test]
fn every_kind_of_bad_upload_gets_a_clear_line() {
    runtime().block_on(async {
        let mut it = Uploading { portal: Portal::start().await, said: String::new() };
        it.text("letters in a number", "contoso", "+44163296O1OO").await;
        it.text("no country code", "contoso", "01632960100").await;
        it.text("17 digits", "contoso", "+44163296010012345").await;
        it.text("a duplicate", "contoso", "+441632960100\n+441632960101\n+441632960100").await;
        it.text("a number of another account", "contoso", OF_FABRIKAM).await;
        it.text("a reversed range", "contoso", "+441632960199-+441632960100").await;
        it.text("a range of a million", "contoso", "+441632000000-+441632999999").await;
        it.text(
            "several at once",
            "contoso",
            "+441632960100, +44163296o101\n01632960102; +441632960100\n+441632960199-0100\n+44163296010012345 +441632960103",
        )
        .await;
        it.text("an account that is none", "contosso", "+441632960100").await;
        it.text("nothing", "contoso", "").await;
        it.text("nothing but separators", "contoso", ", ;\n,").await;
        let mut form = upload_form("contoso", "+441632960100");
        form[1] = ("service", "teamsPhoneMobile");
        it.fields("a service the account has not", &form).await;
        let ticket = "CHG".repeat(22);
        let mut form = upload_form("contoso", "+441632960100");
        form.retain(|(name, _)| *name != "allow_tenant_address_update" && *name != "country");
        form.extend([("custom_sip_header", "a header!"), ("country", "Britain")]);
        it.fields("several fields wrong", &form).await;
        let form = [
            ("account", "contoso"),
            ("service", "telex"),
            ("usage", "Cooking"),
            ("capability", "Flying"),
            ("civic_address", "nowhere"),
            ("location", "no place"),
            ("country", "Britain"),
            ("calling_profile", "none"),
            ("custom_sip_header", "a header!"),
            ("ticket", &ticket),
            ("numbers", "+441632960100"),
        ];
        it.fields("every field wrong", &form).await;
        it.file("an empty file", b"").await;
        it.file("a file of blank lines", b"\xef\xbb\xbf\r\n \r\n\r\n").await;
        let utf16: Vec<u8> = "\u{feff}Numbers\r\n+44\0".encode_utf16().flat_map(u16::to_le_bytes).collect();
        it.file("a file in UTF-16 that breaks off", &utf16).await;
        it.file("a workbook of before 2007", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1 and more").await;
        it.file("a damaged workbook", b"PK\x03\x04 and no more").await;
        it.file("a file that is no text", b"Numbers\n+44\xff\xfe1632960100\n").await;
        it.file("a file with a NUL", b"telephoneNumber,accountName\n+441632960100,con\0toso\n").await;
        it.file("a heading we do not know", b"Numbers,Colour\n+441632960100,red\n").await;
        it.file(
            "headings we do not know, and one twice",
            b"telephoneNumber,accountName,accountname,Colour\n+441632960100,contoso,contoso,red\n",
        )
        .await;
        it.file("a heading and nothing else", b"Numbers\n").await;
        it.file("a quote that never closes", b"Numbers\n+441632960100\n\"+441632960101\n+441632960102\n").await;
        it.file(
            "a quote that never closes in a file with columns",
            b"telephoneNumber,accountName\n+441632960100,\"contoso\n+441632960101,contoso\n",
        )
        .await;
        let columns = ["enabled", "configuration_usage", "configuration_allowTenantAddressUpdate"];
        let columns = columns.map(|column| format!("serviceDetails_teamsOperatorConnect_{column}")).join(",");
        let lines = [
            "+441632960100,contosso,true,CallingUserAssignment,true",
            "+441632960101,contoso,perhaps,CallingUserAssignment,true",
            "+441632960102,contoso,true,Cooking,true",
            "+441632960103,contoso,true,CallingUserAssignment,false",
            "+441632960104,contoso,true",
            "44163296O105,contoso,true,CallingUserAssignment,true",
            "+441632960106,contoso,true,CallingUserAssignment,true",
            "+441632960106,contoso,true,CallingUserAssignment,true",
        ];
        let file = format!("telephoneNumber,accountName,{columns}\n{}\n", lines.join("\n"));
        it.file("wrong lines of a file with columns", file.as_bytes()).await;
        insta::assert_snapshot!("every_kind_of_bad_upload_gets_a_clear_line", it.said);
    });
}

/// Most memory the process has had so far, in MB.
fn peak_memory(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1_024
}

/// Sends a form with a file of so many MB, as it is made.
fn send_large(person: &Visitor, megabytes: usize, ticket: &str) -> String {
    let url = person.url("/numbers/upload");
    let authority = &url[url::Position::BeforeHost..url::Position::AfterPort];
    let piece = "+441632960100\n".repeat(75_000).into_bytes()[..1_048_576].to_vec();
    let mut fields = upload_form("contoso", "");
    fields.push(("ticket", ticket));
    let (before, after) = ([multipart(&fields), file_head()].concat(), [b"\r\n".to_vec(), multipart_end()].concat());
    let length = before.len() + megabytes * piece.len() + after.len();
    let mut connection = TcpStream::connect(authority).unwrap();
    write!(
        connection,
        "POST /numbers/upload HTTP/1.1\r\nHost: {authority}\r\nCookie: {}\r\nOrigin: http://{authority}\r\n\
         Sec-Fetch-Site: same-origin\r\nContent-Type: {MULTIPART}\r\nContent-Length: {length}\r\n\
         Connection: close\r\n\r\n",
        person.cookies()
    )
    .unwrap();
    connection.write_all(&before).unwrap();
    for _ in 0..megabytes {
        connection.write_all(&piece).unwrap();
    }
    connection.write_all(&after).unwrap();
    let mut answer = Vec::new();
    connection.read_to_end(&mut answer).unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

#[test]
fn a_file_of_200_mb_is_refused_in_words_and_takes_no_memory() {
    runtime().block_on(async {
        let mut it = Uploading { portal: Portal::start().await, said: String::new() };
        let before = it.stored().await;
        let process = it.portal.demo.process_id();
        for _ in 0..3 {
            let answer = send_large(&it.portal.admin, 40, "CHG-40");
            assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
        }
        let memory = peak_memory(process);
        let answer = send_large(&it.portal.admin, 200, "CHG-200");
        assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
        let page = Html::parse_document(answer.split_once("\r\n\r\n").unwrap().1);
        insta::assert_snapshot!("a_file_of_200_mb", complaints(&page));
        assert_eq!(all(&page, "#f-ticket")[0].attr("value"), Some("CHG-200"), "what was typed");
        let peak = peak_memory(process);
        // The allocator may still hold what it was given back for the file before.
        assert!(peak <= memory + 50, "{memory} MB for a file of 40 MB, {peak} MB for one of 200 MB");
        assert!(peak < 240, "{peak} MB");
        assert_eq!(it.stored().await, before);
    });
}
