//! Uploads as people send them, up to their review and from there to the order.

use std::time::{Duration, Instant};

use crate::report::Outcome;
use crate::visitor::Visitor;

/// The page that tells what an upload would do.
pub struct Review {
    path: String,
    /// The page.
    pub text: String,
}

impl Review {
    /// Fails unless the page has this.
    pub fn having(self, wanted: &str) -> Outcome<Self> {
        if self.text.contains(wanted) {
            Ok(self)
        } else {
            Err(format!("no \u{201c}{wanted}\u{201d}: {}", self.text).into())
        }
    }

    /// How many the review says there are of a kind, such as `Refused`.
    pub fn count(&self, kind: &str) -> Outcome<usize> {
        let said =
            self.text.split_once(&format!(">{kind}: ")).ok_or_else(|| format!("nothing is {kind}: {}", self.text))?.1;
        let digits: String = said.chars().take_while(|c| *c != '<').filter(char::is_ascii_digit).collect();
        Ok(digits.parse()?)
    }

    /// Submits it, and tells how long it took to the order's page.
    pub async fn submit(self, visitor: &mut Visitor) -> Outcome<Duration> {
        let begun = Instant::now();
        let order = visitor.post(&self.path.replace("/review", "/submit"), &[]).await;
        let taken = begun.elapsed();
        if order.status.is_success() && !order.url.path().ends_with("/review") {
            Ok(taken)
        } else {
            Err(format!("not submitted: {} {}", order.status, order.text).into())
        }
    }
}

/// Sends a file with this form; gives the review, and how long it took to its page.
pub async fn reviewed(visitor: &mut Visitor, form: &[(&str, &str)], file: &[u8]) -> Outcome<(Review, Duration)> {
    let begun = Instant::now();
    let stored = visitor.upload("/numbers/upload", form, Some(file)).await?;
    let page = visitor.get(stored.location.as_deref().ok_or(stored.text)?).await;
    let taken = begun.elapsed();
    if !page.url.path().ends_with("/review") {
        return Err(format!("no review: {} {} {}", page.url, page.status, page.text).into());
    }
    Ok((Review { path: page.url.path().to_owned(), text: page.text }, taken))
}
