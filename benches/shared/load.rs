//! A load generator that costs little: keep-alive connections that read answers without looking at them.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::report::Outcome;

const CONNECTIONS: usize = 8;
const WARM_UP: Duration = Duration::from_secs(1);
const MEASURED: Duration = Duration::from_secs(3);

/// How fast answers came.
pub struct Rate {
    /// Answers a second.
    pub per_second: f64,
    /// Half of the answers took no longer.
    pub median: Duration,
    /// All but one of a hundred answers took no longer.
    pub p99: Duration,
    /// Bytes of one answer's body.
    pub bytes: usize,
}

/// Asks for one address again and again.
pub async fn get(portal: &str, path: &str, cookies: &str) -> Outcome<Rate> {
    let host = host(portal);
    let request: Arc<str> = format!("GET {path} HTTP/1.1\r\nhost: {host}\r\ncookie: {cookies}\r\n\r\n").into();
    send(&host, move |_| Arc::clone(&request)).await
}

/// Host and port of an address.
pub fn host(base: &str) -> String {
    base.trim_start_matches("http://").trim_end_matches('/').to_owned()
}

/// Sends requests for as long as is measured; each is made from its number, counted through all connections.
pub async fn send<T: AsRef<str> + Send + 'static>(
    host: &str,
    make: impl Fn(u64) -> T + Send + Sync + 'static,
) -> Outcome<Rate> {
    let begin = Instant::now() + WARM_UP;
    let (make, next) = (Arc::new(make), Arc::new(AtomicU64::new(0)));
    let mut visitors = JoinSet::new();
    for _ in 0..CONNECTIONS {
        let (make, next) = (Arc::clone(&make), Arc::clone(&next));
        visitors.spawn(one(host.to_owned(), move || make(next.fetch_add(1, Ordering::Relaxed)), begin));
    }
    let (mut times, mut bytes) = (Vec::new(), 0);
    while let Some(visited) = visitors.join_next().await {
        let (taken, size) = visited??;
        times.extend(taken);
        bytes = size;
    }
    times.sort_unstable();
    let at = |place: usize| times.get(place).copied().ok_or("no answers");
    Ok(Rate {
        per_second: times.len() as f64 / MEASURED.as_secs_f64(),
        median: at(times.len() / 2)?,
        p99: at(times.len() * 99 / 100)?,
        bytes,
    })
}

/// The static files that a page names.
pub fn assets(page: &str) -> BTreeSet<String> {
    let named = page.split("/static/").skip(1);
    named.filter_map(|rest| rest.split(['"', '#']).next()).map(|name| format!("/static/{name}")).collect()
}

/// Bytes of an answer's body as a browser gets it.
pub async fn compressed(portal: &str, path: &str, cookies: &str) -> Outcome<usize> {
    let client = reqwest::Client::builder().build()?;
    let url = format!("{}{path}", portal.trim_end_matches('/'));
    let answer = client.get(url).header("cookie", cookies).header("accept-encoding", "gzip").send().await?;
    Ok(answer.error_for_status()?.bytes().await?.len())
}

async fn one<T: AsRef<str>>(
    host: String,
    make: impl Fn() -> T,
    begin: Instant,
) -> Result<(Vec<Duration>, usize), std::io::Error> {
    let mut stream = TcpStream::connect(&host).await?;
    stream.set_nodelay(true)?;
    let (mut times, mut buffer, mut size) = (Vec::new(), vec![0_u8; 256 * 1024], 0);
    let end = begin + MEASURED;
    while Instant::now() < end {
        let request = make();
        let asked = Instant::now();
        stream.write_all(request.as_ref().as_bytes()).await?;
        size = answer(&mut stream, &mut buffer).await?;
        if asked >= begin {
            times.push(asked.elapsed());
        }
    }
    Ok((times, size))
}

/// Reads one answer with a content length and gives the size of its body.
async fn answer(stream: &mut TcpStream, buffer: &mut [u8]) -> Result<usize, std::io::Error> {
    let broken = |what: &str| std::io::Error::other(what.to_owned());
    let mut read = 0;
    loop {
        let got = stream.read(buffer.get_mut(read..).unwrap_or_default()).await?;
        if got == 0 {
            return Err(broken("the connection was closed"));
        }
        read += got;
        let text = buffer.get(..read).unwrap_or_default();
        let Some(head) = text.windows(4).take(4_096).position(|w| w == b"\r\n\r\n") else { continue };
        let head_text = String::from_utf8_lossy(text.get(..head).unwrap_or_default()).to_ascii_lowercase();
        if !head_text.starts_with("http/1.1 20") {
            return Err(broken(&head_text));
        }
        let length: usize = head_text
            .lines()
            .find_map(|line| line.strip_prefix("content-length:"))
            .and_then(|value| value.trim().parse().ok())
            .ok_or_else(|| broken("the answer has no length"))?;
        let mut left = (head + 4 + length).saturating_sub(read);
        while left > 0 {
            let got = stream.read(buffer).await?;
            if got == 0 {
                return Err(broken("the connection was closed"));
            }
            left = left.saturating_sub(got);
        }
        return Ok(length);
    }
}
